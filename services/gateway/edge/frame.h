/* frame.h - what a WebSocket client sends (RFC 6455 sections 5 to 8): bytes in, events out. Pure; one reader a socket.
 *
 * Strict as the RFC has it: every frame is masked, a length is in its shortest form, no reserved bit (no extension is
 * ever agreed on), control frames are whole and short, fragments come in order, text and the reason of a close frame
 * are UTF-8 (RFC 3629), judged byte by byte as they arrive. A frame is judged by its header, before a byte of its
 * payload is kept: what a reader holds is at most message_bytes_max.
 *
 * Life: a zeroed struct with message_bytes_max set -> frame_read until the peer's close frame or a fault, behind which
 * nothing is read -> frame_reader_finish. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_CONTROL_BYTES_MAX = 125, FRAME_HEADER_BYTES_MAX = 14 };

/* Close codes of RFC 6455 section 7.4.1 that a fault has. */
enum {
    FRAME_CODE_PROTOCOL = 1002,
    FRAME_CODE_BINARY = 1003, /* a binary message where text is expected, or text for binary */
    FRAME_CODE_NONE = 1005,   /* never on the wire: a close frame without a code */
    FRAME_CODE_UTF8 = 1007,
    FRAME_CODE_TOO_LARGE = 1009
};

/* The state of a UTF-8 text that comes in pieces; zeroed at its start. */
struct frame_utf8 {
    uint8_t more;      /* bytes that the character still wants */
    uint8_t low, high; /* what the next of them may be */
};

struct frame_reader {
    size_t message_bytes_max;
    bool binary; /* messages are binary, and not judged as UTF-8; else they are text */
    /* the frame */
    unsigned char header[FRAME_HEADER_BYTES_MAX];
    uint8_t header_len; /* bytes of it that have come */
    bool in_payload;    /* the header is whole */
    uint8_t opcode;
    bool final;
    uint64_t left, at; /* payload still to come; payload that has come */
    unsigned char mask[4];
    unsigned char control[FRAME_CONTROL_BYTES_MAX];
    /* the message */
    bool in_message; /* more fragments of it are due */
    bool handed;     /* message was an event: to be forgotten */
    bool over;
    struct frame_utf8 utf8;
    char *message; /* NULL until it comes in more than one piece */
    size_t message_len, message_cap;
};

enum frame_event_kind {
    FRAME_MORE,    /* all bytes are used; none is an event */
    FRAME_MESSAGE, /* data, n: a whole message */
    FRAME_PING,    /* data, n: to be sent back */
    FRAME_CLOSED,  /* code, FRAME_CODE_NONE among them; data, n: the reason. The last event. */
    FRAME_FAULT    /* code: to close with. The last event. */
};
struct frame_event {
    enum frame_event_kind kind;
    uint16_t code;
    const char *data; /* in the bytes given or in the reader: valid until the next call */
    size_t n;
};

/* Takes from in[0..n), which it unmasks in place: *used bytes. Call again with what is left, until FRAME_MORE or a last
 * event. Pongs are read and dropped. */
struct frame_event frame_read(struct frame_reader *, char *in, size_t n, size_t *used);
/* Frees what it holds. Fine more than once. */
void frame_reader_finish(struct frame_reader *);
/* false: it is not UTF-8. A text is whole when it was true for all of it and more is 0. */
bool frame_utf8_take(struct frame_utf8 *, const char *, size_t n);
