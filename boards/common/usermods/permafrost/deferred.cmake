# Runs when MicroPython's mkrules.cmake has defined how frozen modules are made: makes them anew, with constants.
# ${_manifest_var_args} and the other variables are those of the command there.
add_custom_target(permafrost_moduledefs DEPENDS ${MICROPY_MODULEDEFS})
add_dependencies(BUILD_FROZEN_CONTENT permafrost_moduledefs)
add_custom_command(
    TARGET BUILD_FROZEN_CONTENT POST_BUILD
    COMMAND ${Python3_EXECUTABLE} ${PERMAFROST}/makemanifest.py ${PERMAFROST_PLAN} -o ${MICROPY_FROZEN_CONTENT} ${_manifest_var_args}
        -b "${CMAKE_BINARY_DIR}" ${MICROPY_CROSS_FLAGS} --mpy-tool-flags=${MICROPY_MPY_TOOL_FLAGS} ${MICROPY_FROZEN_MANIFEST}
    VERBATIM
)
