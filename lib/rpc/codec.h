/* codec.h - messages as gRPC's bytes, headers, and the tags of a completion queue: what both ends of a call share.
 * Any thread. */
#pragma once
#include "lib/base/arena.h"
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <stddef.h>
#include <stdint.h>

/* Headers of a call in one direction, gRPC's default of 8 KiB raised: the error and the feed entries travel there. */
enum { RPC_METADATA_BYTES_MAX = 256 * 1024 };
enum { RPC_FEED_BYTES_MAX = 160 * 1024 }; /* packed; base64 on the wire makes 4/3 of it */
enum { RPC_ERROR_BYTES_MAX = 24 * 1024 }; /* packed; leaves above are dropped */
/* What the sender of a stream may be ahead of its reader. gRPC's own guess (BDP probes) grows to 4 MiB a stream. */
enum { RPC_WINDOW_BYTES = 256 * 1024 };
enum { RPC_UNPACK_BYTES_MIN = 16 << 20, RPC_UNPACK_FACTOR = 8 }; /* what unpacking n bytes may take: MIN + FACTOR * n */

#define RPC_KEY_REQUEST_ID "x-request-id"
#define RPC_KEY_TRACEPARENT "traceparent"
#define RPC_KEY_SECRET "hubbub-secret"
#define RPC_KEY_USER "hubbub-user"
#define RPC_KEY_BOT "hubbub-bot"
#define RPC_KEY_ADMIN "hubbub-admin"
#define RPC_KEY_ADDRESS "hubbub-address"
#define RPC_KEY_REASON "hubbub-reason"
#define RPC_KEY_ERROR "hubbub-error-bin"
#define RPC_KEY_FEED "hubbub-feed-bin"

/* What a completion queue carries: embedded in the object that waits for it; done() finds the object around it. */
struct tag {
    void (*done)(struct tag *, bool ok);
    struct tag *next; /* client: in the stack that crosses to the loop */
    bool ok;
};
#define TAG_OWNER(tag, type, member) ((type *)(void *)((char *)(tag)-offsetof(type, member)))

/* gRPC's library is not instrumented: these tell the thread sanitizer that a tag carries its object over the queue. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *);
void __tsan_release(void *);
#define TAG_ACQUIRE(tag) __tsan_acquire(tag)
#define TAG_RELEASE(tag) __tsan_release(tag)
#else
#define TAG_ACQUIRE(tag) ((void)(tag))
#define TAG_RELEASE(tag) ((void)(tag))
#endif

/* grpc_call_start_batch; false when gRPC refused it: the tag will not come. */
bool codec_start(grpc_call *, const grpc_op *, size_t n, struct tag *) MUST_CHECK;

/* grpc_init, and gRPC's own lines into our log. Pair with grpc_shutdown(). */
void codec_init(void);

/* A channel argument that is a number. */
static inline grpc_arg codec_arg(const char *name, int number)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)name, .value = {.integer = number}};
}

/* The packed message; the caller unrefs. */
grpc_slice codec_pack(const ProtobufCMessage *);
/* The packed message as a buffer; the caller destroys. */
grpc_byte_buffer *codec_pack_buffer(const ProtobufCMessage *);
/* In the arena; NULL when the bytes are no such message or would take more memory than RPC_UNPACK_* allows. */
void *codec_unpack(struct arena *, const ProtobufCMessageDescriptor *, const uint8_t *, size_t n);
void *codec_unpack_slice(struct arena *, const ProtobufCMessageDescriptor *, grpc_slice);
/* The same of a buffer, which may be compressed or in pieces; buffer NULL: NULL. */
void *codec_unpack_buffer(struct arena *, const ProtobufCMessageDescriptor *, grpc_byte_buffer *);
/* A message of the type with its defaults. */
void *codec_new(struct arena *, const ProtobufCMessageDescriptor *);

/* The first value of the key, NULL when there is none; belongs to the call. */
const grpc_slice *codec_find(const grpc_metadata_array *, const char *key);
/* The same as a string in the arena, "" when there is none. */
const char *codec_find_text(const grpc_metadata_array *, const char *key, struct arena *);
/* Appends a header; an empty, NULL or (for a key that is not -bin) illegal value is left out. */
struct headers {
    grpc_metadata all[12];
    size_t n;
};
void headers_add_text(struct headers *, const char *key, const char *value);
void headers_add_slice(struct headers *, const char *key, grpc_slice value); /* takes the slice */
void headers_finish(struct headers *);

/* Every byte but letters, digits and "-._~" becomes %XX. The result is malloc'd. */
char *codec_percent_encode(const char *);
/* In place; a % without two hexadecimal digits stays, and what is decoded to NUL ends the string. */
void codec_percent_decode(char *);
