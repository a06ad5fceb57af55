# The part of mbedtls that cryptolib (AES) and hashlib (SHA-256) call, and nothing else.
#
# Including the whole library would need MicroPython's TLS glue and a tree with all
# submodules; four C files do. MBEDTLS_DIR is a checked-out mbedtls 3.x tree.

ifeq ($(wildcard $(MBEDTLS_DIR)/library/aes.c),)
$(error MBEDTLS_DIR has no library/aes.c; build through "make firmware" in unosql's root)
endif

vpath %.c $(MBEDTLS_DIR)/library
SRC_THIRDPARTY_C += aes.c constant_time.c platform_util.c sha256.c

# MICROPY_SSL_MBEDTLS is meant for C alone: set in make it would pull in all of TLS.
CFLAGS_THIRDPARTY += -DMICROPY_SSL_MBEDTLS=1
CFLAGS_THIRDPARTY += -I$(MBEDTLS_DIR)/include -I$(UNOSQL_BOARDS)/common
CFLAGS_THIRDPARTY += -DMBEDTLS_CONFIG_FILE='"unosql_mbedtls_config.h"'
