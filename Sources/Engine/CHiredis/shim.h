// The part of hiredis that the server uses: blocking connections and pipelines, no TLS.
#ifndef STUND_CHIREDIS_SHIM_H
#define STUND_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>

// The most elements of one array in a reply. hiredis takes memory for as many as the reply's first line says, up to
// 16 GB, before it has read one of them.
#define STUND_REDIS_MOST_ELEMENTS (1 << 20)

#if HIREDIS_MAJOR >= 1
typedef size_t stund_redis_count;
#else
typedef int stund_redis_count;
#endif

// Makes an array as hiredis itself does, if it is not too long. The table that hiredis came with is the private data.
static inline void *stund_redis_create_array(const redisReadTask *task, stund_redis_count elements) {
    const redisReplyObjectFunctions *own = (const redisReplyObjectFunctions *)task->privdata;
    return elements > STUND_REDIS_MOST_ELEMENTS ? NULL : own->createArray(task, elements);
}

// Bounds the arrays of a new connection; `table` must live as long as the connection does.
static inline void stund_redis_bound_arrays(redisContext *context, redisReplyObjectFunctions *table) {
    *table = *context->reader->fn;
    context->reader->privdata = context->reader->fn;
    table->createArray = stund_redis_create_array;
    context->reader->fn = table;
}

// What went wrong with a connection.
static inline const char *stund_redis_error(const redisContext *context) { return context->errstr; }

#endif
