// axTLS's functions by mbedtls, which are right when they are called in the order of axTLS.
#include <assert.h>
#include <string.h>

#include "lib/axtls/crypto/crypto.h"
#include "mbedtls/aes.h"

void AES_set_key(AES_CTX *ctx, const uint8_t *key, const uint8_t *iv, AES_MODE mode) {
    assert(mode == AES_MODE_256);
    memcpy(ctx->key, key, sizeof(ctx->key));
    memcpy(ctx->iv, iv, sizeof(ctx->iv));
    ctx->inverse = 0;
}

void AES_convert_key(AES_CTX *ctx) {
    assert(!ctx->inverse);
    ctx->inverse = 1;
}

static void crypt_cbc(AES_CTX *ctx, int mode, const uint8_t *in, uint8_t *out, int length) {
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    if (mode == MBEDTLS_AES_ENCRYPT) {
        mbedtls_aes_setkey_enc(&aes, ctx->key, 256);
    } else {
        mbedtls_aes_setkey_dec(&aes, ctx->key, 256);
    }
    mbedtls_aes_crypt_cbc(&aes, mode, (size_t)length, ctx->iv, in, out);
}

void AES_cbc_encrypt(AES_CTX *ctx, const uint8_t *msg, uint8_t *out, int length) {
    assert(!ctx->inverse);
    crypt_cbc(ctx, MBEDTLS_AES_ENCRYPT, msg, out, length);
}

void AES_cbc_decrypt(AES_CTX *ctx, const uint8_t *in, uint8_t *out, int length) {
    assert(ctx->inverse);
    crypt_cbc(ctx, MBEDTLS_AES_DECRYPT, in, out, length);
}
