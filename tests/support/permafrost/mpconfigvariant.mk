# The unix port with the modules of this folder frozen in, most of them as constants: for tests/unit/test_permafrost.py.
UNOSQL_BOARDS = $(VARIANT_DIR)/../../../boards

FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
USER_C_MODULES = $(UNOSQL_BOARDS)/common/usermods

MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0

include $(UNOSQL_BOARDS)/common/mbedtls.mk
