// The part of c-ares that the server uses: addresses, SRV and NAPTR records, driven by poll.
#ifndef STUND_CCARES_SHIM_H
#define STUND_CCARES_SHIM_H

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

// Macros of expressions, which Swift does not import.
enum {
    STUND_ARES_SOCKETS = ARES_GETSOCK_MAXNUM,
    STUND_ARES_OPTIONS = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES,
    STUND_ARES_OPTION_LOOKUPS = ARES_OPT_LOOKUPS,
    STUND_ARES_NO_SORT = ARES_AI_NOSORT,
    STUND_ARES_NO_CHECK = ARES_FLAG_NOCHECKRESP,
    STUND_ARES_IN = ns_c_in,
    STUND_ARES_SRV = ns_t_srv,
    STUND_ARES_NAPTR = ns_t_naptr,
    STUND_ARES_INIT = ARES_LIB_INIT_ALL,
};

// Macros in one version of c-ares, an enumeration with a name in another.
enum {
    STUND_ARES_SUCCESS = ARES_SUCCESS,
    STUND_ARES_ENODATA = ARES_ENODATA,
    STUND_ARES_EFORMERR = ARES_EFORMERR,
    STUND_ARES_ESERVFAIL = ARES_ESERVFAIL,
    STUND_ARES_ENOTFOUND = ARES_ENOTFOUND,
    STUND_ARES_ENOTIMP = ARES_ENOTIMP,
    STUND_ARES_EREFUSED = ARES_EREFUSED,
    STUND_ARES_EBADQUERY = ARES_EBADQUERY,
    STUND_ARES_EBADNAME = ARES_EBADNAME,
    STUND_ARES_EBADRESP = ARES_EBADRESP,
    STUND_ARES_ECONNREFUSED = ARES_ECONNREFUSED,
    STUND_ARES_ETIMEOUT = ARES_ETIMEOUT,
    STUND_ARES_EDESTRUCTION = ARES_EDESTRUCTION,
    STUND_ARES_ENONAME = ARES_ENONAME,
    STUND_ARES_ECANCELLED = ARES_ECANCELLED,
};

static inline int stund_ares_readable(int bits, int index) { return ARES_GETSOCK_READABLE((unsigned)bits, index) != 0; }
static inline int stund_ares_writable(int bits, int index) { return ARES_GETSOCK_WRITABLE((unsigned)bits, index) != 0; }

// Newer versions of c-ares call these deprecated; Debian 12 has 1.18, which knows no others.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static inline int stund_ares_sockets(ares_channel channel, ares_socket_t *sockets, int count) {
    return ares_getsock(channel, sockets, count);
}
static inline void stund_ares_process(ares_channel channel, ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel, readable, writable);
}
static inline void stund_ares_query(ares_channel channel, const char *name, int type, ares_callback callback, void *context) {
    ares_query(channel, name, STUND_ARES_IN, type, callback, context);
}
static inline int stund_ares_use_servers(ares_channel channel, const char *servers) {
    return ares_set_servers_ports_csv(channel, servers);
}
static inline int stund_ares_srv(const unsigned char *answer, int length, struct ares_srv_reply **records) {
    return ares_parse_srv_reply(answer, length, records);
}
static inline int stund_ares_naptr(const unsigned char *answer, int length, struct ares_naptr_reply **records) {
    return ares_parse_naptr_reply(answer, length, records);
}

#pragma GCC diagnostic pop

// Milliseconds until c-ares wants to be called again though nothing arrived, at most `limit`.
static inline int stund_ares_wait(ares_channel channel, int limit) {
    struct timeval most = {.tv_sec = limit / 1000, .tv_usec = limit % 1000 * 1000}, result;
    const struct timeval *wait = ares_timeout(channel, &most, &result);
    return (int)(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
}

// The address of a node: 4 bytes or 16 in network order, copied to `out`; 0 for another family.
static inline int stund_ares_address(const struct ares_addrinfo_node *node, unsigned char out[16]) {
    if (node->ai_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
        return 4;
    }
    if (node->ai_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr, 16);
        return 16;
    }
    return 0;
}

#endif
