// What unosql changes in MicroPython on every ESP32; mpconfigboard.h of each board includes it.
#define MICROPY_PY_DEFLATE_COMPRESS (1)  // upstream's images can only decompress
#include "../usermods/permafrost/permafrost_config.h"
