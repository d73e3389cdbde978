// What OpenSSL asks by callback, and lists that it has only as macros.
#include "CSecureTransport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct protocols {
    unsigned int count;
    uint8_t bytes[];
};

static int protocols_index = -1;
static pthread_once_t protocols_once = PTHREAD_ONCE_INIT;

static void free_protocols(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)argument;
    free(pointer);
}

static void make_index(void) { protocols_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_protocols); }

static int choose(SSL *ssl, const unsigned char **out, unsigned char *count, const unsigned char *offered, unsigned int size,
                  void *argument) {
    (void)ssl;
    const struct protocols *list = argument;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, count, list->bytes, list->count, offered, size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

bool secure_context_set_protocols(SSL_CTX *context, const uint8_t *bytes, size_t count) {
    pthread_once(&protocols_once, make_index);
    if (protocols_index < 0 || count > 65535) return false;
    struct protocols *list = malloc(sizeof *list + count);
    if (!list) return false;
    list->count = (unsigned int)count;
    memcpy(list->bytes, bytes, count);
    if (!SSL_CTX_set_ex_data(context, protocols_index, list)) {
        free(list);
        return false;
    }
    SSL_CTX_set_alpn_select_cb(context, choose, list);
    return true;
}

static int take_name(SSL *ssl, int *alert, void *argument) {
    (void)alert;
    (void)argument;
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *count) {
    (void)ssl;
    (void)cookie;
    *count = 0;
    return 0;
}

static int take_cookie(SSL *ssl, const unsigned char *cookie, unsigned int count) {
    (void)ssl;
    (void)cookie;
    (void)count;
    return 1;
}

void secure_context_set_callbacks(SSL_CTX *context) {
    SSL_CTX_set_tlsext_servername_callback(context, take_name);
    SSL_CTX_set_cookie_generate_cb(context, make_cookie);
    SSL_CTX_set_cookie_verify_cb(context, take_cookie);
}

static int no_password(char *out, int room, int writing, void *is_encrypted) {
    (void)out;
    (void)room;
    (void)writing;
    if (is_encrypted) *(int *)is_encrypted = 1;
    return -1;
}

X509 *secure_read_certificate(BIO *bio) { return PEM_read_bio_X509(bio, NULL, no_password, NULL); }

EVP_PKEY *secure_read_key(BIO *bio, int *is_encrypted) {
    return PEM_read_bio_PrivateKey(bio, NULL, no_password, is_encrypted);
}

GENERAL_NAMES *secure_names(const X509 *certificate) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

int secure_name(const GENERAL_NAMES *names, int index, const uint8_t **bytes, size_t *count) {
    if (!names || index >= sk_GENERAL_NAME_num(names)) return 0;
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    const ASN1_STRING *text = NULL;
    int kind = 3;
    if (name->type == GEN_DNS) {
        text = name->d.dNSName;
        kind = 1;
    } else if (name->type == GEN_IPADD) {
        text = name->d.iPAddress;
        kind = 2;
    }
    *bytes = text ? ASN1_STRING_get0_data(text) : NULL;
    *count = text ? (size_t)ASN1_STRING_length(text) : 0;
    return kind;
}

void secure_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

bool secure_seconds(const ASN1_TIME *time, int64_t *seconds) {
    int days = 0, rest = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool known = time && epoch && ASN1_TIME_diff(&days, &rest, epoch, time);
    ASN1_TIME_free(epoch);
    *seconds = (int64_t)days * 86400 + rest;
    return known;
}
