"""Writes values as constants in C: structures that MicroPython would make on the heap."""
from .body import EXCEPTIONS
from .values import Builtin, BuiltinModule, BuiltinType, Cell, Class, Dict, Function, Method, Module, Property, Unique, is_plain

GENERATOR = 1  # MP_SCOPE_FLAG_GENERATOR
SPECIAL = ("__setattr__", "__delattr__")
UNTOLD = ("__module__", "__qualname__")  # what a class statement adds; MicroPython takes a class's name from elsewhere
# Methods that are no operators.
PLAIN = {"__%s__" % name for name in (
    "bool", "del", "enter", "exit", "getattr", "hash", "init", "len", "module", "name", "new", "next", "qualname", "repr", "setattr", "str",
)}
OPERATIONS = {
    "call": "mp_obj_instance_call", "binary_op": "instance_binary_op", "subscr": "instance_subscr", "iter": "mp_obj_instance_getiter",
    "buffer": "instance_get_buffer",
}
FEW = 16  # entries of a dict are found as fast one after the other
HEAD = """
// Modules as constants: permafrost/README.md.
#include "py/bc.h"
#include "py/builtin.h"
#include "py/objfun.h"
#include "py/objmodule.h"
#include "py/objtuple.h"
#include "py/objtype.h"
#include "py/runtime.h"
#include "permafrost.h"

extern const mp_obj_type_t mp_type_closure;
typedef struct { mp_obj_base_t base; mp_rom_obj_t obj; } permafrost_cell_t;
typedef struct { mp_obj_base_t base; mp_rom_obj_t parts[3]; } permafrost_property_t;

// A function, as mp_obj_fun_bc_t with count arguments behind it.
#define PERMAFROST_FUNCTION(count) \\
    struct { mp_obj_base_t base; const mp_module_context_t *context; const void *children; const byte *bytecode; \\
             PERMAFROST_RAW_CODE mp_rom_obj_t arguments[count]; }
#if MICROPY_PY_SYS_SETTRACE
#define PERMAFROST_RAW_CODE const void *raw_code;
#else
#define PERMAFROST_RAW_CODE
#endif
_Static_assert(sizeof(PERMAFROST_FUNCTION(0)) == sizeof(mp_obj_fun_bc_t), "mp_obj_fun_bc_t is another than expected");

#define PERMAFROST_CLASS(name, text, more, ...) \\
    static MP_DEFINE_CONST_OBJ_TYPE(name, text, PERMAFROST_CLASS_FLAGS | more, \\
        make_new, mp_obj_instance_make_new, print, instance_print, unary_op, instance_unary_op, attr, mp_obj_instance_attr, __VA_ARGS__)

// What is left of these modules where a file name leads to them: an empty body.
static const byte permafrost_nothing[] = { 0x00, 0x02, 0x00, 0x51, 0x63 };
static const qstr_short_t permafrost_no_names[] = { MP_QSTR_ };
static const mp_frozen_module_t permafrost_gone = { { (qstr_short_t *)permafrost_no_names, NULL }, permafrost_nothing };
"""


class Emitter:
    """Collects lines of C. Each value is written once, before what refers to it; modules and classes are declared first.

    tool: mpy-tool, which prints, too. out: a function that takes a line.
    """

    def __init__(self, tool, out):
        self._tool = tool
        self._hash_bytes = tool.config.MICROPY_QSTR_BYTES_IN_HASH
        self._out = out
        self._written = {}  # id of a value -> (the value, C)
        self._shared = {}  # (type, repr) of a number, text, bytes, or tuple of these -> C: all modules have the same one
        self._count = 0
        self._owner = ""  # the module that names are for
        self._writers = {
            tuple: self._tuple, Dict: self._dict, Unique: self._unique, Method: self._method, Property: self._property, Cell: self._cell,
            Function: self._function, Class: self._class, Builtin: self._builtin, BuiltinType: self._builtin,
            BuiltinModule: self._builtin_module,
        }

    def code(self, module):
        """Write the bytecode of a module's functions as mpy-tool does."""
        for body in sorted(module.bodies, key=lambda body: body.escaped_name):
            for child in body.children:
                if child not in module.bodies:
                    child.freeze()

    def declare(self, modules):
        for module in modules:
            if module.keeps == "flash":
                self._out("static const mp_module_context_t %s;" % self._context(module))

    def module(self, module):
        """Write a module's globals, and where it does not stay in RAM the module."""
        name = self._owner = module.source.escaped_name
        if module.keeps != "run":
            module.source.freeze_constant_obj = self._constant
            module.source.freeze_constants()
        self._map("permafrost_names_" + name, module.names, dense=module.keeps != "flash")
        if module.keeps == "flash":
            self._out("static const mp_module_context_t %s = {{{&mp_type_module}, (mp_obj_dict_t *)&permafrost_names_%s}, %s};" % (
                self._context(module), name, self.constants(module)))

    def _constant(self, name, value):
        """C for an object in a module's table. name: where it needs one."""
        if type(value) in self._writers or isinstance(value, Module):
            return self.value(value)
        if not is_plain(value):
            return self._tool.CompiledModule.freeze_constant_obj(None, name, value)
        return self._share(value, lambda: self._tool.CompiledModule.freeze_constant_obj(None, name, value))

    def _share(self, value, write):
        key = type(value), repr(value)
        if key not in self._shared:
            self._shared[key] = write()
        return self._shared[key]

    def constants(self, module):
        """The mp_module_constants_t of a module."""
        source, name = module.source, module.source.escaped_name
        names = "(qstr_short_t *)const_qstr_table_data_" + name if source.qstr_table else "NULL"
        objects = "(mp_obj_t *)const_obj_table_data_" + name if source.obj_table else "NULL"
        return "{%s, %s}" % (names, objects)

    def address(self, module):
        """C for a pointer to a module."""
        return "&" + self._context(module)

    def _context(self, module):
        if module.keeps == "flash":
            return "permafrost_module_" + module.source.escaped_name
        return "MP_STATE_VM(permafrost_slots)[%d]" % module.slot

    def value(self, value):
        """C for a value, as an initialiser of a mp_rom_obj_t."""
        if isinstance(value, tuple) and is_plain(value):
            return "MP_ROM_PTR(&%s)" % self._share(value, lambda: self._tuple(value))
        if is_plain(value):
            return self._constant(self._name("constant"), value)
        if isinstance(value, Module):
            return "MP_ROM_PTR(%s)" % self.address(value)
        if id(value) not in self._written:
            self._written[id(value)] = value, self._writers[type(value)](value)
        return "MP_ROM_PTR(&%s)" % self._written[id(value)][1]

    def _name(self, kind):
        self._count += 1
        return "permafrost_%s_%s_%d" % (kind, self._owner, self._count)

    def _builtin(self, value):
        return value.symbol

    def _builtin_module(self, value):
        self._out("extern const mp_obj_module_t %s;" % value.symbol)
        return value.symbol

    def _tuple(self, items):
        if not items:
            return "mp_const_empty_tuple_obj"
        parts = ", ".join([self.value(item) for item in items])
        name = self._name("tuple")
        self._out("static const mp_rom_obj_tuple_t %s = {{&mp_type_tuple}, %d, {%s}};" % (name, len(items), parts))
        return name

    def _dict(self, value):
        named = all(isinstance(key, str) and self._tool.global_qstrs.find_by_str(key) for key, _ in value.items)
        return self._map(self._name("dict"), dict(value.items) if named else value.items)

    def _unique(self, value):
        name = self._name("object")
        self._out("static const mp_obj_base_t %s = {&mp_type_object};" % name)
        return name

    def _method(self, value):
        function = self.value(value.function)
        name = self._name(value.kind)
        self._out("static const mp_rom_obj_static_class_method_t %s = {{&mp_type_%s}, %s};" % (name, value.kind, function))
        return name

    def _property(self, value):
        parts = ", ".join([self.value(part) for part in value.parts])
        name = self._name("property")
        self._out("static const permafrost_property_t %s = {{&mp_type_property}, {%s}};" % (name, parts))
        return name

    def _cell(self, value):
        name = self._name("cell")
        owner = self._class_name(value.value)
        self._out("static const mp_obj_type_t %s;" % owner)
        self._out("static const permafrost_cell_t %s = {{&mp_type_object}, MP_ROM_PTR(&%s)};" % (name, owner))
        return name

    def _function(self, value):
        code = value.code
        arguments = [self.value(default) for default in value.defaults]
        if value.keywords:
            arguments.append("MP_ROM_PTR(&%s)" % self._map(self._name("keywords"), value.keywords))
        closed = [self.value(cell) for cell in value.closed]
        name = "permafrost_function_" + code.escaped_name
        self._out("static const PERMAFROST_FUNCTION(%d) %s = {.base = {&%s}, .context = (const mp_module_context_t *)%s, %s};" % (
            len(arguments), name, "mp_type_gen_wrap" if code.scope_flags & GENERATOR else "mp_type_fun_bc",
            self.address(value.module), ", ".join(_code_of(code) + [".arguments = {%s}" % ", ".join(arguments)] * bool(arguments))))
        return self._closure(name, closed) if closed else name

    def _closure(self, function, closed):
        name = function.replace("function", "closure", 1)
        self._out("static const struct { mp_obj_base_t base; mp_rom_obj_t fun; size_t n_closed; mp_rom_obj_t closed[%d]; } %s = "
                  "{{&mp_type_closure}, MP_ROM_PTR(&%s), %d, {%s}};" % (len(closed), name, function, len(closed), ", ".join(closed)))
        return name

    def _class_name(self, value):
        return "permafrost_class_" + value.code.escaped_name

    def _class(self, value):
        name = self._class_name(value)
        names = {key: part for key, part in value.names.items() if key not in UNTOLD}
        slots = _operations(value)
        if names or not value.bases:
            slots.append("locals_dict, &" + self._map("permafrost_names_" + value.code.escaped_name, names))
        if value.bases:
            slots.append("parent, &" + self.value(value.bases[0] if len(value.bases) == 1 else value.bases)[len("MP_ROM_PTR(&"):-1])
        self._out("PERMAFROST_CLASS(%s, MP_QSTR_%s, %s, %s);" % (
            name, self._tool.qstrutil.qstr_escape(value.name), "MP_TYPE_FLAG_HAS_SPECIAL_ACCESSORS" if _is_special(value) else "0",
            ", ".join(slots)))
        return name

    def _qstr(self, text):
        return "MP_ROM_QSTR(MP_QSTR_%s)" % self._tool.qstrutil.qstr_escape(text)

    def _map(self, name, items, dense=False):
        """Write a dict: with many names as MicroPython's hash table, so that they are found as fast as in RAM.

        dense: to be copied, so without empty slots, which would cost RAM. Not every MicroPython adds to an ordered dict.
        """
        named = isinstance(items, dict)
        rows = [(self._qstr(key) if named else self.value(key), self.value(value)) for key, value in (items.items() if named else items)]
        hashed = named and (dense or len(rows) > FEW)
        places = list(range(len(rows)))
        size = len(rows)
        if hashed:
            size += 0 if dense else 1
            places = place([self._tool.qstrutil.compute_hash(key.encode(), self._hash_bytes) for key in items], size)
        table = ", ".join("[%d] = {%s, %s}" % (at, *row) for at, row in sorted(zip(places, rows)))
        self._out("static const mp_rom_map_elem_t %s_table[%d] = {%s};" % (name, max(size, 1), table))
        self._out("static const mp_obj_dict_t %s = {{&mp_type_dict}, {.all_keys_are_qstrs = %d, .is_fixed = 1, .is_ordered = %d, "
                  ".used = %d, .alloc = %d, .table = (mp_map_elem_t *)(mp_rom_map_elem_t *)%s_table}};" % (
                      name, named, not hashed, len(rows), size, name))
        return name


def place(hashes, size):
    """Slots of a hash table that entries get in turn, as in py/map.c."""
    slots = []
    for number in hashes:
        at = number % size
        while at in slots:
            at = (at + 1) % size
        slots.append(at)
    return slots


def _code_of(code):
    children = "children_" + code.escaped_name if code.children else "NULL"
    return [".children = %s" % children, ".bytecode = fun_data_" + code.escaped_name]


def _operations(value):
    """What instances can do besides having attributes; MicroPython asks the class for it by names of its methods."""
    names, bases = _inherited(value)
    if all(base.name == "object" or base.name in EXCEPTIONS for base in bases):
        known = {"iter": {"__iter__"}, "call": {"__call__"}, "subscr": {"__getitem__", "__setitem__", "__delitem__"}}
        others = {name for name in names if name.startswith("__")} - PLAIN - set.union(*known.values())
        able = {kind for kind, methods in known.items() if methods & names} | ({"binary_op"} if others else set())
    else:
        able = set(OPERATIONS)
    return ["%s, %s" % (kind, function) for kind, function in OPERATIONS.items() if kind in able]


def _inherited(value):
    """(names of a class and of those in flash that it comes from, the others that it comes from)."""
    names, others = set(value.names), []
    for base in value.bases:
        more = _inherited(base) if isinstance(base, Class) else (set(), [base])
        names |= more[0]
        others += more[1]
    return names, others


def _is_special(value):
    """Whether attributes of its instances are not plain ones (py/objtype.c, check_for_special_accessors)."""
    own = any(isinstance(v, Property) or k in SPECIAL for k, v in value.names.items())
    return own or any(isinstance(base, Class) and _is_special(base) for base in value.bases)
