/* socket.h - one WebSocket: messages in (frame.h), a bounded queue of shared payloads out.
 *
 * A peer that does not take what it is sent: its queue may be over send_queue_bytes_max for 3 s, and never over eight
 * times that; then the socket is cut without a close frame (a stuck peer could not get one) and counted. The payloads
 * are shared with the session's ring, so what a queue adds is references. */
#pragma once
#include "services/gateway/edge/edge.h"
#include "services/gateway/edge/frame.h"
#include <libwebsockets.h>

/* What every frame goes through. */
enum socket_stream { STREAM_NONE, STREAM_ZLIB, STREAM_ZSTD };

enum { OUT_WHOLE = -1, OUT_CLOSE = -2, OUT_PONG = -3 };
struct frame {
    struct hub_payload *payload;
    int64_t s; /* of a dispatch; OUT_WHOLE: the payload is all of a text frame, OUT_CLOSE, OUT_PONG: of such a frame */
};
struct socket {
    struct edge *edge;
    struct socket *prev, *next; /* of edge->sockets */
    struct socket *dirty_next;
    struct lws *wsi;            /* NULL once it is closed */
    struct hub_connection *hub; /* NULL once the peer is not listened to any more */
    int fd;
    unsigned refs;
    /* out: the rest, then the ring */
    unsigned char *rest; /* the handshake's answer, or what the descriptor did not take of a frame; NULL: nothing */
    size_t rest_len, rest_sent;
    struct frame *ring;
    uint32_t first, count, cap; /* cap: 0 or a power of two */
    size_t bytes;               /* of the frames in the ring */
    struct hub_payload *pong;   /* the one in the ring, if there is one */
    int64_t over_since_ms;      /* since when bytes are over the limit; 0: they are not */
    /* in */
    struct frame_reader in;
    struct wheel_timer timer; /* over the limit, or closing: how long that may last */
    enum socket_stream stream;
    bool stream_begun; /* its first frame was sent */
    bool etf;          /* frames are terms, both ways */
    bool dirty;
    bool blocked; /* the descriptor took less than it was given: WRITEABLE is due */
    bool closing; /* its last frame is queued or sent; no message is read any more */
    bool heard;   /* the peer's close frame came, or what nobody can read: nothing is read any more */
    bool ended;   /* heard, and all is sent: the peer ends it, or its time does */
    bool cut, closed;
};

bool socket_context_create(struct edge *) MUST_CHECK;
void socket_context_destroy(struct edge *);
/* What the client asked for in its URL. version 0: one that we do not speak, answered by close code 4012. */
struct socket_terms {
    int version;
    enum socket_stream stream;
    bool etf;
};
/* Takes fd and answers the handshake. key: Sec-WebSocket-Key, checked by the caller. in: bytes that came behind the
 * handshake; they are changed. */
void socket_adopt(struct edge *, int fd, const char *key, struct socket_terms, char *in, size_t n);
void socket_ref(struct socket *);
void socket_unref(struct socket *);
/* hub_io.send and hub_io.close: the close frame goes behind what is queued. */
void socket_send(struct socket *, struct hub_payload *, int64_t s);
void socket_close(struct socket *, uint16_t code, const char *reason);
/* Gives up on the peer at once. */
void socket_cut(struct socket *);
void socket_close_all(struct edge *, uint16_t code, const char *reason);

/* flush.c */
enum { FLUSH_FRAMES_MAX = 16 };
struct flush;
struct flush *flush_create(struct edge *, bool io_uring);
void flush_destroy(struct flush *);
void flush_add(struct flush *, struct socket *);
/* Sends for up to 1,000 dirty sockets; true when some are left. */
bool flush_run(struct flush *);
/* Sends what the socket has until it takes no more. From its WRITEABLE callback. */
void flush_socket(struct socket *);
/* A payload's edge_cache. */
void flush_free_forms(void *);
/* Drops n frames from the front of the queue. */
void socket_pop(struct socket *, unsigned n);
/* All that it had to send is sent. */
void socket_drained(struct socket *);
