# The unix port with what unosql's boards have: for fast tests and small heaps
# (-X heapsize=). MICROPY_FORCE_32BIT=1 gives objects the size they have on a board.

UNOSQL_BOARDS = $(VARIANT_DIR)/..

FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
USER_C_MODULES = $(UNOSQL_BOARDS)/common/usermods

# Not used by unosql, and each would need a library or a submodule.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0

include $(UNOSQL_BOARDS)/common/mbedtls.mk
