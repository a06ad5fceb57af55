// Ticks from the RISC-V timer, wall-clock time from QEMU's Goldfish RTC, and delays.

#include "py/mphal.h"
#include "py/runtime.h"
#include "lib/oofatfs/ff.h"
#include "shared/timeutils/timeutils.h"

#include "board.h"

#define TICKS_PER_US (10)
#define TICKS_PER_MS (10000)
#define RTC_TIME_LOW (0x101000)     // reading it latches the high half
#define RTC_TIME_HIGH (0x101004)

uint64_t board_ticks(void) {
    uint32_t high, low, again;
    do {
        __asm volatile ("rdtimeh %0\n rdtime %1\n rdtimeh %2" : "=r" (high), "=r" (low), "=r" (again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

uint64_t board_time_ns(void) {
    uint32_t low = BOARD_REG32(RTC_TIME_LOW);
    return (uint64_t)BOARD_REG32(RTC_TIME_HIGH) << 32 | low;
}

// Nanoseconds since MicroPython's own epoch, 2000 on this board.
uint64_t mp_hal_time_ns(void) {
    return board_time_ns() - TIMEUTILS_SECONDS_1970_TO_2000 * 1000000000ULL;
}

mp_uint_t __wrap_mp_hal_ticks_ms(void) {
    return board_ticks() / TICKS_PER_MS;
}

mp_uint_t __wrap_mp_hal_ticks_us(void) {
    return board_ticks() / TICKS_PER_US;
}

mp_uint_t __wrap_mp_hal_ticks_cpu(void) {
    return board_ticks();
}

// Ctrl-C and scheduled callbacks are served while waiting.
void __wrap_mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = board_ticks() + (uint64_t)ms * TICKS_PER_MS;
    mp_handle_pending(true);
    for (uint64_t now = board_ticks(); now < end; now = board_ticks()) {
        board_wait((end - now + TICKS_PER_MS - 1) / TICKS_PER_MS);
        mp_handle_pending(true);
    }
}

void __wrap_mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = board_ticks() + (uint64_t)us * TICKS_PER_US;
    while (board_ticks() < end) {
    }
}

// The time stamp that FAT puts on files: 7 bits of years since 1980, 4 of month,
// 5 of day, 5 of hours, 6 of minutes, 5 of seconds by two.
DWORD get_fattime(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_2000_to_struct_time(mp_hal_time_ns() / 1000000000ULL, &tm);
    return (DWORD)(tm.tm_year - 1980) << 25 | tm.tm_mon << 21 | tm.tm_mday << 16
           | tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2;
}
