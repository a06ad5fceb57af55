// norflash.NORFlash: a block device over QEMU's CFI flash that behaves as NOR flash.
//
// QEMU's flash lets a program set any bit. Real flash only clears bits, and sets
// them by erasing a whole block; a store that forgets that works here and destroys
// data on a chip. So this device refuses what a chip could not do.
//
// Hardware: two 16-bit Intel-command (CFI command set 1) chips side by side, hence
// each command twice in one 32-bit word. QEMU's erase sectors are 256 KiB; real
// ones 4 KiB, so an erase is done as a write of ones, which QEMU allows.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "board.h"

#define FLASH_BASE (0x22000000)
#define FLASH_SIZE (0x2000000)
#define ERASE_BLOCK (4096)
#define PAGE (256)                          // programmed at a time, as on real chips
#define PAGE_WORDS (PAGE / 4)
#define COMMAND_WRITE_BUFFER (0x00e800e8)
#define COMMAND_CONFIRM (0x00d000d0)
#define COMMAND_READ (0x00ff00ff)

typedef struct _norflash_obj_t {
    mp_obj_base_t base;
    uint32_t start;
    uint32_t length;
    mp_uint_t bytes_read;
    mp_uint_t bytes_programmed;
    mp_uint_t blocks_erased;
} norflash_obj_t;

static const uint8_t *flash_at(uint32_t address) {
    return (const uint8_t *)(uintptr_t)(FLASH_BASE + address);
}

// Puts up to a page of words into the flash and returns it to reading.
static void write_words(uint32_t address, const uint32_t *words, size_t count) {
    uintptr_t flash = FLASH_BASE + address;
    BOARD_REG32(flash) = COMMAND_WRITE_BUFFER;
    BOARD_REG32(flash) = (count - 1) << 16 | (count - 1);
    for (size_t i = 0; i < count; ++i) {
        BOARD_REG32(flash + 4 * i) = words[i];
    }
    BOARD_REG32(flash) = COMMAND_CONFIRM;
    BOARD_REG32(flash) = COMMAND_READ;
}

static void erase_block(norflash_obj_t *self, uint32_t block) {
    uint32_t ones[PAGE_WORDS];
    memset(ones, 0xff, sizeof(ones));
    uint32_t address = self->start + block * ERASE_BLOCK;
    for (uint32_t end = address + ERASE_BLOCK; address < end; address += PAGE) {
        write_words(address, ones, PAGE_WORDS);
    }
    self->blocks_erased += 1;
}

static bool can_program(uint32_t address, const uint8_t *data, size_t length) {
    const uint8_t *flash = flash_at(address);
    for (size_t i = 0; i < length; ++i) {
        if (data[i] & ~flash[i]) {
            return false;
        }
    }
    return true;
}

// Part of one page. Whole words are written: bytes of a word outside the range are
// written with what they hold already.
static void program_page(uint32_t address, const uint8_t *data, size_t length) {
    uint32_t words[PAGE_WORDS];
    uint32_t first = address & ~3u;
    size_t count = (address + length - first + 3) / 4;
    memcpy(words, flash_at(first), count * 4);
    memcpy((uint8_t *)words + (address - first), data, length);
    write_words(first, words, count);
}

static void program(norflash_obj_t *self, uint32_t address, const uint8_t *data, size_t length) {
    if (!can_program(address, data, length)) {
        mp_raise_msg_varg(&mp_type_OSError,
            MP_ERROR_TEXT("NOR flash: program at 0x%x sets bits, erase first"), (unsigned int)(address - self->start));
    }
    self->bytes_programmed += length;
    while (length) {
        size_t step = MIN(length, PAGE - address % PAGE);
        program_page(address, data, step);
        address += step;
        data += step;
        length -= step;
    }
}

static mp_obj_t norflash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_start, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_len, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_uint_t start = args[0].u_int, length = args[1].u_int;
    if (start % ERASE_BLOCK || length % ERASE_BLOCK || !length || length > FLASH_SIZE || start > FLASH_SIZE - length) {
        mp_raise_ValueError(MP_ERROR_TEXT("start and len: multiples of 4096 within 32 MiB"));
    }
    norflash_obj_t *self = mp_obj_malloc(norflash_obj_t, type);
    self->start = start;
    self->length = length;
    self->bytes_read = self->bytes_programmed = self->blocks_erased = 0;
    return MP_OBJ_FROM_PTR(self);
}

static void norflash_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    norflash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "NORFlash(start=0x%x, len=0x%x)", (unsigned int)self->start, (unsigned int)self->length);
}

// Address of (block, offset), after checking that the transfer stays in the device.
static uint32_t checked_address(norflash_obj_t *self, mp_obj_t block_in, mp_int_t offset, size_t length) {
    mp_int_t block = mp_obj_get_int(block_in);
    if (block < 0 || offset < 0 || (mp_uint_t)block >= self->length / ERASE_BLOCK
        || (mp_uint_t)offset > self->length || length > self->length
        || block * ERASE_BLOCK + offset + length > self->length) {
        mp_raise_OSError(MP_EINVAL);
    }
    return self->start + block * ERASE_BLOCK + offset;
}

// readblocks(block, buffer, offset=0)
static mp_obj_t norflash_readblocks(size_t n_args, const mp_obj_t *args) {
    norflash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    uint32_t address = checked_address(self, args[1], offset, buffer.len);
    memcpy(buffer.buf, flash_at(address), buffer.len);
    self->bytes_read += buffer.len;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(norflash_readblocks_obj, 3, 4, norflash_readblocks);

// writeblocks(block, buffer) erases, then programs; with an offset it only programs.
static mp_obj_t norflash_writeblocks(size_t n_args, const mp_obj_t *args) {
    norflash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    mp_int_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    uint32_t address = checked_address(self, args[1], offset, buffer.len);
    if (n_args == 3) {
        if (buffer.len % ERASE_BLOCK) {
            mp_raise_OSError(MP_EINVAL);
        }
        for (size_t i = 0; i < buffer.len / ERASE_BLOCK; ++i) {
            erase_block(self, mp_obj_get_int(args[1]) + i);
        }
    }
    program(self, address, buffer.buf, buffer.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(norflash_writeblocks_obj, 3, 4, norflash_writeblocks);

static mp_obj_t norflash_ioctl(mp_obj_t self_in, mp_obj_t operation, mp_obj_t argument) {
    norflash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(operation)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self->length / ERASE_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(ERASE_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            checked_address(self, argument, 0, ERASE_BLOCK);
            erase_block(self, mp_obj_get_int(argument));
            return MP_OBJ_NEW_SMALL_INT(0);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(norflash_ioctl_obj, norflash_ioctl);

// stats() -> (bytes read, bytes programmed, blocks erased) by this object.
static mp_obj_t norflash_stats(mp_obj_t self_in) {
    norflash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_obj_t items[] = {
        mp_obj_new_int_from_uint(self->bytes_read),
        mp_obj_new_int_from_uint(self->bytes_programmed),
        mp_obj_new_int_from_uint(self->blocks_erased),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(norflash_stats_obj, norflash_stats);

static const mp_rom_map_elem_t norflash_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&norflash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&norflash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&norflash_ioctl_obj) },
    { MP_ROM_QSTR(MP_QSTR_stats), MP_ROM_PTR(&norflash_stats_obj) },
};
static MP_DEFINE_CONST_DICT(norflash_locals, norflash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    norflash_type,
    MP_QSTR_NORFlash,
    MP_TYPE_FLAG_NONE,
    make_new, norflash_make_new,
    print, norflash_print,
    locals_dict, &norflash_locals
    );

static const mp_rom_map_elem_t norflash_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_norflash) },
    { MP_ROM_QSTR(MP_QSTR_NORFlash), MP_ROM_PTR(&norflash_type) },
};
static MP_DEFINE_CONST_DICT(norflash_globals, norflash_globals_table);

const mp_obj_module_t norflash_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&norflash_globals,
};
MP_REGISTER_MODULE(MP_QSTR_norflash, norflash_module);
