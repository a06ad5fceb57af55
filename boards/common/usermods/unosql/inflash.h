// Where code goes on an ESP8266. Constants are in flash wherever they stand: its compiler reads them by words.
#ifndef UNOSQL_INFLASH_H
#define UNOSQL_INFLASH_H

// Its linker script puts code in RAM (32 KB, full) unless it knows the file, or the section says flash.
#ifdef ICACHE_FLASH
#define IN_FLASH __attribute__((section(".irom0.text")))
#else
#define IN_FLASH
#endif

// Part of its callers, wherever they go.
#define ALWAYS_INLINE inline __attribute__((always_inline))

#endif
