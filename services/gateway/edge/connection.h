/* connection.h - one HTTP/1.1 socket: heads in, answers out, one exchange at a time (requests that were pipelined wait
 * in the buffer), until it is closed or becomes a WebSocket.
 *
 * Timeouts: 15 s for a head from its first byte, 15 s for a JSON body, 15 s for each 8 KiB of a multipart one, 65 s
 * idle, 30 s for a peer that takes nothing of an answer. */
#pragma once
#include "services/gateway/edge/edge.h"
#include "services/gateway/edge/http.h"

enum connection_state {
    CONNECTION_IDLE,      /* waits for a head */
    CONNECTION_THINKING,  /* the exchange has the head; nothing is read */
    CONNECTION_BODY,      /* reads a body for the exchange */
    CONNECTION_ANSWERING, /* an answer goes out; nothing is read */
    CONNECTION_LINGERING, /* answered before the body was read: what still comes is thrown away, then it closes */
    CONNECTION_CLOSED     /* the descriptor is gone; lives on while calls are in flight */
};

struct exchange;
struct connection {
    struct edge *edge;
    struct connection *prev, *next; /* of edge->connections */
    uv_poll_t poll;
    int fd, events;
    unsigned refs;
    enum connection_state state;
    struct wheel_timer timer;
    char address[INET6_ADDRSTRLEN];
    /* in */
    char *in; /* bytes that arrived and are not used; NULL while there are none */
    /* in[in_used..in_body): decoded body of the running request; in[in_raw..in_len): not looked at yet */
    size_t in_used, in_body, in_raw, in_len, in_cap;
    size_t head_scanned;
    uint64_t body_left; /* of a Content-Length */
    struct http_chunked chunked;
    bool body_chunked, body_done, body_whole;
    size_t body_bytes, body_bytes_max, body_mark;
    bool paused, pumping;
    /* out */
    struct buf out;
    size_t out_sent;
    bool keep_alive, answered, headers_only, failing;
    struct exchange *exchange;
};

void connection_open(struct edge *, int fd, const char *address);
/* Idle ones close; the others close after their answer. */
void connection_drain_all(struct edge *);
void connection_ref(struct connection *);
void connection_unref(struct connection *);
/* Cuts it now. The exchange's on_over is called. */
void connection_abort(struct connection *);

/* Reads the body into the buffer: exchange->on_body is called when all is there (whole), or whenever more is (not
 * whole). Answers 413 by itself when it passes bytes_max. */
void connection_read_body(struct connection *, size_t bytes_max, bool whole);
/* The decoded body bytes at hand. */
static inline const char *connection_body(const struct connection *c, size_t *n)
{
    *n = c->in_body - c->in_used;
    return c->in + c->in_used;
}
void connection_body_used(struct connection *, size_t n);
/* Not whole: stops and goes on with reading. Going on may call on_body before it returns. */
void connection_pause(struct connection *);
void connection_resume(struct connection *);

/* The answer. headers: further lines, each with CRLF, or NULL. */
void connection_answer(struct connection *, int code, const char *content_type, const char *headers, const void *body,
                       size_t n);
/* An answer in pieces: exchange->on_drained is called when all that was written has left. */
void connection_answer_begin(struct connection *, int code, const char *content_type, const char *headers,
                             uint64_t length);
void connection_answer_write(struct connection *, const void *, size_t n);
void connection_answer_end(struct connection *);
/* Gives the descriptor away: the connection ends without closing it. The bytes behind the head are copied to *rest
 * (free it). */
int connection_release(struct connection *, char **rest, size_t *rest_len);
