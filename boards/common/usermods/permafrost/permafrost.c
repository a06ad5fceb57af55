// import of modules in flash: README.md.
//
// A package in flash is found where it would be found frozen: at ".frozen" in sys.path, files before it win. It is then put
// into sys.modules. MicroPython finds the modules within it by itself, as it does for packages of C: its globals are in flash,
// and have them as attributes.

#include <string.h>
#include "py/builtin.h"
#include "py/emitglue.h"
#include "py/runtime.h"
#include "permafrost.h"

// The ESP8266's linker script puts code in RAM (32 KB, full) unless it knows the file, or the section says flash.
#ifdef ICACHE_FLASH
#define IN_FLASH __attribute__((section(".irom0.text")))
#else
#define IN_FLASH
#endif

// Modules in RAM lie among the collector's roots, so that their address is a constant: each is a mp_module_context_t.
MP_REGISTER_ROOT_POINTER(void *permafrost_slots[3][4]);
_Static_assert(sizeof(MP_STATE_VM(permafrost_slots)) == PERMAFROST_SLOTS * sizeof(mp_module_context_t), "PERMAFROST_SLOTS");

IN_FLASH static bool is_file(vstr_t *path, const char *ending, mp_import_stat_t kind) {
    size_t length = path->len;
    vstr_add_str(path, ending);
    bool found = mp_import_stat(vstr_null_terminated_str(path)) == kind;
    path->len = length;
    return found;
}

IN_FLASH static bool is_in(const char *folder, size_t length, const char *name) {
    VSTR_FIXED(path, MICROPY_ALLOC_PATH_MAX);
    if (length) {
        vstr_add_strn(&path, folder, length);
        vstr_add_char(&path, '/');
    }
    vstr_add_str(&path, name);
    return is_file(&path, "", MP_IMPORT_STAT_DIR) || is_file(&path, ".py", MP_IMPORT_STAT_FILE)
           || is_file(&path, ".mpy", MP_IMPORT_STAT_FILE);
}

// Whether ".frozen" comes before any file of that name.
IN_FLASH static bool is_found_frozen(const char *name) {
    size_t count;
    mp_obj_t *folders;
    mp_obj_get_array(mp_sys_path, &count, &folders);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *folder = mp_obj_str_get_data(folders[i], &length);
        if (strcmp(folder, ".frozen") == 0) {
            return true;
        }
        if (is_in(folder, length, name)) {
            return false;
        }
    }
    return false;
}

IN_FLASH static void run(const mp_module_context_t *module, const void *body) {
    nlr_jump_callback_node_globals_locals_t before;
    before.globals = mp_globals_get();
    before.locals = mp_locals_get();
    mp_globals_set(module->module.globals);
    mp_locals_set(module->module.globals);
    nlr_push_jump_callback(&before.callback, mp_globals_locals_set_from_nlr_jump_callback);
    mp_call_function_0(mp_make_function_from_proto_fun(body, module, NULL));
    nlr_pop_jump_callback(true);
}

// Give a package's modules in RAM their globals, then run what bodies there are.
IN_FLASH static void fill_slots(qstr package) {
    mp_module_context_t *slots = (mp_module_context_t *)MP_STATE_VM(permafrost_slots);
    for (size_t i = 0; permafrost_contents[i].package; i++) {
        if (permafrost_contents[i].package == package) {
            slots[i].module.base.type = &mp_type_module;
            slots[i].module.globals = MP_OBJ_TO_PTR(mp_obj_dict_copy(MP_OBJ_FROM_PTR(permafrost_contents[i].names)));
            slots[i].constants = permafrost_contents[i].constants;
        }
    }
    for (size_t i = 0; permafrost_contents[i].package; i++) {
        if (permafrost_contents[i].package == package && permafrost_contents[i].body) {
            run(&slots[i], permafrost_contents[i].body);
        }
    }
}

typedef struct {
    nlr_jump_callback_node_t callback;
    qstr name;
} failure_t;

IN_FLASH static void forget(void *failure) {
    mp_map_lookup(&MP_STATE_VM(mp_loaded_modules_dict).map, MP_OBJ_NEW_QSTR(((failure_t *)failure)->name), MP_MAP_LOOKUP_REMOVE_IF_FOUND);
}

IN_FLASH static void open_package(const permafrost_package_t *package) {
    failure_t failure;
    failure.name = package->name;
    mp_obj_dict_store(MP_OBJ_FROM_PTR(&MP_STATE_VM(mp_loaded_modules_dict)), MP_OBJ_NEW_QSTR(package->name), MP_OBJ_FROM_PTR(package->module));
    nlr_push_jump_callback(&failure.callback, forget);
    fill_slots(package->name);
    nlr_pop_jump_callback(false);
}

// The name that an import begins with: that of the module asked for, or, when that is relative, of the one that asks.
IN_FLASH static qstr first_name(size_t n_args, const mp_obj_t *args) {
    mp_obj_t name = args[0];
    if (n_args >= 5 && args[4] != MP_OBJ_NEW_SMALL_INT(0)) {
        name = mp_obj_dict_get(MP_OBJ_FROM_PTR(mp_globals_get()), MP_OBJ_NEW_QSTR(MP_QSTR___name__));
    }
    size_t length;
    const char *text = mp_obj_str_get_data(name, &length);
    const char *dot = memchr(text, '.', length);
    return qstr_find_strn(text, dot ? (size_t)(dot - text) : length);
}

// Called for each import in place of MicroPython's function, which then does the work.
IN_FLASH mp_obj_t permafrost_import(size_t n_args, const mp_obj_t *args) {
    qstr name = first_name(n_args, args);
    for (const permafrost_package_t *package = permafrost_packages; package->name; package++) {
        if (package->name == name
            && !mp_map_lookup(&MP_STATE_VM(mp_loaded_modules_dict).map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP)
            && is_found_frozen(qstr_str(name))) {
            open_package(package);
        }
    }
    return mp_builtin___import___default(n_args, args);
}
