/* arena.h - memory that is freed all at once: one arena a call. Not thread-safe: an arena has one user at a time.
 * Nothing allocated here is freed alone. Allocation never returns NULL: past the arena's limit, or when the system has
 * no memory, the process ends with a line in the log (a limit is set far above what a bounded request can need). */
#pragma once
#include "lib/base/status.h"
#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* An arena of at most bytes_max bytes (0: 64 MiB). */
struct arena *arena_create(size_t bytes_max);
/* Frees everything in it. destroy(NULL) is fine. */
void arena_destroy(struct arena *);

/* Zeroed, aligned for any type. n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *, size_t n);
void *arena_memdup(struct arena *, const void *, size_t n);
char *arena_strdup(struct arena *, const char *);
char *arena_strndup(struct arena *, const char *, size_t n);
char *arena_printf(struct arena *, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *, const char *format, va_list);
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (n)))
/* A protobuf-c message of the type, initialised: PB_NEW(arena, Hubbub__V1__Role, hubbub__v1__role) */
#define PB_NEW(arena, type, prefix)                                                                                    \
    ({                                                                                                                 \
        type *pb_new_ = ARENA_NEW(arena, type);                                                                        \
        prefix##__init(pb_new_);                                                                                       \
        pb_new_;                                                                                                       \
    })
/* Sets an optional scalar together with its has_ flag. */
#define PB_SET(message, field, value) ((message)->has_##field = 1, (message)->field = (value))

/* For `__unpack(arena_protobuf(a), ...)`: the message lives in the arena and is never freed by itself. */
ProtobufCAllocator *arena_protobuf(struct arena *);
/* Bytes handed out so far. */
size_t arena_used(const struct arena *);
