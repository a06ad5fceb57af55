# Freezing needs to know which modules the firmware's C has.
add_custom_target(permafrost_moduledefs DEPENDS ${MICROPY_MODULEDEFS})
add_dependencies(BUILD_FROZEN_CONTENT permafrost_moduledefs)
