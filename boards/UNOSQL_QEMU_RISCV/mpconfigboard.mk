# QEMU's RISC-V `virt` machine with a flash filesystem, a raw flash partition for
# unosql, a clock and real entropy. Built by ports/qemu through BOARD_DIR=.

QEMU_ARCH = riscv32
QEMU_MACHINE = virt
UNOSQL_BOARDS = $(BOARD_DIR)/..

# The ESP32-C3's instruction set. GCC 12's table of libraries has no "_zicsr"
# entries; ISA spec 2.2 counts those instructions as part of the base set.
RV32_ARCH = rv32imc
AFLAGS += -misa-spec=2.2
MPY_CROSS_FLAGS += -march=rv32imc

CFLAGS += -DQEMU_SOC_VIRT
CFLAGS += -DMICROPY_HW_MCU_NAME='"$(RV32_ARCH)"'
CFLAGS += -DMP_CONFIGFILE='"mpconfigboard.h"' -I$(BOARD_DIR) -I$(BOARD_DIR)/src
QSTR_GLOBAL_DEPENDENCIES += $(BOARD_DIR)/mpconfigboard.h

LDSCRIPT = $(BOARD_DIR)/virt.ld
SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o

FROZEN_MANIFEST = $(BOARD_DIR)/manifest.py
USER_C_MODULES = $(UNOSQL_BOARDS)/common/usermods
MICROPY_VFS_LFS2 = 1
MICROPY_VFS_FAT = 1

vpath %.c $(BOARD_DIR)/src
SRC_C += board_main.c board_console.c board_time.c norflash.c virtio_rng.c
SRC_C += shared/timeutils/timeutils.c

# The port defines some of these itself, depending on the release. Wrapping them
# puts the board's own in their place without a patch, whether they exist or not.
WRAPPED = main exit uart_rx_chr mp_hal_stdin_rx_chr mp_hal_stdio_poll \
	mp_hal_ticks_ms mp_hal_ticks_us mp_hal_ticks_cpu \
	mp_hal_delay_ms mp_hal_delay_us mp_hal_get_random
LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))
comma = ,

include $(UNOSQL_BOARDS)/common/mbedtls.mk
