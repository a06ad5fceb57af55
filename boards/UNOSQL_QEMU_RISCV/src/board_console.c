// The serial console: buffered input, Ctrl-C while a program runs, and sleeping
// until there is something to do.
//
// Interrupts are never taken (no handler runs): they only end the CPU's "wait for
// interrupt", and their pending bit tells cheaply whether the UART is worth a look.

#include "py/mphal.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "board.h"

#define UART_DIVISOR (0x10000000)
#define UART_IER (0x10000001)
#define UART_FCR (0x10000002)
#define UART_LCR (0x10000003)
#define UART_IRQ (10)
#define PLIC_PRIORITY(irq) (0x0c000000 + 4 * (irq))
#define PLIC_ENABLE (0x0c002000)
#define PLIC_CLAIM (0x0c200004)
#define TIMER_COMPARE_LOW (0x02004000)
#define TIMER_COMPARE_HIGH (0x02004004)
#define TICKS_PER_MS (10000)

#define MSTATUS_MIE (1 << 3)
#define MIE_TIMER (1 << 7)
#define MIE_EXTERNAL (1 << 11)

// Longest sleep: a wake-up that went missing delays input by no more than this.
#define LONGEST_WAIT_MS (50)

static uint8_t rx_bytes[512];
static ringbuf_t rx = { rx_bytes, sizeof(rx_bytes), 0, 0 };

int __real_uart_rx_chr(void);

static bool interrupt_pending(void) {
    uint32_t mip;
    __asm volatile ("csrr %0, mip" : "=r" (mip));
    return mip & MIE_EXTERNAL;
}

static void set_timer(uint64_t when) {
    BOARD_REG32(TIMER_COMPARE_HIGH) = UINT32_MAX;   // no false match between the halves
    BOARD_REG32(TIMER_COMPARE_LOW) = (uint32_t)when;
    BOARD_REG32(TIMER_COMPARE_HIGH) = (uint32_t)(when >> 32);
}

// QEMU moves as many bytes at a time as the FIFO's trigger level asks for, so that is
// set to the highest; fewer bytes are announced after four times what one takes at
// the baud rate, so that is set high too.
static void init_uart(void) {
    BOARD_REG8(UART_LCR) = 0x80;                    // the divisor is at the first registers
    BOARD_REG8(UART_DIVISOR) = 1;
    BOARD_REG8(UART_DIVISOR + 1) = 0;
    BOARD_REG8(UART_LCR) = 0x03;                    // 8 data bits
    BOARD_REG8(UART_FCR) = 0xc7;                    // FIFOs on and empty, trigger at 14 bytes
    BOARD_REG8(UART_IER) = 0x01;                    // interrupt on received data
}

void board_console_init(void) {
    __asm volatile ("csrc mstatus, %0" : : "r" (MSTATUS_MIE));
    set_timer(UINT64_MAX);
    BOARD_REG32(PLIC_PRIORITY(UART_IRQ)) = 1;
    BOARD_REG32(PLIC_ENABLE) = 1 << UART_IRQ;
    init_uart();
    __asm volatile ("csrs mie, %0" : : "r" (MIE_TIMER | MIE_EXTERNAL));
}

static void drain_uart(void) {
    while (ringbuf_free(&rx)) {
        int c = __real_uart_rx_chr();
        if (c < 0) {
            return;
        }
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ringbuf_put(&rx, c);
        }
    }
}

static void receive(void) {
    uint32_t irq = BOARD_REG32(PLIC_CLAIM);
    drain_uart();
    if (irq) {
        BOARD_REG32(PLIC_CLAIM) = irq;
    }
}

// Called by the VM's hook. A full buffer left bytes in the UART without an
// interrupt to announce them, so then it always looks.
void board_console_poll(void) {
    static bool was_full;
    if (was_full || interrupt_pending()) {
        receive();
        was_full = ringbuf_free(&rx) == 0;
    }
}

void board_wait(int timeout_ms) {
    if (timeout_ms < 0 || timeout_ms > LONGEST_WAIT_MS) {
        timeout_ms = LONGEST_WAIT_MS;
    }
    if (timeout_ms && !interrupt_pending() && !ringbuf_avail(&rx)) {
        set_timer(board_ticks() + (uint64_t)timeout_ms * TICKS_PER_MS);
        __asm volatile ("wfi");
        set_timer(UINT64_MAX);
    }
    receive();
}

int __wrap_uart_rx_chr(void) {
    receive();
    return ringbuf_get(&rx);
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    for (;;) {
        int c = __wrap_uart_rx_chr();
        if (c >= 0) {
            return c;
        }
        mp_handle_pending(true);
        board_wait(-1);
    }
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    receive();
    if (ringbuf_avail(&rx)) {
        ready |= poll_flags & MP_STREAM_POLL_RD;
    }
    return ready;
}
