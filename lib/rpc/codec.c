#include "lib/rpc/codec.h"
#include "lib/base/log.h"
#include <grpc/support/log.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
/* Of gRPC's own threads and locks the sanitizer sees nothing. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "ignore_noninstrumented_modules=1";
}
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libgrpc.so\ncalled_from_lib:libgpr.so\nthread:libgpr.so\n";
}
#endif

static void log_of_grpc(gpr_log_func_args *args)
{
    if (args->severity == GPR_LOG_SEVERITY_ERROR)
        log_warn("grpc", LOG_S("detail", args->message), LOG_S("file", args->file), LOG_I("line", args->line));
}

static void init_once(void)
{
    gpr_set_log_function(log_of_grpc);
}

void codec_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    grpc_init();
}

bool codec_start(grpc_call *call, const grpc_op *ops, size_t n, struct tag *tag)
{
    TAG_RELEASE(tag);
    grpc_call_error error = grpc_call_start_batch(call, ops, n, tag, NULL);
    if (error != GRPC_CALL_OK)
        log_error("a batch was refused", LOG_S("detail", grpc_call_error_to_string(error)));
    return error == GRPC_CALL_OK;
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

grpc_slice codec_pack(const ProtobufCMessage *message)
{
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    return slice;
}

grpc_byte_buffer *codec_pack_buffer(const ProtobufCMessage *message)
{
    grpc_slice slice = codec_pack(message);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

/* A few bytes can name thousands of messages. Past its budget an unpack fails like any other; the arena's own limit,
 * which ends the process, stays out of reach. */
struct budget {
    ProtobufCAllocator allocator;
    struct arena *arena;
    size_t left;
};

static void *budget_alloc(void *user, size_t n)
{
    struct budget *b = user;
    size_t cost = n + 16;
    if (cost < n || cost > b->left)
        return NULL;
    b->left -= cost;
    return arena_alloc(b->arena, n);
}

static void budget_free(void *user, void *p)
{
}

void *codec_unpack(struct arena *arena, const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t n)
{
    struct budget budget = {
        .allocator = {budget_alloc, budget_free, &budget},
        .arena = arena,
        .left = RPC_UNPACK_BYTES_MIN + RPC_UNPACK_FACTOR * n,
    };
    return protobuf_c_message_unpack(type, &budget.allocator, n, bytes);
}

void *codec_unpack_slice(struct arena *arena, const ProtobufCMessageDescriptor *type, grpc_slice slice)
{
    return codec_unpack(arena, type, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
}

/* One piece, which is the rule, is used where it lies; several are copied together. */
static grpc_slice read_whole(grpc_byte_buffer_reader *reader)
{
    grpc_slice slice;
    if (reader->buffer_out->data.raw.slice_buffer.count == 1 && grpc_byte_buffer_reader_next(reader, &slice))
        return slice;
    return grpc_byte_buffer_reader_readall(reader);
}

void *codec_unpack_buffer(struct arena *arena, const ProtobufCMessageDescriptor *type, grpc_byte_buffer *buffer)
{
    grpc_byte_buffer_reader reader;
    if (!buffer || !grpc_byte_buffer_reader_init(&reader, buffer))
        return NULL;
    grpc_slice slice = read_whole(&reader);
    void *message = codec_unpack_slice(arena, type, slice);
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    return message;
}

void *codec_new(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
    void *message = arena_alloc(arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

/* ---- Headers ---------------------------------------------------------------------------------------------------- */

const grpc_slice *codec_find(const grpc_metadata_array *metadata, const char *key)
{
    for (size_t i = 0; i < metadata->count; i++)
        if (!grpc_slice_str_cmp(metadata->metadata[i].key, key))
            return &metadata->metadata[i].value;
    return NULL;
}

const char *codec_find_text(const grpc_metadata_array *metadata, const char *key, struct arena *arena)
{
    const grpc_slice *value = codec_find(metadata, key);
    return value ? arena_strndup(arena, (const char *)GRPC_SLICE_START_PTR(*value), GRPC_SLICE_LENGTH(*value)) : "";
}

void headers_add_slice(struct headers *h, const char *key, grpc_slice value)
{
    if (h->n == sizeof h->all / sizeof *h->all)
        log_fatal("too many headers for one call");
    h->all[h->n++] = (grpc_metadata){.key = grpc_slice_from_static_string(key), .value = value};
}

void headers_add_text(struct headers *h, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    grpc_slice slice = grpc_slice_from_copied_string(value);
    if (grpc_header_nonbin_value_is_legal(slice))
        headers_add_slice(h, key, slice);
    else
        grpc_slice_unref(slice);
}

void headers_finish(struct headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        grpc_slice_unref(h->all[i].value);
    h->n = 0;
}

char *codec_percent_encode(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
                      hex[] = "0123456789ABCDEF";
    char *encoded = malloc(strlen(text) * 3 + 1), *out = encoded;
    if (!encoded)
        log_fatal("out of memory");
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (strchr(plain, byte)) {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
    *out = '\0';
    return encoded;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

void codec_percent_decode(char *text)
{
    char *out = text;
    while (*text) {
        int high = *text == '%' ? hex_digit(text[1]) : -1;
        int low = high >= 0 ? hex_digit(text[2]) : -1;
        *out++ = low >= 0 ? (char)(high << 4 | low) : *text;
        text += low >= 0 ? 3 : 1;
    }
    *out = '\0';
}
