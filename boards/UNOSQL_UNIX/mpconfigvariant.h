#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// As on the boards; MicroPython's own unix variants get these with TLS.
#define MICROPY_PY_DEFLATE_COMPRESS (1)
#define MICROPY_PY_CRYPTOLIB (1)
#define MICROPY_PY_CRYPTOLIB_CONSTS (1)

#include "../common/usermods/permafrost/permafrost_config.h"
#include "variants/mpconfigvariant_common.h"
