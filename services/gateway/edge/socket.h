/* socket.h - one WebSocket: frames in (reassembled, bounded), a bounded queue of shared payloads out.
 *
 * A peer that does not take what it is sent: its queue may be over send_queue_bytes_max for 3 s, and never over eight
 * times that; then the socket is cut without a close frame (a stuck peer could not get one) and counted. The payloads
 * are shared with the session's ring, so what a queue adds is references. */
#pragma once
#include "services/gateway/edge/edge.h"
#include <libwebsockets.h>

enum { FRAME_WHOLE = -1, FRAME_CLOSE = -2 };
struct frame {
    struct hub_payload *payload;
    int64_t s; /* of a dispatch; FRAME_WHOLE: the payload is all of a text frame, FRAME_CLOSE: of a close frame */
};
struct socket {
    struct edge *edge;
    struct socket *prev, *next; /* of edge->sockets */
    struct socket *dirty_next;
    struct lws *wsi;            /* NULL once it is closed */
    struct hub_connection *hub; /* NULL before the handshake ended, and once it is closed */
    int fd, version;
    unsigned refs;
    struct frame *ring;
    uint32_t first, count, cap; /* cap: 0 or a power of two */
    size_t bytes;               /* of the frames in the ring */
    int64_t over_since_ms;      /* since when bytes are over the limit; 0: they are not */
    char *in;                   /* a fragmented frame so far */
    size_t in_len, in_cap;
    struct wheel_timer timer; /* over the limit, or closing: how long that may last */
    uint16_t peer_code;
    bool zlib_stream, zlib_begun; /* every frame is compressed; the first one was sent */
    bool dirty, closing, cut;     /* closing: its last frame is queued or sent; nothing is read any more */
};

bool socket_context_create(struct edge *) MUST_CHECK;
void socket_context_destroy(struct edge *);
/* What the client asked for in its URL. version 0: one that we do not speak, answered by close code 4012. */
struct socket_terms {
    int version;
    bool zlib_stream;
};
/* Takes fd. key: Sec-WebSocket-Key, checked by the caller. rest: bytes that came behind the handshake. */
void socket_adopt(struct edge *, int fd, const char *key, struct socket_terms, const char *rest, size_t rest_len);
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
/* Drops n frames from the front of the queue. */
void socket_pop(struct socket *, unsigned n);
