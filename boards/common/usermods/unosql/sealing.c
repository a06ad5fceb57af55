#include <string.h>

#include "sealing.h"

#if SEALING

#define BLOCK (64) // bytes of a block of SHA-256

IN_FLASH void unosql_wipe(void *area, size_t size) {
    memset(area, 0, size);
    __asm__ volatile ("" : : "r" (area) : "memory"); // somebody may read it, as far as the compiler knows
}

// -- SHA-256 and AES, as the port has them

#if MICROPY_SSL_MBEDTLS

#include "mbedtls/aes.h"

IN_FLASH static void sha256_start(sha256_t *sha) {
    mbedtls_sha256_init(sha);
    mbedtls_sha256_starts(sha, 0);
}

IN_FLASH static void sha256_add(sha256_t *sha, const void *data, size_t size) {
    mbedtls_sha256_update(sha, data, size);
}

IN_FLASH static void sha256_end(sha256_t *sha, uint8_t digest[32]) {
    mbedtls_sha256_finish(sha, digest);
}

// Keep the state after a whole block.
IN_FLASH static void sha256_save(const sha256_t *sha, midstate_t *state) {
    mbedtls_sha256_init(state);
    mbedtls_sha256_clone(state, sha);
}

// Go on from a state, whatever was before.
IN_FLASH static void sha256_restore(sha256_t *sha, const midstate_t *state) {
    mbedtls_sha256_clone(sha, state);
}

// Give back what hardware it took, and wipe it.
IN_FLASH static void sha256_close(sha256_t *sha) {
    mbedtls_sha256_free(sha);
}

IN_FLASH static void aes_cbc(const uint8_t key[32], const uint8_t iv[SEALING_BLOCK], const uint8_t *in, uint8_t *out, size_t size, bool encrypt) {
    mbedtls_aes_context aes;
    uint8_t chained[SEALING_BLOCK];
    memcpy(chained, iv, sizeof(chained));
    mbedtls_aes_init(&aes);
    if (encrypt) {
        mbedtls_aes_setkey_enc(&aes, key, 256);
    } else {
        mbedtls_aes_setkey_dec(&aes, key, 256);
    }
    mbedtls_aes_crypt_cbc(&aes, encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, size, chained, in, out);
    mbedtls_aes_free(&aes); // which wipes it
}

#else

#include "lib/axtls/crypto/crypto.h"

IN_FLASH static void sha256_start(sha256_t *sha) {
    sha256_init(sha);
}

IN_FLASH static void sha256_add(sha256_t *sha, const void *data, size_t size) {
    sha256_update(sha, data, size);
}

IN_FLASH static void sha256_end(sha256_t *sha, uint8_t digest[32]) {
    sha256_final(sha, digest);
}

// Keep the state after a whole block.
IN_FLASH static void sha256_save(const sha256_t *sha, midstate_t *state) {
    memcpy(state->state, sha->state, sizeof(state->state));
}

// Go on from a state, whatever was before.
IN_FLASH static void sha256_restore(sha256_t *sha, const midstate_t *state) {
    sha->datalen = 0;
    sha->bitlen = 8 * BLOCK;
    memcpy(sha->state, state->state, sizeof(state->state));
}

// Wipe it.
IN_FLASH static void sha256_close(sha256_t *sha) {
    unosql_wipe(sha, sizeof(*sha));
}

IN_FLASH static void aes_cbc(const uint8_t key[32], const uint8_t iv[SEALING_BLOCK], const uint8_t *in, uint8_t *out, size_t size, bool encrypt) {
    AES_CTX aes;
    AES_set_key(&aes, key, iv, AES_MODE_256);
    if (encrypt) {
        AES_cbc_encrypt(&aes, in, out, (int)size);
    } else {
        AES_convert_key(&aes);
        AES_cbc_decrypt(&aes, in, out, (int)size);
    }
    unosql_wipe(&aes, sizeof(aes));
}

#endif

IN_FLASH void unosql_sha256(const part_t *parts, size_t count, uint8_t digest[32]) {
    sha256_t sha;
    sha256_start(&sha);
    for (size_t i = 0; i < count; i++) {
        sha256_add(&sha, parts[i].bytes, parts[i].size);
    }
    sha256_end(&sha, digest);
    sha256_close(&sha);
}

// -- HMAC (RFC 2104), PBKDF2 (RFC 8018, 5.2), HKDF-Expand (RFC 5869, 2.3)

// Keep the state after the block of a key (padded with zeros) and a padding.
IN_FLASH static void save_padded(midstate_t *state, const uint8_t key[BLOCK], uint8_t padding) {
    uint8_t block[BLOCK];
    sha256_t sha;
    for (size_t i = 0; i < BLOCK; i++) {
        block[i] = key[i] ^ padding;
    }
    sha256_start(&sha);
    sha256_add(&sha, block, BLOCK);
    sha256_save(&sha, state);
    sha256_close(&sha);
    unosql_wipe(block, sizeof(block));
}

IN_FLASH void unosql_hmac_key(hmac_key_t *key, const uint8_t *secret, size_t size) {
    uint8_t padded[BLOCK] = { 0 };
    if (size > BLOCK) {
        sha256_t sha;
        sha256_start(&sha);
        sha256_add(&sha, secret, size);
        sha256_end(&sha, padded);
        sha256_close(&sha);
    } else {
        memcpy(padded, secret, size);
    }
    save_padded(&key->inner, padded, 0x36);
    save_padded(&key->outer, padded, 0x5c);
    unosql_wipe(padded, sizeof(padded));
}

IN_FLASH void unosql_hmac(const hmac_key_t *key, const part_t *parts, size_t count, uint8_t mac[32]) {
    sha256_t sha;
    sha256_start(&sha);
    sha256_restore(&sha, &key->inner);
    for (size_t i = 0; i < count; i++) {
        sha256_add(&sha, parts[i].bytes, parts[i].size);
    }
    sha256_end(&sha, mac);
    sha256_restore(&sha, &key->outer);
    sha256_add(&sha, mac, 32);
    sha256_end(&sha, mac);
    sha256_close(&sha);
}

IN_FLASH void unosql_pbkdf2_start(pbkdf2_t *derivation, const uint8_t *password, size_t password_size, const uint8_t *salt, size_t salt_size) {
    const uint8_t first[4] = { 0, 0, 0, 1 }; // of one block of output
    const part_t parts[] = { { salt, salt_size }, { first, sizeof(first) } };
    unosql_hmac_key(&derivation->key, password, password_size);
    unosql_hmac(&derivation->key, parts, 2, (uint8_t *)derivation->last);
    memcpy(derivation->total, derivation->last, sizeof(derivation->total));
}

IN_FLASH void unosql_pbkdf2_go_on(pbkdf2_t *derivation, uint32_t iterations) {
    const part_t last = { derivation->last, sizeof(derivation->last) };
    while (iterations--) {
        unosql_hmac(&derivation->key, &last, 1, (uint8_t *)derivation->last);
        for (size_t i = 0; i < 8; i++) {
            derivation->total[i] ^= derivation->last[i];
        }
    }
}

IN_FLASH static void expand(const hmac_key_t *master, const char *info, size_t size, uint8_t key[32]) {
    const uint8_t first = 1;
    const part_t parts[] = { { info, size }, { &first, 1 } };
    unosql_hmac(master, parts, 2, key);
}

IN_FLASH static void expand_hmac(const hmac_key_t *master, const char *info, size_t size, hmac_key_t *key) {
    uint8_t secret[32];
    expand(master, info, size, secret);
    unosql_hmac_key(key, secret, sizeof(secret));
    unosql_wipe(secret, sizeof(secret));
}

#define INFO(text) text, sizeof(text) - 1

IN_FLASH void unosql_make_keys(sealing_keys_t *keys, const uint8_t master[32]) {
    hmac_key_t key;
    uint8_t check[32];
    unosql_hmac_key(&key, master, 32);
    expand(&key, INFO("unosql encryption"), keys->aes);
    expand_hmac(&key, INFO("unosql authentication"), &keys->mac);
    expand_hmac(&key, INFO("unosql iv"), &keys->iv);
    expand(&key, INFO("unosql key check"), check);
    memcpy(keys->check, check, sizeof(keys->check));
    unosql_wipe(check, sizeof(check));
    unosql_wipe(&key, sizeof(key));
}

// -- sealing

IN_FLASH static void authenticate(const hmac_key_t *key, const uint8_t *aad, size_t aad_size, const uint8_t *iv, size_t iv_size,
    const uint8_t *data, size_t size, uint8_t mac[32]) {
    const uint8_t length = (uint8_t)aad_size;
    const part_t parts[] = { { &length, 1 }, { aad, aad_size }, { iv, iv_size }, { data, size } };
    unosql_hmac(key, parts, 4, mac);
}

IN_FLASH size_t unosql_seal(const sealing_keys_t *keys, uint8_t *data, size_t size, const uint8_t *aad, size_t aad_size,
    uint8_t iv[SEALING_BLOCK], uint8_t tag[SEALING_BLOCK]) {
    uint8_t mac[32];
    authenticate(&keys->iv, aad, aad_size, NULL, 0, data, size, mac);
    memcpy(iv, mac, SEALING_BLOCK);
    size_t padding = SEALING_BLOCK - size % SEALING_BLOCK;
    memset(data + size, (int)padding, padding);
    size += padding;
    aes_cbc(keys->aes, iv, data, data, size, true);
    authenticate(&keys->mac, aad, aad_size, iv, SEALING_BLOCK, data, size, mac);
    memcpy(tag, mac, SEALING_BLOCK);
    unosql_wipe(mac, sizeof(mac)); // its other half, and before that the IV's
    return size;
}

// In time that depends on nothing but the size.
IN_FLASH static bool same(const uint8_t *a, const uint8_t *b, size_t size) {
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

IN_FLASH ptrdiff_t unosql_unseal(const sealing_keys_t *keys, const uint8_t *blob, size_t size, const uint8_t *aad, size_t aad_size,
    uint8_t *data) {
    const uint8_t *text = blob + SEALING_BLOCK, *tag = blob + size - SEALING_BLOCK;
    uint8_t mac[32];
    size -= 2 * SEALING_BLOCK;
    authenticate(&keys->mac, aad, aad_size, blob, SEALING_BLOCK, text, size, mac);
    bool authentic = same(mac, tag, SEALING_BLOCK);
    unosql_wipe(mac, sizeof(mac)); // of a forged block it is what the forger wants
    if (!authentic) {
        return -1;
    }
    aes_cbc(keys->aes, blob, text, data, size, false);
    size_t padding = data[size - 1];
    return padding <= size ? (ptrdiff_t)(size - padding) : -1;
}

#endif
