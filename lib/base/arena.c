#include "lib/base/arena.h"
#include "lib/base/log.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A list of blocks, newest first; an allocation comes from the newest or opens another. Blocks double from 4 KiB to
 * 256 KiB, and a larger request gets a block of its own size. */
enum { BLOCK_FIRST = 4096, BLOCK_MAX = 256 * 1024, ALIGN = 16 };
#define BYTES_MAX_DEFAULT ((size_t)64 << 20)

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGN) unsigned char data[];
};

struct arena {
    struct block *blocks;
    size_t used, bytes_max, block_next;
    ProtobufCAllocator protobuf;
};

static void *protobuf_alloc(void *arena, size_t n)
{
    return arena_alloc(arena, n);
}

static void protobuf_free(void *arena, void *p)
{
}

struct arena *arena_create(size_t bytes_max)
{
    struct arena *a = calloc(1, sizeof *a);
    if (!a)
        log_fatal("out of memory");
    a->bytes_max = bytes_max ? bytes_max : BYTES_MAX_DEFAULT;
    a->block_next = BLOCK_FIRST;
    a->protobuf = (ProtobufCAllocator){protobuf_alloc, protobuf_free, a};
    return a;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    while (a->blocks) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    free(a);
}

static struct block *open_block(struct arena *a, size_t n)
{
    size_t size = n > a->block_next ? n : a->block_next;
    struct block *b = malloc(sizeof *b + size);
    if (!b)
        log_fatal("out of memory");
    *b = (struct block){.next = a->blocks, .size = size};
    a->blocks = b;
    if (a->block_next < BLOCK_MAX)
        a->block_next *= 2;
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded < n || a->used + rounded > a->bytes_max)
        log_fatal("an arena passed its limit of %zu bytes", a->bytes_max);
    struct block *b = a->blocks;
    if (!b || b->size - b->used < rounded)
        b = open_block(a, rounded);
    void *p = b->data + b->used;
    b->used += rounded;
    a->used += rounded;
    return memset(p, 0, rounded);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
    void *copy = arena_alloc(a, n);
    return n ? memcpy(copy, p, n) : copy;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    n = strnlen(s, n);
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *s = arena_vprintf(a, format, args);
    va_end(args);
    return s;
}

ProtobufCAllocator *arena_protobuf(struct arena *a)
{
    return &a->protobuf;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
