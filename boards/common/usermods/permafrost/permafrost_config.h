// What modules in flash change in MicroPython's configuration; mpconfigboard.h or mpconfigvariant.h includes this.
#define mp_builtin___import__ permafrost_import
#define MICROPY_MODULE_BUILTIN_SUBPACKAGES (1)
#define PERMAFROST_SLOTS 3  // modules in RAM; in permafrost.c too
