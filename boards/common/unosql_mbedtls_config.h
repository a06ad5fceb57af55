// The two primitives that unosql's images take from mbedtls.
#define MBEDTLS_AES_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_CIPHER_MODE_CBC
// Constant tables in flash instead of 8 KB of RAM filled at the first use.
#define MBEDTLS_AES_ROM_TABLES
