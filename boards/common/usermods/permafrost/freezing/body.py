"""Runs the body of a module, or of a class, at build time: an interpreter of MicroPython's bytecode over values.py.

It knows what bodies are made of: definitions, constants, imports, `try: import`. All else is a Refusal that names the line.
"""
import operator

from .code import instructions, line_of, local_cells
from .values import (
    Borrowed, Builtin, BuiltinModule, BuiltinType, Cell, Class, Dict, Function, Method, Module, Mutable, Property, Refusal, Unique, is_plain,
    is_true,
)

NULL = object()  # of LOAD_NULL: no defaults
BUILD_CLASS = object()
EXCEPTIONS = (
    "ArithmeticError", "AssertionError", "AttributeError", "BaseException", "EOFError", "Exception", "GeneratorExit", "ImportError",
    "IndentationError", "IndexError", "KeyboardInterrupt", "KeyError", "LookupError", "MemoryError", "NameError",
    "NotImplementedError", "OSError", "OverflowError", "RuntimeError", "StopAsyncIteration", "StopIteration", "SyntaxError",
    "SystemExit", "TypeError", "ValueError", "ViperTypeError", "ZeroDivisionError",
)
TYPES = ("bool", "bytearray", "bytes", "complex", "dict", "float", "int", "list", "memoryview", "object", "set", "str", "tuple", "type")
FUNCTIONS = (
    "abs", "all", "any", "callable", "chr", "dir", "hasattr", "hash", "hex", "id", "isinstance", "iter", "len", "max", "min",
    "next", "oct", "ord", "pow", "print", "repr", "round", "sorted", "sum",
)
BUILTINS = {name: BuiltinType(name, "mp_type_" + name) for name in EXCEPTIONS + TYPES}
BUILTINS.update({name: Builtin(name, "mp_builtin_%s_obj" % name) for name in FUNCTIONS})
BUILTINS.update({name: Builtin(name, "mp_type_" + name) for name in ("classmethod", "property", "staticmethod")})
MICROPYTHON = {"const": Builtin("const", "mp_identity_obj")}
COMPUTED = {"abs": abs, "bytes": bytes, "chr": chr, "int": int, "len": len, "max": max, "min": min, "ord": ord, "str": str, "tuple": tuple}
UNARY = (operator.pos, operator.neg, operator.invert, operator.not_)
BINARY = {
    0: operator.lt, 1: operator.gt, 2: operator.eq, 3: operator.le, 4: operator.ge, 5: operator.ne,
    6: lambda a, b: a in b, 7: operator.is_,
}
ARITHMETIC = (
    operator.or_, operator.xor, operator.and_, operator.lshift, operator.rshift, operator.add, operator.sub, operator.mul,
    operator.matmul, operator.floordiv, operator.truediv, operator.mod, operator.pow,
)
BINARY.update({9 + i: function for i, function in enumerate(ARITHMETIC)})
BINARY.update({22 + i: function for i, function in enumerate(ARITHMETIC)})
MATCH = 8
WORDS = {
    "GET_ITER": "a loop", "GET_ITER_STACK": "a loop", "SETUP_WITH": "`with`", "RAISE_OBJ": "`raise`", "RAISE_LAST": "`raise`",
    "DELETE_NAME": "`del`", "STORE_SUBSCR": "an assignment to an element", "STORE_ATTR": "an assignment to an attribute",
    "YIELD_VALUE": "`yield`", "IMPORT_STAR": "`import *`", "SETUP_FINALLY": "`finally`", "LOAD_METHOD": "the call of a method",
    "CALL_FUNCTION_VAR_KW": "a call with * or **", "BUILD_SLICE": "a slice", "UNPACK_EX": "an assignment with *",
}


class Missing(Exception):
    """ImportError, of the code that is run."""


class Body:
    """modules: modules.Modules. names: where names go: the module's, or those of a class."""

    def __init__(self, modules, module, code, names):
        self.modules = modules
        self.module = module
        self.code = code
        self.names = names
        self.stack = []
        self.handlers = []  # (offset, height of the stack)
        self.locals = {number: Cell() for number in local_cells(code)}
        self.at = None

    def run(self):
        """Run it; what it returns: None, or the cell of a class."""
        self.module.bodies.add(self.code)
        program = instructions(self.modules.tool, self.code)
        self.next = self.code.offset_opcodes
        while True:
            self.at = program[self.next]
            self.next = self.at.after
            if self.at.name == "RETURN_VALUE":
                return self.stack.pop()
            self._step()

    def _step(self):
        action = getattr(self, "_" + self.at.name.lower(), None)
        if not action:
            self.refuse("%s at module level can't be a constant" % WORDS.get(self.at.name, self.at.name))
        try:
            action(self.at.argument)
        except Missing as missing:
            self._raise(missing)

    def refuse(self, what):
        raise Refusal("%s:%d: error: %s" % (self.module.file, line_of(self.code, self.at.at), what))

    def _raise(self, missing):
        """The code that is run raises ImportError here."""
        while self.handlers and self.handlers[-1][0] <= self.at.at:
            self.handlers.pop()
        if not self.handlers:
            self.refuse(str(missing))
        self.next, height = self.handlers[-1]
        self.stack[height:] = [missing]

    def _pop(self, count):
        taken = self.stack[len(self.stack) - count:]
        del self.stack[len(self.stack) - count:]
        return taken

    def _kept(self, value):
        """value, if it may stay: what is constant may not change."""
        if isinstance(value, Mutable):
            self.refuse("a %s may change: write a tuple, or keep it in a module in RAM" % value.kind)
        if isinstance(value, tuple):
            return tuple(map(self._kept, value))
        return value

    # -- constants and variables

    def _load_const_false(self, _):
        self.stack.append(False)

    def _load_const_none(self, _):
        self.stack.append(None)

    def _load_const_true(self, _):
        self.stack.append(True)

    def _load_const_small_int(self, number):
        self.stack.append(number)

    def _load_const_string(self, string):
        self.stack.append(string)

    def _load_const_obj(self, index):
        self.stack.append(self.code.obj_table[index])

    def _load_null(self, _):
        self.stack.append(NULL)

    def _load_build_class(self, _):
        self.stack.append(BUILD_CLASS)

    def _load_name(self, name):
        for names in (self.names, self.module.names, BUILTINS):
            if name in names:
                self.stack.append(names[name])
                return
        self.refuse("%s is not known when this is built" % name)

    _load_global = _load_name

    def _store_name(self, name):
        value = self.stack.pop()
        if isinstance(value, Borrowed):
            value = value.value
            self.module.borrowed.add(name)
        self.names[name] = self._kept(value)

    def _store_global(self, name):
        self.module.names[name] = self._kept(self.stack.pop())

    def _load_fast(self, number):
        self.stack.append(self.locals[number])

    _load_fast_n = _load_fast

    # -- the stack, and jumps

    def _dup_top(self, _):
        self.stack.append(self.stack[-1])

    def _dup_top_two(self, _):
        self.stack.extend(self.stack[-2:])

    def _pop_top(self, _):
        self.stack.pop()

    def _rot_two(self, _):
        self.stack[-2:] = self.stack[-1], self.stack[-2]

    def _rot_three(self, _):
        self.stack[-3:] = self.stack[-1], self.stack[-3], self.stack[-2]

    def _jump(self, _):
        self.next = self.at.target

    def _pop_jump_if_true(self, _):
        if is_true(self.stack.pop()):
            self.next = self.at.target

    def _pop_jump_if_false(self, _):
        if not is_true(self.stack.pop()):
            self.next = self.at.target

    def _jump_if_true_or_pop(self, _):
        if is_true(self.stack[-1]):
            self.next = self.at.target
        else:
            self.stack.pop()

    def _jump_if_false_or_pop(self, _):
        if not is_true(self.stack[-1]):
            self.next = self.at.target
        else:
            self.stack.pop()

    def _setup_except(self, _):
        self.handlers.append((self.at.target, len(self.stack)))

    def _pop_except_jump(self, _):
        self.handlers.pop()
        self.next = self.at.target

    def _end_finally(self, _):
        self._raise(self.stack[-1])

    # -- expressions

    def _build_tuple(self, count):
        self.stack.append(tuple(self._pop(count)))

    def _build_list(self, count):
        self.stack.append(Mutable("list", self._pop(count)))

    def _build_set(self, count):
        self.stack.append(Mutable("set", self._pop(count)))

    def _build_map(self, _):
        self.stack.append(Dict())

    def _store_map(self, _):
        value, key = self._pop(2)
        if not is_plain(key):
            self.refuse("a key of a dict is a number, a string, bytes or a tuple of these")
        self.stack[-1].put(key, self._kept(value))

    def _unpack_sequence(self, count):
        value = self.stack.pop()
        if not isinstance(value, tuple) or len(value) != count:
            self.refuse("only a tuple of %d can be taken apart here" % count)
        self.stack.extend(reversed(value))

    def _load_subscr(self, _):
        value, index = self._pop(2)
        try:
            self.stack.append(dict(value.items)[index] if isinstance(value, Dict) else value[index])
        except (KeyError, IndexError, TypeError):
            self.refuse("this element is not known when this is built")

    def _unary_op(self, number):
        value = self.stack.pop()
        if number == 3:
            self.stack.append(not is_true(value))
        elif is_plain(value):
            self.stack.append(self._computed(UNARY[number], value))
        else:
            self.refuse("an operator on something that is no constant")

    def _binary_op(self, number):
        left, right = self._pop(2)
        if number == MATCH:
            self.stack.append(self._matches(right))
        elif number == 7:
            self.stack.append(left is right)
        elif number == 6 and isinstance(right, (Mutable, Dict)):
            self.stack.append(left in ([k for k, _ in right.items] if isinstance(right, Dict) else right.items))
        elif is_plain(left) and is_plain(right):
            self.stack.append(self._computed(BINARY[number], left, right))
        else:
            self.refuse("an operator on something that is no constant")

    def _matches(self, wanted):
        """Whether `except wanted` takes an ImportError."""
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        return any(w in (BUILTINS["ImportError"], BUILTINS["Exception"], BUILTINS["BaseException"]) for w in wanted)

    def _computed(self, function, *values):
        try:
            return function(*values)
        except Exception as error:
            self.refuse("%s: %s" % (type(error).__name__, error))

    # -- functions and classes

    def _make_function(self, index):
        self.stack.append(self._function(index))

    def _make_function_defargs(self, index):
        self.stack.append(self._function(index, *self._pop(2)))

    def _make_closure(self, index):
        closed = tuple(self._pop(self.at.extra))
        self.stack.append(self._function(index, closed=closed))

    def _make_closure_defargs(self, index):
        closed = tuple(self._pop(self.at.extra))
        self.stack.append(self._function(index, *self._pop(2), closed=closed))

    def _function(self, index, defaults=NULL, keywords=NULL, closed=()):
        code = self.code.children[index]
        if code.code_kind != self.modules.tool.MP_CODE_BYTECODE:
            self.refuse("native code can't be a constant")
        return Function(self.module, code, () if defaults is NULL else self._kept(defaults),
                        {} if keywords is NULL else dict(keywords.items), closed)

    def _call_function(self, counts):
        positional, named = counts & 0xFF, counts >> 8
        keywords = self._pop(2 * named)
        arguments = self._pop(positional)
        function = self.stack.pop()
        if function is BUILD_CLASS and not named:
            self.stack.append(self._class(*arguments))
        else:
            self.stack.append(self._called(function, arguments, dict(zip(keywords[::2], keywords[1::2]))))

    def _called(self, function, arguments, named):
        name = function.name if isinstance(function, Builtin) else None
        if isinstance(function, tuple) and function[:1] == ("part",):
            return function[1].changed(function[2], *arguments)
        if named or not name:
            self.refuse("a call at module level can't be a constant")
        if name == "property":
            return Property(*arguments)
        if name in ("staticmethod", "classmethod"):
            return Method(name, *arguments)
        if name == "const":
            return arguments[0]
        if name == "object":
            return Unique()
        if name in COMPUTED:
            arguments = [a.items if isinstance(a, Mutable) else a for a in arguments]
            if all(is_plain(tuple(a) if isinstance(a, list) else a) for a in arguments):
                return self._computed(COMPUTED[name], *arguments)
        self.refuse("the call of %s() at module level can't be a constant" % name)

    def _class(self, body, name, *bases):
        names = {}
        cell = Body(self.modules, self.module, body.code, names).run()
        for base in bases:
            if not isinstance(base, (Class, BuiltinType)):
                self.refuse("the base of class %s is not known when this is built" % name)
        if isinstance(names.get("__new__"), Function):
            names["__new__"] = Method("staticmethod", names["__new__"])
        made = Class(self.module, body.code, name, bases, names)
        if cell:
            cell.value = made
        return made

    # -- imports and attributes

    def _import_name(self, name):
        level, wanted = self._pop(2)
        self.stack.append(self.modules.imported(self.module, name, level, bool(wanted), self))

    def _import_from(self, name):
        self.stack.append(Borrowed(self._attribute(self.stack[-1], name, True)))

    def _load_attr(self, name):
        self.stack.append(self._attribute(self.stack.pop(), name, False))

    def _attribute(self, owner, name, is_import):
        if isinstance(owner, Module):
            return self.modules.attribute(owner, name, is_import, self)
        if isinstance(owner, BuiltinModule):
            if owner.name == "micropython" and name in MICROPYTHON:
                return MICROPYTHON[name]
            self.refuse("%s.%s is known at run time only: look it up in a function" % (owner.name, name))
        if isinstance(owner, Class) and owner.find(name)[0]:
            return owner.find(name)[1]
        if isinstance(owner, Property) and name in Property.PARTS:
            return "part", owner, name
        self.refuse("the attribute %s is not known when this is built" % name)
