# An ESP8266 with 2 MiB of flash or more. MicroPython's own layout: 1 MiB for the image,
# 988 KiB of that for code; what lies behind is divided by modules/flashbdev.py.
LD_FILES = boards/esp8266_2MiB.ld

MICROPY_VFS_FAT = 1
MICROPY_VFS_LFS2 = 1

# RAM and IRAM are what this chip lacks. unosql takes the place of btree; for ESP-NOW
# set MICROPY_PY_ESPNOW = 1 and freeze the port's espnow.py.
MICROPY_PY_BTREE = 0
MICROPY_PY_ESPNOW = 0

FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
USER_C_MODULES = $(BOARD_DIR)/../common/usermods
