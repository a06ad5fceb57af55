// The port's configuration, then what this board changes in it. ports/qemu sets
// several options without an #ifndef, so they have to be taken back first.
#include "mpconfigport.h"
#include "../common/usermods/permafrost/permafrost_config.h"

#undef MICROPY_HW_BOARD_NAME
#define MICROPY_HW_BOARD_NAME "unosql on QEMU RISC-V virt"

#undef MICROPY_EMIT_RV32_ZBA                // the C3 has no Zba
#define MICROPY_EMIT_RV32_ZBA (0)

// Language and modules.
#define MICROPY_ENABLE_FINALISER (1)        // open files are closed by the collector
#define MICROPY_PY_DEFLATE_COMPRESS (1)
#define MICROPY_PY_CRYPTOLIB (1)
#define MICROPY_PY_CRYPTOLIB_CONSTS (1)
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_URANDOM (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER          // mpremote mount and fs need it
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

// random starts from the clock where there is no entropy device: it promises nothing.
unsigned long board_random_seed(void);
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (board_random_seed())

// Time.
#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_INCLUDEFILE "board_modtime.h"

// Filesystems.
#define MICROPY_FATFS_ENABLE_LFN (1)
#define MICROPY_FATFS_LFN_CODE_PAGE 437
#define MICROPY_FATFS_RPATH (2)
#define MICROPY_FATFS_MAX_SS (4096)

// Up to 1.27 each port brings os.urandom; from 1.28 on extmod has it.
#if MICROPY_VERSION < MICROPY_MAKE_VERSION(1, 28, 0)
#define MICROPY_PY_OS_INCLUDEFILE "board_modos.h"
#endif

// Ctrl-C while a program runs: look at the serial port every so many jumps.
void board_console_poll(void);
#define BOARD_VM_HOOK_INTERVAL (32)
#define MICROPY_VM_HOOK_INIT static unsigned int board_vm_hook_left = BOARD_VM_HOOK_INTERVAL;
#define BOARD_VM_HOOK \
    if (--board_vm_hook_left == 0) { \
        board_vm_hook_left = BOARD_VM_HOOK_INTERVAL; \
        board_console_poll(); \
    }
#define MICROPY_VM_HOOK_LOOP BOARD_VM_HOOK
#define MICROPY_VM_HOOK_RETURN BOARD_VM_HOOK

// Waiting sleeps the CPU, so an idle board costs its host no core.
void board_wait(int timeout_ms);
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) board_wait(TIMEOUT_MS)
