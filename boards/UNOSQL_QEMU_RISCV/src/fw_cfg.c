// Reads files that QEMU was given with -fw_cfg name=...,string=...
// Interface: QEMU, docs/specs/fw_cfg, the memory-mapped variant.

#include <string.h>

#include "board.h"

#define FW_CFG_DATA (0x10100000)
#define FW_CFG_SELECTOR (0x10100008)
#define KEY_DIRECTORY (0x19)

// All numbers in this interface are big-endian.
static void select_item(uint16_t key) {
    *(volatile uint16_t *)FW_CFG_SELECTOR = key << 8 | key >> 8;
}

static void read_bytes(void *buffer, size_t length) {
    for (uint8_t *p = buffer; length--;) {
        *p++ = BOARD_REG8(FW_CFG_DATA);
    }
}

static uint32_t read_number(size_t length) {
    uint32_t value = 0;
    while (length--) {
        value = value << 8 | BOARD_REG8(FW_CFG_DATA);
    }
    return value;
}

int fw_cfg_read(const char *name, char *buffer, size_t size) {
    select_item(KEY_DIRECTORY);
    for (uint32_t left = read_number(4); left; --left) {
        char entry_name[56];
        uint32_t length = read_number(4);
        uint16_t key = read_number(2);
        read_number(2);
        read_bytes(entry_name, sizeof(entry_name));
        if (strncmp(entry_name, name, sizeof(entry_name)) == 0 && length < size) {
            select_item(key);
            read_bytes(buffer, length);
            buffer[length] = 0;
            return length;
        }
    }
    return -1;
}
