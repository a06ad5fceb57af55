// What lib/oofatfs/ffconf.h asks of MicroPython's configuration: as the ESP32's ports/esp32/mpconfigport.h.
#define MICROPY_FATFS_ENABLE_LFN (1)
#define MICROPY_FATFS_LFN_CODE_PAGE 437  // pasted into names: no parentheses
#define MICROPY_FATFS_RPATH (2)
#define MICROPY_FATFS_MAX_SS (4096)
#define MICROPY_FATFS_NORTC (1)
