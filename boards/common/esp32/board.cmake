# What all ESP32 boards of unosql share; their mpconfigboard.cmake includes this last.

# ESP-IDF takes a partition table's path from sdkconfig only, where it cannot be relative to a board.
set(UNOSQL_SDKCONFIG_PARTITIONS ${CMAKE_BINARY_DIR}/sdkconfig.partitions)
file(WRITE ${UNOSQL_SDKCONFIG_PARTITIONS}
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CMAKE_CURRENT_LIST_DIR}/partitions.csv\"\n")

list(APPEND SDKCONFIG_DEFAULTS
    ${CMAKE_CURRENT_LIST_DIR}/sdkconfig.unosql
    ${UNOSQL_SDKCONFIG_PARTITIONS}
)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
list(APPEND USER_C_MODULES ${CMAKE_CURRENT_LIST_DIR}/../usermods/unosql/micropython.cmake)
