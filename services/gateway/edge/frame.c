/* A frame is read in two steps: its header byte by byte, each judged as it comes, then its payload in the pieces in
 * which it arrives. Text that lies whole in the bytes given is handed over where it lies; else the pieces are gathered.
 * A control frame may come between the fragments of a message, so it has room of its own. */
#include "services/gateway/edge/frame.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { FINAL_BIT = 0x80, RESERVED_BITS = 0x70, OPCODE_BITS = 0x0f, MASK_BIT = 0x80, LENGTH_BITS = 0x7f };
enum { LENGTH_16 = 126, LENGTH_64 = 127, MASK_BYTES = 4, MESSAGE_FIRST = 512 };

static bool is_control(uint8_t opcode)
{
    return opcode & 8;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

/* The first byte of a character: how many follow, and between what the second lies. That keeps out overlong forms,
 * surrogates and what is above 10FFFF. */
static bool utf8_begin(struct frame_utf8 *u, unsigned char c)
{
    if (c < 0x80)
        return true;
    if (c < 0xc2 || c > 0xf4)
        return false;
    u->more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

bool frame_utf8_take(struct frame_utf8 *u, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!u->more) {
            if (!utf8_begin(u, c))
                return false;
            continue;
        }
        if (c < u->low || c > u->high)
            return false;
        u->more--;
        u->low = 0x80;
        u->high = 0xbf;
    }
    return true;
}

/* ---- The header ------------------------------------------------------------------------------------------------ */

/* Of a header so far: how long it will be. */
static unsigned header_size(const struct frame_reader *r)
{
    if (r->header_len < 2)
        return 2;
    unsigned length = r->header[1] & LENGTH_BITS;
    return 2 + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0) + MASK_BYTES;
}

/* Section 5.2, 5.4 and 5.5. 0 or a code. */
static uint16_t judge_first(struct frame_reader *r, unsigned char byte)
{
    r->opcode = byte & OPCODE_BITS;
    r->final = byte & FINAL_BIT;
    if (byte & RESERVED_BITS)
        return FRAME_CODE_PROTOCOL;
    if (is_control(r->opcode))
        return r->opcode > PONG || !r->final ? FRAME_CODE_PROTOCOL : 0;
    if (r->opcode > BINARY || r->in_message != (r->opcode == CONTINUATION))
        return FRAME_CODE_PROTOCOL;
    return 0;
}

static uint16_t judge_second(const struct frame_reader *r, unsigned char byte)
{
    bool too_long = is_control(r->opcode) && (byte & LENGTH_BITS) > FRAME_CONTROL_BYTES_MAX;
    return !(byte & MASK_BIT) || too_long ? FRAME_CODE_PROTOCOL : 0;
}

/* The header is whole. */
static uint16_t end_header(struct frame_reader *r)
{
    unsigned bytes = header_size(r) - 2 - MASK_BYTES;
    uint64_t length = bytes ? 0 : r->header[1] & LENGTH_BITS;
    for (unsigned i = 0; i < bytes; i++)
        length = length << 8 | r->header[2 + i];
    if ((bytes == 2 && length < LENGTH_16) || (bytes == 8 && (length <= UINT16_MAX || length >> 63)))
        return FRAME_CODE_PROTOCOL;
    memcpy(r->mask, r->header + 2 + bytes, MASK_BYTES);
    r->left = length;
    r->at = 0;
    r->in_payload = true;
    r->header_len = 0;
    if (is_control(r->opcode))
        return 0;
    r->in_message = true;
    if (r->opcode == (r->binary ? TEXT : BINARY))
        return FRAME_CODE_BINARY;
    return length > r->message_bytes_max - r->message_len ? FRAME_CODE_TOO_LARGE : 0;
}

static uint16_t take_header_byte(struct frame_reader *r, unsigned char byte)
{
    uint16_t code = 0;
    r->header[r->header_len++] = byte;
    if (r->header_len == 1)
        code = judge_first(r, byte);
    else if (r->header_len == 2)
        code = judge_second(r, byte);
    return !code && r->header_len == header_size(r) ? end_header(r) : code;
}

/* ---- The payload ----------------------------------------------------------------------------------------------- */

/* Section 5.3. at: where in the frame's payload the piece begins. */
static void unmask(const unsigned char mask[MASK_BYTES], uint64_t at, char *piece, size_t n)
{
    unsigned char turned[8];
    for (unsigned i = 0; i < sizeof turned; i++)
        turned[i] = mask[(at + i) % MASK_BYTES];
    uint64_t word, wide;
    memcpy(&wide, turned, sizeof wide);
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, piece + i, sizeof word);
        word ^= wide;
        memcpy(piece + i, &word, sizeof word);
    }
    for (; i < n; i++)
        piece[i] ^= (char)turned[i % MASK_BYTES];
}

static void append(struct frame_reader *r, const char *piece, size_t n)
{
    if (r->message_len + n > r->message_cap) {
        size_t cap = r->message_cap ? r->message_cap * 2 : MESSAGE_FIRST;
        cap = cap > r->message_bytes_max ? r->message_bytes_max : cap;
        r->message_cap = cap < r->message_len + n ? r->message_len + n : cap;
        r->message = realloc(r->message, r->message_cap);
        if (!r->message)
            log_fatal("out of memory");
    }
    if (n) /* an empty fragment may come before there is room */
        memcpy(r->message + r->message_len, piece, n);
    r->message_len += n;
}

static void forget_message(struct frame_reader *r)
{
    free(r->message);
    r->message = NULL;
    r->message_len = r->message_cap = 0;
    r->utf8 = (struct frame_utf8){0};
    r->handed = false;
}

static struct frame_event fault(struct frame_reader *r, uint16_t code)
{
    r->over = true;
    return (struct frame_event){.kind = FRAME_FAULT, .code = code};
}

/* Section 7.4: what may stand in a close frame, with what IANA has registered since. */
static bool code_may_be_sent(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static struct frame_event end_close(struct frame_reader *r)
{
    size_t n = (size_t)r->at;
    struct frame_utf8 utf8 = {0};
    struct frame_event event = {.kind = FRAME_CLOSED, .code = FRAME_CODE_NONE, .data = "", .n = 0};
    if (n) {
        unsigned code = (unsigned)r->control[0] << 8 | r->control[1];
        if (n == 1 || !code_may_be_sent(code))
            return fault(r, FRAME_CODE_PROTOCOL);
        event.code = (uint16_t)code;
        event.data = (const char *)r->control + 2;
        event.n = n - 2;
    }
    if (!frame_utf8_take(&utf8, event.data, event.n) || utf8.more)
        return fault(r, FRAME_CODE_UTF8);
    r->over = true;
    return event;
}

static struct frame_event take_control(struct frame_reader *r, const char *piece, size_t n)
{
    memcpy(r->control + r->at, piece, n);
    r->at += n;
    if (r->left)
        return (struct frame_event){.kind = FRAME_MORE};
    r->in_payload = false;
    if (r->opcode == CLOSE)
        return end_close(r);
    enum frame_event_kind kind = r->opcode == PING ? FRAME_PING : FRAME_MORE;
    return (struct frame_event){.kind = kind, .data = (const char *)r->control, .n = (size_t)r->at};
}

static struct frame_event take_message(struct frame_reader *r, const char *piece, size_t n)
{
    r->at += n;
    if (!r->binary && !frame_utf8_take(&r->utf8, piece, n))
        return fault(r, FRAME_CODE_UTF8);
    bool frame_ends = !r->left, message_ends = frame_ends && r->final;
    r->in_payload = !frame_ends;
    r->in_message = !message_ends;
    if (message_ends && r->utf8.more)
        return fault(r, FRAME_CODE_UTF8);
    if (message_ends)
        r->handed = true;
    if (message_ends && !r->message_len)
        return (struct frame_event){.kind = FRAME_MESSAGE, .data = piece, .n = n};
    append(r, piece, n);
    return (struct frame_event){
        .kind = message_ends ? FRAME_MESSAGE : FRAME_MORE, .data = r->message, .n = r->message_len};
}

/* A piece of the payload, or its end when it is empty. */
static struct frame_event take_payload(struct frame_reader *r, char *in, size_t n, size_t *used)
{
    size_t take = n < r->left ? n : (size_t)r->left;
    unmask(r->mask, r->at, in, take);
    r->left -= take;
    *used += take;
    return is_control(r->opcode) ? take_control(r, in, take) : take_message(r, in, take);
}

struct frame_event frame_read(struct frame_reader *r, char *in, size_t n, size_t *used)
{
    *used = 0;
    if (r->handed)
        forget_message(r);
    while (!r->over && (*used < n || (r->in_payload && !r->left))) {
        struct frame_event event = {.kind = FRAME_MORE};
        uint16_t code = 0;
        if (r->in_payload)
            event = take_payload(r, in + *used, n - *used, used);
        else
            code = take_header_byte(r, (unsigned char)in[(*used)++]);
        if (code)
            return fault(r, code);
        if (event.kind != FRAME_MORE)
            return event;
    }
    *used = n;
    return (struct frame_event){.kind = FRAME_MORE};
}

void frame_reader_finish(struct frame_reader *r)
{
    forget_message(r);
}
