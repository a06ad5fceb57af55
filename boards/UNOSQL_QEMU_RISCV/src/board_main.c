// Start-up, the life of one interpreter, and reset.
//
// Stands in for the port's main(), which mounts no filesystem and runs neither
// boot.py nor main.py. Order and meaning are those of the boards users have.

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"

#include "board.h"

#define STACK_SIZE (16 * 1024)      // an ESP32's main task has as much
#define SMALLEST_HEAP (8 * 1024)
#define TEST_DEVICE (0x100000)      // QEMU's "sifive_test"
#define TEST_DEVICE_RESET (0x7777)

extern char _heap_start, _heap_end, _tls_start;     // from virt.ld
extern uint32_t _wanted_heap_size;

// The heap is the port's usual size, unless QEMU was started with
// -device loader,addr=0x80700000,data=BYTES,data-len=4
static size_t heap_size(void) {
    size_t limit = &_heap_end - &_heap_start;
    size_t wanted = _wanted_heap_size;
    return wanted ? MIN(MAX(wanted, SMALLEST_HEAP), limit) : MICROPY_HEAP_SIZE;
}

// Returns true if the user's code asked for a soft reset.
static bool run_startup_files(void) {
    pyexec_frozen_module("_boot.py", false);
    int result = pyexec_file_if_exists("boot.py");
    if (!(result & PYEXEC_FORCED_EXIT) && result != 0
        && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        result = pyexec_file_if_exists("main.py");
    }
    return result & PYEXEC_FORCED_EXIT;
}

static void run_repl(void) {
    int result;
    do {
        result = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
    } while (result == 0);
}

int __wrap_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    __asm volatile ("mv tp, %0" : : "r" (&_tls_start));
    board_console_init();
    mp_cstack_init_with_sp_here(STACK_SIZE);
    for (;;) {
        gc_init(&_heap_start, &_heap_start + heap_size());
        mp_init();
        readline_init0();
        if (!run_startup_files()) {
            run_repl();
        }
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all();
        mp_deinit();
    }
}

// machine.reset() ends in exit(0): on this board that restarts the machine, as a
// reset does on real ones. Any other status is a crash and still ends QEMU.
void __real_exit(int status);
void __wrap_exit(int status) {
    if (status == 0) {
        BOARD_REG32(TEST_DEVICE) = TEST_DEVICE_RESET;
    }
    __real_exit(status);
}

void __wrap_mp_hal_get_random(size_t n, uint8_t *buffer) {
    if (!virtio_rng_read(buffer, n)) {
        mp_raise_msg(&mp_type_OSError,
            MP_ERROR_TEXT("no entropy: start QEMU with -device virtio-rng-device"));
    }
}

unsigned long board_random_seed(void) {
    uint32_t seed;
    if (!virtio_rng_read((uint8_t *)&seed, sizeof(seed))) {
        seed = board_time_ns() ^ board_ticks();
    }
    return seed;
}
