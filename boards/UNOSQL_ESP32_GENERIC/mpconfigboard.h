// Any module with a classic ESP32 and at least 4 MiB of flash.
#define MICROPY_HW_BOARD_NAME "unosql on ESP32"
#define MICROPY_HW_MCU_NAME "ESP32"

#include "../common/esp32/board.h"
