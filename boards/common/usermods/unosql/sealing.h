// Sealed blocks: AES-256-CBC with a synthetic IV, then HMAC-SHA256, under keys made of a password by
// PBKDF2-HMAC-SHA256. unosql/crypto.py is the same in Python; docs/FORMAT.md has the bytes.
//
// AES and SHA-256 are MicroPython's, whichever of its libraries the port has.
//
// Memory: nothing is allocated. What is secret and lies on the stack is wiped before a function returns; keys lie
// where the caller says. Nothing here raises.
#ifndef UNOSQL_SEALING_H
#define UNOSQL_SEALING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inflash.h"

#if MICROPY_SSL_MBEDTLS
#include "mbedtls/version.h"
#if MBEDTLS_VERSION_NUMBER >= 0x03000000 && MBEDTLS_VERSION_NUMBER < 0x04000000 // others' calls are different
#include "mbedtls/sha256.h"
#define SEALING (1)
typedef mbedtls_sha256_context sha256_t;
typedef sha256_t midstate_t; // on some chips more than a state: what the hardware has to know
#else
#define SEALING (0)
#endif
#elif MICROPY_SSL_AXTLS
#include "lib/crypto-algorithms/sha256.h"
#define SEALING (1)
typedef CRYAL_SHA256_CTX sha256_t;
typedef struct {
    uint32_t state[8];
} midstate_t;
#else
#define SEALING (0)
#endif

#if SEALING

#define SEALING_BLOCK (16) // bytes of a block of AES, of an IV and of a tag
#define SEALING_CHECK (8)
#define SEALING_LEAST (3 * SEALING_BLOCK) // bytes of a sealed block

// A key of HMAC-SHA256 (RFC 2104): SHA-256 after the block of the key and the inner, or the outer, padding.
typedef struct {
    midstate_t inner;
    midstate_t outer;
} hmac_key_t;

// check: tells a wrong key from damage.
typedef struct {
    uint8_t check[SEALING_CHECK];
    uint8_t aes[32];
    hmac_key_t mac;
    hmac_key_t iv;
} sealing_keys_t;

typedef struct {
    const void *bytes;
    size_t size;
} part_t;

// PBKDF2 under way. total: the derived key, when all iterations are done. last: of the iteration before.
typedef struct {
    uint32_t total[8];
    uint32_t last[8];
    hmac_key_t key;
} pbkdf2_t;

void unosql_sha256(const part_t *parts, size_t count, uint8_t digest[32]);

void unosql_hmac_key(hmac_key_t *key, const uint8_t *secret, size_t size);
void unosql_hmac(const hmac_key_t *key, const part_t *parts, size_t count, uint8_t mac[32]);

// Start with one iteration, then go on with so many more.
void unosql_pbkdf2_start(pbkdf2_t *derivation, const uint8_t *password, size_t password_size, const uint8_t *salt, size_t salt_size);
void unosql_pbkdf2_go_on(pbkdf2_t *derivation, uint32_t iterations);

void unosql_make_keys(sealing_keys_t *keys, const uint8_t master[32]);

// Encrypt size bytes of data in place, with 1 to 16 more for the padding, and authenticate them together with aad (below
// 256 bytes). Return how many bytes that are; what is stored is the IV, these, and the tag.
size_t unosql_seal(const sealing_keys_t *keys, uint8_t *data, size_t size, const uint8_t *aad, size_t aad_size,
    uint8_t iv[SEALING_BLOCK], uint8_t tag[SEALING_BLOCK]);

// Decrypt a sealed block, a multiple of 16 bytes and SEALING_LEAST at the least, into data, which may be where its
// ciphertext is and is not written before all has been authenticated. Return the size of data without padding; -1: it
// does not verify.
ptrdiff_t unosql_unseal(const sealing_keys_t *keys, const uint8_t *blob, size_t size, const uint8_t *aad, size_t aad_size,
    uint8_t *data);

// Overwrite what nobody will read any more; a compiler would leave memset() out.
void unosql_wipe(void *area, size_t size);

#endif
#endif
