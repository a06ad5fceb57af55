// _unosql: deflate and inflate from one buffer into another, in memory that the caller brings.
//
// MicroPython's deflate module allocates 2 KB for each stream, in two pieces, and reads and writes it byte by
// byte through a stream object. A small heap that has been used for a while has no such gaps. The work is done
// by the same library, so that both give the same bytes. unosql/compression.py does without this module
// where there is none.

#include <string.h>
#include "py/runtime.h"
#include "lib/uzlib/uzlib.h"

#if MICROPY_PY_DEFLATE && MICROPY_PY_DEFLATE_COMPRESS

#define WINDOW (512)    // a power of 2; unosql's blocks are deflated with wbits=9

// The ESP8266's linker script puts code in RAM (32 KB, full) unless it knows the file, or the section says flash.
#ifdef ICACHE_FLASH
#define IN_FLASH __attribute__((section(".irom0.text")))
#else
#define IN_FLASH
#endif

// The memory that either call needs. Inflating takes no window: it looks back in its output.
typedef union {
    uzlib_uncomp_t inflate;
    uint8_t window[WINDOW];
} work_t;

typedef struct {
    uint8_t *next;
    uint8_t *end;
} sink_t;

IN_FLASH static work_t *get_work(mp_obj_t work_in) {
    mp_buffer_info_t work;
    mp_get_buffer_raise(work_in, &work, MP_BUFFER_WRITE);
    if (work.len < sizeof(work_t) || (uintptr_t)work.buf % sizeof(void *) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("work"));
    }
    return work.buf;
}

// inflate(source, target, work): fill target from a raw deflate stream; return how many bytes of it were filled.
IN_FLASH static mp_obj_t inflate(mp_obj_t source_in, mp_obj_t target_in, mp_obj_t work_in) {
    mp_buffer_info_t source, target;
    mp_get_buffer_raise(source_in, &source, MP_BUFFER_READ);
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    uzlib_uncomp_t *state = &get_work(work_in)->inflate;
    if (target.len == 0) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    memset(state, 0, sizeof(*state));
    uzlib_uncompress_init(state, NULL, 0);
    state->source = source.buf;
    state->source_limit = state->source + source.len;
    state->dest_start = state->dest = target.buf;
    state->dest_limit = state->dest + target.len;
    if (uzlib_uncompress(state) < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("not a deflate stream"));
    }
    return MP_OBJ_NEW_SMALL_INT(state->dest - state->dest_start);
}
static MP_DEFINE_CONST_FUN_OBJ_3(inflate_obj, inflate);

IN_FLASH static void put_byte(void *data, uint8_t byte) {
    sink_t *sink = data;
    if (sink->next < sink->end) {
        *sink->next = byte;
    }
    sink->next++;
}

// deflate(source, target, work): return how many bytes the raw deflate stream of source has, or 0 when it is
// longer than target, which then holds only the start of it.
IN_FLASH static mp_obj_t deflate(mp_obj_t source_in, mp_obj_t target_in, mp_obj_t work_in) {
    mp_buffer_info_t source, target;
    mp_get_buffer_raise(source_in, &source, MP_BUFFER_READ);
    mp_get_buffer_raise(target_in, &target, MP_BUFFER_WRITE);
    uint8_t *start = target.buf;
    sink_t sink = { start, start + target.len };
    uzlib_lz77_state_t state;
    uzlib_lz77_init(&state, get_work(work_in)->window, WINDOW);
    state.dest_write_data = &sink;
    state.dest_write_cb = put_byte;
    uzlib_start_block(&state);
    uzlib_lz77_compress(&state, source.buf, source.len);
    uzlib_finish_block(&state);
    return MP_OBJ_NEW_SMALL_INT(sink.next > sink.end ? 0 : sink.next - start);
}
static MP_DEFINE_CONST_FUN_OBJ_3(deflate_obj, deflate);

static const mp_rom_map_elem_t unosql_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__unosql) },
    { MP_ROM_QSTR(MP_QSTR_WORK), MP_ROM_INT(sizeof(work_t)) },
    { MP_ROM_QSTR(MP_QSTR_inflate), MP_ROM_PTR(&inflate_obj) },
    { MP_ROM_QSTR(MP_QSTR_deflate), MP_ROM_PTR(&deflate_obj) },
};
static MP_DEFINE_CONST_DICT(unosql_globals, unosql_globals_table);

const mp_obj_module_t unosql_cmodule = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&unosql_globals,
};

MP_REGISTER_MODULE(MP_QSTR__unosql, unosql_cmodule);

#endif
