// What the C files of this board share.
#ifndef UNOSQL_QEMU_RISCV_BOARD_H
#define UNOSQL_QEMU_RISCV_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define BOARD_REG8(address) (*(volatile uint8_t *)(uintptr_t)(address))

// board_time.c
uint64_t board_ticks(void);         // 10 MHz since power-on
uint64_t board_time_ns(void);       // wall clock, ns since 1970

// board_console.c
void board_console_init(void);
void board_console_poll(void);
void board_wait(int timeout_ms);    // sleep until input or time; negative: until input

// virtio_rng.c: fill with entropy from the host; false if QEMU has no such device.
bool virtio_rng_read(uint8_t *buffer, size_t length);

#endif
