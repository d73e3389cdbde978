// The BIO between OpenSSL and the caller's buffers. OpenSSL's own memory BIO would copy everything once more, and keep for each
// idle session as much memory as the session has ever needed at once.
#include "CSecureTransport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static BIO_METHOD *wire_method;
static pthread_once_t wire_once = PTHREAD_ONCE_INIT;

static int wire_read(BIO *bio, char *out, size_t room, size_t *count) {
    struct secure_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t left = wire->input_count - wire->input_taken;
    if (left == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t taken = left < room ? left : room;
    memcpy(out, wire->input + wire->input_taken, taken);
    // A datagram is read by one call, as from a socket.
    wire->input_taken += wire->has_datagrams ? left : taken;
    *count = taken;
    return 1;
}

static bool spill(struct secure_wire *wire, const char *bytes, size_t count) {
    if (count > SECURE_SPILL_LIMIT - wire->spill_count) {
        wire->has_overflowed = true;
        return false;
    }
    uint8_t *grown = realloc(wire->spill, wire->spill_count + count);
    if (!grown) {
        wire->has_overflowed = true;
        return false;
    }
    wire->spill = grown;
    memcpy(wire->spill + wire->spill_count, bytes, count);
    wire->spill_count += count;
    return true;
}

static int wire_write(BIO *bio, const char *bytes, size_t count, size_t *written) {
    struct secure_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t room = wire->output_room - wire->output_count;
    if (wire->has_datagrams) {
        if (count > room || count > UINT16_MAX || wire->cut_count == wire->cut_room) {
            wire->lost += 1;
        } else {
            memcpy(wire->output + wire->output_count, bytes, count);
            wire->output_count += count;
            wire->cuts[wire->cut_count++] = (uint16_t)count;
        }
        *written = count;
        return 1;
    }
    size_t fits = wire->spill_count > 0 ? 0 : count < room ? count : room;
    if (fits > 0) {
        memcpy(wire->output + wire->output_count, bytes, fits);
        wire->output_count += fits;
    }
    if (fits < count && !spill(wire, bytes + fits, count - fits)) return 0;
    *written = count;
    return 1;
}

static long wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        // Of IPv6 and UDP. The caller sets how long a datagram may be, so nothing is computed from it.
        return 48;
    default:
        return 0;
    }
}

static int wire_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static int wire_destroy(BIO *bio) {
    struct secure_wire *wire = BIO_get_data(bio);
    if (wire) free(wire->spill);
    free(wire);
    BIO_set_data(bio, NULL);
    return 1;
}

static void make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stund wire");
    if (!method) return;
    if (BIO_meth_set_read_ex(method, wire_read) && BIO_meth_set_write_ex(method, wire_write) &&
        BIO_meth_set_ctrl(method, wire_control) && BIO_meth_set_create(method, wire_create) &&
        BIO_meth_set_destroy(method, wire_destroy)) {
        wire_method = method;
    }
}

struct secure_wire *secure_wire_attach(SSL *ssl, bool has_datagrams) {
    pthread_once(&wire_once, make_method);
    if (!wire_method) return NULL;
    struct secure_wire *wire = calloc(1, sizeof *wire);
    if (!wire) return NULL;
    BIO *bio = BIO_new(wire_method);
    if (!bio) {
        free(wire);
        return NULL;
    }
    wire->has_datagrams = has_datagrams;
    wire->first_timeout = 1000000;
    BIO_set_data(bio, wire);
    SSL_set_bio(ssl, bio, bio);
    return wire;
}

void secure_wire_flush(struct secure_wire *wire) {
    size_t room = wire->output_room - wire->output_count;
    size_t moved = wire->spill_count < room ? wire->spill_count : room;
    if (moved == 0) return;
    memcpy(wire->output + wire->output_count, wire->spill, moved);
    wire->output_count += moved;
    wire->spill_count -= moved;
    if (wire->spill_count > 0) {
        memmove(wire->spill, wire->spill + moved, wire->spill_count);
    } else {
        free(wire->spill);
        wire->spill = NULL;
    }
}

static unsigned int next_timeout(SSL *ssl, unsigned int last) {
    enum { LONGEST = 60000000 };
    const struct secure_wire *wire = BIO_get_data(SSL_get_rbio(ssl));
    if (last == 0) return wire->first_timeout;
    return last > LONGEST / 2 ? LONGEST : last * 2;
}

void secure_set_timer(SSL *ssl) { DTLS_set_timer_cb(ssl, next_timeout); }

int64_t secure_timeout(SSL *ssl) {
    struct timeval left;
    if (DTLSv1_get_timeout(ssl, &left) != 1) return -1;
    return (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}
