// The part of OpenSSL 3 that TLS needs: a BIO that lies between OpenSSL and buffers of the caller, and what OpenSSL has as
// macros or asks by callback. Nothing here decides anything about a session.
#ifndef STUND_CSECURETRANSPORT_H
#define STUND_CSECURETRANSPORT_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a session reads from and writes to. The pointers are lent for one call, and null between calls.
struct secure_wire {
    const uint8_t *input;
    size_t input_count;
    size_t input_taken;
    uint8_t *output;
    size_t output_room;
    size_t output_count;
    // Streams: what did not fit into `output`, for the next call; at most SECURE_SPILL_LIMIT bytes.
    uint8_t *spill;
    size_t spill_count;
    // Datagrams: the length of each in `output`.
    uint16_t *cuts;
    size_t cut_room;
    size_t cut_count;
    // Datagrams that did not fit are lost, as any datagram may be.
    size_t lost;
    // How long the first flight of DTLS waits for its answer.
    unsigned int first_timeout;
    bool has_datagrams;
    bool has_overflowed;
};

enum { SECURE_SPILL_LIMIT = 65536 };

// Gives an SSL object its wire, which ends with it. Null when there is no memory.
struct secure_wire *secure_wire_attach(SSL *ssl, bool has_datagrams);

// Moves what waits in `spill` to `output`, as much as fits.
void secure_wire_flush(struct secure_wire *wire);

// The server's list of ALPN names, each with its length before it, most wanted first. False when there is no memory.
bool secure_context_set_protocols(SSL_CTX *context, const uint8_t *list, size_t count);

// Has a server take the name that a client asks for, and, for DTLS, any cookie: the server has compared it before.
void secure_context_set_callbacks(SSL_CTX *context);

// Has OpenSSL ask the wire how long to wait before a flight is sent again.
void secure_set_timer(SSL *ssl);

// Reads PEM. The key's function says by `is_encrypted` that a password would be needed.
X509 *secure_read_certificate(BIO *bio);
EVP_PKEY *secure_read_key(BIO *bio, int *is_encrypted);

// The subject's alternative names: 0 behind the last one, 1 for a DNS name, 2 for an IP address, 3 for any other.
GENERAL_NAMES *secure_names(const X509 *certificate);
int secure_name(const GENERAL_NAMES *names, int index, const uint8_t **bytes, size_t *count);
void secure_names_free(GENERAL_NAMES *names);

// Seconds since 1970.
bool secure_seconds(const ASN1_TIME *time, int64_t *seconds);

// Microseconds until a flight is due to be sent again; -1 while none waits.
int64_t secure_timeout(SSL *ssl);

static inline long secure_handle_timeout(SSL *ssl) { return DTLSv1_handle_timeout(ssl); }
static inline void secure_set_mtu(SSL *ssl, long mtu) { SSL_set_mtu(ssl, mtu); }
static inline int secure_set_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
static inline int secure_set_versions(SSL_CTX *context, int lowest, int highest) {
    return (int)(SSL_CTX_set_min_proto_version(context, lowest) && SSL_CTX_set_max_proto_version(context, highest));
}
static inline int secure_set_groups(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_groups_list(context, list); }
static inline int secure_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline void secure_set_limits(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, 16384);
    SSL_CTX_set_dh_auto(context, 1);
}
// Neither side negotiates anew or compresses; the server chooses the cipher, ChaCha20 for clients that want it first. The
// caller says how long a datagram may be.
static inline void secure_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_QUERY_MTU);
}
static inline bool secure_is_handshake_done(const SSL *ssl) { return SSL_is_init_finished(ssl) != 0; }

// The digest as plain functions over a plain struct, which take no memory (see COpenSSL).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void secure_sha256_init(SHA256_CTX *context) { SHA256_Init(context); }
static inline void secure_sha256_update(SHA256_CTX *context, const void *text, size_t count) { SHA256_Update(context, text, count); }
static inline void secure_sha256_final(unsigned char *digest, SHA256_CTX *context) { SHA256_Final(digest, context); }
#pragma GCC diagnostic pop

#endif
