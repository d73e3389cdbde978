// The part of OpenSSL 3 that the server uses: libcrypto only, no TLS.
#ifndef STUND_COPENSSL_SHIM_H
#define STUND_COPENSSL_SHIM_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/md5.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

// The digests as plain functions over a plain struct. OpenSSL 3.0 calls them deprecated in favour of EVP, which takes
// memory for every context; these take none, cannot fail, and use the processor's own instructions all the same.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static inline void stund_md5_init(MD5_CTX *context) { MD5_Init(context); }
static inline void stund_md5_update(MD5_CTX *context, const void *text, size_t count) { MD5_Update(context, text, count); }
static inline void stund_md5_final(unsigned char *digest, MD5_CTX *context) { MD5_Final(digest, context); }

static inline void stund_sha1_init(SHA_CTX *context) { SHA1_Init(context); }
static inline void stund_sha1_update(SHA_CTX *context, const void *text, size_t count) { SHA1_Update(context, text, count); }
static inline void stund_sha1_final(unsigned char *digest, SHA_CTX *context) { SHA1_Final(digest, context); }

static inline void stund_sha256_init(SHA256_CTX *context) { SHA256_Init(context); }
static inline void stund_sha256_update(SHA256_CTX *context, const void *text, size_t count) { SHA256_Update(context, text, count); }
static inline void stund_sha256_final(unsigned char *digest, SHA256_CTX *context) { SHA256_Final(digest, context); }

#pragma GCC diagnostic pop

#endif
