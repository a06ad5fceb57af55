// _unosql: what unosql does in C on our images. unosql/compression.py does without it where there is none.
//
// Memory: the functions allocate nothing; the memory they work in is the caller's, once for all calls. MicroPython's
// deflate module allocates 2 KB for each stream, in two pieces, and a small heap that has been used for a while has
// no such gaps. Exceptions: arguments are checked before anything is written. A stream that is damaged raises
// ValueError; what the target then holds means nothing.

#include <string.h>

#include "py/runtime.h"

#include "deflate.h"

// Work, as the header has it: aligned, and apart from what is written meanwhile.
IN_FLASH static void *get_work(mp_obj_t work_in, size_t size, const mp_buffer_info_t *target) {
    mp_buffer_info_t work;
    mp_get_buffer_raise(work_in, &work, MP_BUFFER_WRITE);
    const uint8_t *start = work.buf, *end = start + size, *written = target->buf;
    if (work.len < size || (uintptr_t)start % sizeof(uint16_t) != 0 || (written < end && start < written + target->len)) {
        mp_raise_ValueError(MP_ERROR_TEXT("work"));
    }
    return work.buf;
}

// inflate(source, target, work): fill target from a raw deflate stream; return how many bytes of it were filled.
// work: INFLATE_WORK bytes that hold nothing of source or target.
IN_FLASH static mp_obj_t inflate(mp_obj_t source_in, mp_obj_t target_in, mp_obj_t work_in) {
    mp_buffer_info_t source, target;
    mp_get_buffer_raise(source_in, &source, MP_BUFFER_READ);
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    inflate_work_t *work = get_work(work_in, sizeof(*work), &target);
    ptrdiff_t size = unosql_inflate(source.buf, source.len, target.buf, target.len, work);
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("not a deflate stream"));
    }
    return MP_OBJ_NEW_SMALL_INT(size);
}
static MP_DEFINE_CONST_FUN_OBJ_3(inflate_obj, inflate);

// deflate(source, target, work): return how many bytes the raw deflate stream of source has, or 0 when it is
// longer than target, which then holds only the start of it. work: DEFLATE_WORK bytes that hold nothing of either.
IN_FLASH static mp_obj_t deflate(mp_obj_t source_in, mp_obj_t target_in, mp_obj_t work_in) {
    mp_buffer_info_t source, target;
    mp_get_buffer_raise(source_in, &source, MP_BUFFER_READ);
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    deflate_work_t *work = get_work(work_in, sizeof(*work), &target);
    return MP_OBJ_NEW_SMALL_INT(unosql_deflate(source.buf, source.len, target.buf, target.len, work));
}
static MP_DEFINE_CONST_FUN_OBJ_3(deflate_obj, deflate);

static const mp_rom_map_elem_t unosql_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__unosql) },
    { MP_ROM_QSTR(MP_QSTR_DEFLATE_WORK), MP_ROM_INT(sizeof(deflate_work_t)) },
    { MP_ROM_QSTR(MP_QSTR_INFLATE_WORK), MP_ROM_INT(sizeof(inflate_work_t)) },
    { MP_ROM_QSTR(MP_QSTR_deflate), MP_ROM_PTR(&deflate_obj) },
    { MP_ROM_QSTR(MP_QSTR_inflate), MP_ROM_PTR(&inflate_obj) },
};
static MP_DEFINE_CONST_DICT(unosql_globals, unosql_globals_table);

const mp_obj_module_t unosql_cmodule = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&unosql_globals,
};

MP_REGISTER_MODULE(MP_QSTR__unosql, unosql_cmodule);
