// Any module with an ESP32-S3 and at least 4 MiB of flash; quad PSRAM is found and used.
#define MICROPY_HW_BOARD_NAME "unosql on ESP32-S3"
#define MICROPY_HW_MCU_NAME "ESP32S3"

// The REPL on the UART too, for modules that do not wire their native USB.
#define MICROPY_HW_ENABLE_UART_REPL (1)

#define MICROPY_HW_I2C0_SCL (9)
#define MICROPY_HW_I2C0_SDA (8)

#include "../common/esp32/board.h"
