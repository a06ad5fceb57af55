# Modules in flash, for ports built by cmake: README.md. The board sets PERMAFROST_PLAN and includes permafrost_config.h.
if(NOT EXISTS "${PERMAFROST_PLAN}")
    message(FATAL_ERROR "PERMAFROST_PLAN is the file that says which frozen modules become constants")
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(PERMAFROST ${CMAKE_CURRENT_LIST_DIR})
add_library(usermod_permafrost INTERFACE)
target_sources(usermod_permafrost INTERFACE ${PERMAFROST}/permafrost.c)
target_include_directories(usermod_permafrost INTERFACE ${PERMAFROST})
target_link_libraries(usermod INTERFACE usermod_permafrost)

# The copy of py/objtype.c takes its place among MicroPython's sources.
set(PERMAFROST_OBJTYPE ${CMAKE_BINARY_DIR}/permafrost/objtype.c)
execute_process(
    COMMAND ${Python3_EXECUTABLE} ${PERMAFROST}/objtype.py ${MICROPY_DIR}/py/objtype.c ${PERMAFROST_OBJTYPE}
    COMMAND_ERROR_IS_FATAL ANY
)
list(TRANSFORM MICROPY_SOURCE_PY REPLACE "^.*/objtype\\.c$" ${PERMAFROST_OBJTYPE})

# MicroPython's rules for frozen modules come after this file.
cmake_language(DEFER CALL include ${PERMAFROST}/deferred.cmake)
