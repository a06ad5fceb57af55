set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.ble
)

include(${MICROPY_BOARD_DIR}/../common/esp32/board.cmake)
