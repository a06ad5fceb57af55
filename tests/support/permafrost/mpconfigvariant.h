#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "../../../boards/common/usermods/permafrost/permafrost_config.h"
#include "variants/mpconfigvariant_common.h"
