# The C module _unosql, for ports built by cmake: USER_C_MODULES has the path of this file.
add_library(usermod_unosql INTERFACE)
target_sources(usermod_unosql INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/modunosql.c
    ${CMAKE_CURRENT_LIST_DIR}/deflate.c
    ${CMAKE_CURRENT_LIST_DIR}/delta.c
    ${CMAKE_CURRENT_LIST_DIR}/entries.c
    ${CMAKE_CURRENT_LIST_DIR}/headers.c
    ${CMAKE_CURRENT_LIST_DIR}/inflate.c
    ${CMAKE_CURRENT_LIST_DIR}/merge.c
    ${CMAKE_CURRENT_LIST_DIR}/sealing.c
)
target_link_libraries(usermod INTERFACE usermod_unosql)
