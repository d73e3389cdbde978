// The part of OpenSSL 3 that the server uses: libcrypto only, no TLS.
#ifndef STUND_COPENSSL_SHIM_H
#define STUND_COPENSSL_SHIM_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#endif
