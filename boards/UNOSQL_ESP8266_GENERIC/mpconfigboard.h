// Any module with an ESP8266 and at least 2 MiB of flash.
#define MICROPY_HW_BOARD_NAME "unosql on ESP8266"
#define MICROPY_HW_MCU_NAME "ESP8266"

// As in MicroPython's own image for 2 MiB.
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_EMIT_XTENSA (1)
#define MICROPY_EMIT_INLINE_XTENSA (1)
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_NORMAL)
#define MICROPY_VFS (1)
#define MICROPY_READER_VFS (MICROPY_VFS)

#define MICROPY_PY_CRYPTOLIB (1)
#define MICROPY_PY_DEFLATE_COMPRESS (1)  // upstream's images can only decompress

#include "../common/usermods/permafrost/permafrost_config.h"
