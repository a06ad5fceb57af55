// Any module with an ESP32-C3 (revision 3 or later) and at least 4 MiB of flash.
#define MICROPY_HW_BOARD_NAME "unosql on ESP32-C3"
#define MICROPY_HW_MCU_NAME "ESP32C3"

// The REPL on the UART too, for modules that do not wire their native USB.
#define MICROPY_HW_ENABLE_UART_REPL (1)

#include "../common/esp32/board.h"
