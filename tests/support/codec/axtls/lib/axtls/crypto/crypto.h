// What sealing.c calls of axTLS, which ESP8266s have AES from, where MicroPython's tree comes without its submodules.
#include <stdint.h>

typedef struct {
    uint8_t key[32];
    uint8_t iv[16];
    int inverse;
} AES_CTX;

typedef enum {
    AES_MODE_128,
    AES_MODE_256,
} AES_MODE;

void AES_set_key(AES_CTX *ctx, const uint8_t *key, const uint8_t *iv, AES_MODE mode);
void AES_convert_key(AES_CTX *ctx);
void AES_cbc_encrypt(AES_CTX *ctx, const uint8_t *msg, uint8_t *out, int length);
void AES_cbc_decrypt(AES_CTX *ctx, const uint8_t *in, uint8_t *out, int length);
