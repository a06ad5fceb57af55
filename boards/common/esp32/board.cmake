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
list(APPEND USER_C_MODULES
    ${CMAKE_CURRENT_LIST_DIR}/../usermods/unosql/micropython.cmake
    ${CMAKE_CURRENT_LIST_DIR}/../usermods/permafrost/micropython.cmake
)

# No path of the building machine in an image, nor in its debug information. ESP-IDF maps its own folders to /IDF and the
# like; of two options that fit a path gcc takes the last. MicroPython's tree is a folder of links (firmware/worktree.py).
# Scripts that only read this file compile nothing.
if(NOT CMAKE_SCRIPT_MODE_FILE)
    get_filename_component(UNOSQL_ROOT ${CMAKE_CURRENT_LIST_DIR}/../../.. REALPATH)
    get_filename_component(UNOSQL_MICROPYTHON ${CMAKE_CURRENT_SOURCE_DIR}/../.. ABSOLUTE)
    get_filename_component(UNOSQL_MICROPYTHON_LINKED ${UNOSQL_MICROPYTHON}/py REALPATH)
    get_filename_component(UNOSQL_MICROPYTHON_LINKED ${UNOSQL_MICROPYTHON_LINKED} DIRECTORY)
    add_compile_options(
        -ffile-prefix-map=${UNOSQL_ROOT}=unosql
        -ffile-prefix-map=${UNOSQL_MICROPYTHON_LINKED}=micropython
        -ffile-prefix-map=${UNOSQL_MICROPYTHON}=micropython
        -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
    )
endif()
