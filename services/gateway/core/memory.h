/* memory.h - allocation for the core. What is allocated is bounded by the limits of its owner, so no memory ends the
 * process. */
#pragma once
#include "lib/base/log.h"
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
#include <string.h>

static inline void *memory_zeroed(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        log_fatal("no memory for %zu bytes", n);
    return p;
}
static inline void *memory_resized(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (!p)
        log_fatal("no memory for %zu bytes", n);
    return p;
}
static inline char *memory_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(memory_zeroed(n), s, n);
}
/* A copy of a message on the heap; protobuf_c_message_free_unpacked(copy, NULL) frees it. NULL gives NULL. */
static inline void *memory_copy_message(const void *message)
{
    if (!message)
        return NULL;
    const ProtobufCMessage *m = message;
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *packed = memory_zeroed(n);
    protobuf_c_message_pack(m, packed);
    void *copy = protobuf_c_message_unpack(m->descriptor, NULL, n, packed);
    free(packed);
    if (!copy)
        log_fatal("no memory for a %zu byte message", n);
    return copy;
}
static inline void memory_free_message(void *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
}
