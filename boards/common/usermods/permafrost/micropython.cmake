# Modules in flash, for ports built by cmake: README.md. The board includes permafrost_config.h, its manifest manifest.py.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_library(usermod_permafrost INTERFACE)
target_sources(usermod_permafrost INTERFACE ${CMAKE_CURRENT_LIST_DIR}/permafrost.c)
target_include_directories(usermod_permafrost INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(usermod INTERFACE usermod_permafrost)

# The copy of py/objtype.c takes its place among MicroPython's sources.
set(PERMAFROST_OBJTYPE ${CMAKE_BINARY_DIR}/permafrost/objtype.c)
execute_process(
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/objtype.py ${MICROPY_DIR}/py/objtype.c ${PERMAFROST_OBJTYPE}
    COMMAND_ERROR_IS_FATAL ANY
)
list(TRANSFORM MICROPY_SOURCE_PY REPLACE "^.*/objtype\\.c$" ${PERMAFROST_OBJTYPE})

# MicroPython's mkrules.cmake comes after this file, and makes the target for frozen modules. What is deferred is evaluated then.
set(PERMAFROST_DEFERRED ${CMAKE_CURRENT_LIST_DIR}/deferred.cmake)
cmake_language(DEFER CALL include ${PERMAFROST_DEFERRED})
