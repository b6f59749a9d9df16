/* A WebSocket. The handshake was read by http.c and is given to libwebsockets in a form that we wrote, so it sees no
 * header of a stranger: no extension, no subprotocol, no odd target. From then on it reads frames (unmasks, validates,
 * answers pings) and we write: straight to the descriptor, whole frames, as long as it holds no unsent rest of its own.
 *
 * Rules of version 4.1.6 that this file and flush.c keep: never lws_write while lws_partial_buffered (the stream would
 * be corrupted); never close from outside its own callbacks but by LWS_TO_KILL_ASYNC; never expect a close frame of it
 * when -1 is returned from WRITEABLE (it takes that for a failed write), so close frames are ours, last in the queue.
 *
 * Life: adopt -> ESTABLISHED (the core learns of it) -> CLOSED (the core learns of it; wsi is dead). The struct itself
 * goes when the dirty list and the calls in flight have let go of it. */
#include "services/gateway/edge/socket.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RX_BYTES = 1024,
    TX_PACKET_BYTES = 65536,
    RING_FIRST = 4,
    OVER_MS = 3000,
    OVER_FACTOR = 8,
    CLOSE_TIMEOUT_MS = 5000,
    REASON_BYTES_MAX = 123,
    FAILED_MS = 1000, /* how long a peer that broke the protocol is waited for */
    CLOSE_BAD_UTF8 = 1007,
    CLOSE_DECODE = 4002,
    CLOSE_BAD_VERSION = 4012
};

/* Between lws_adopt_socket_readbuf and ESTABLISHED, which comes from inside it. */
static struct socket *adopting;

/* ---- Life ------------------------------------------------------------------------------------------------------ */

void socket_ref(struct socket *s)
{
    s->refs++;
}

void socket_unref(struct socket *s)
{
    if (--s->refs)
        return;
    free(s->ring);
    free(s->in);
    free(s);
}

void socket_pop(struct socket *s, unsigned n)
{
    for (; n; n--) {
        struct frame *f = &s->ring[s->first];
        s->bytes -= f->payload->len;
        hub_payload_unref(s->edge->hub, f->payload);
        s->first = (s->first + 1) & (s->cap - 1);
        s->count--;
    }
    if (s->bytes <= (size_t)s->edge->config->send_queue_bytes_max)
        s->over_since_ms = 0;
    if (!s->count && s->cap > 64) { /* a burst is over: most sockets need no ring of that size again */
        free(s->ring);
        s->ring = NULL;
        s->cap = s->first = 0;
    }
}

/* Its timers run only behind an event of its own sockets, so it is given one. */
static void kill_later(struct edge *e, struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    lws_cancel_service(e->lws);
}

void socket_cut(struct socket *s)
{
    if (s->cut || !s->wsi)
        return;
    s->cut = s->closing = true;
    socket_pop(s, s->count);
    kill_later(s->edge, s->wsi);
}

static void cut_slow(struct socket *s)
{
    if (!s->cut)
        metric_add(&edge_queue_cuts, 1);
    socket_cut(s);
}

static void on_timer(struct wheel_timer *t)
{
    struct socket *s = (struct socket *)((char *)t - offsetof(struct socket, timer));
    if (s->over_since_ms && clock_mono_ms() - s->over_since_ms >= OVER_MS)
        cut_slow(s);
    else if (s->closing)
        socket_cut(s); /* it had its time to say goodbye */
}

static struct socket *create(struct edge *e, int fd, struct socket_terms terms)
{
    struct socket *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    *s = (struct socket){.edge = e,
                         .fd = fd,
                         .version = terms.version,
                         .zlib_stream = terms.zlib_stream,
                         .refs = 1,
                         .next = e->sockets,
                         .timer.fire = on_timer};
    if (e->sockets)
        e->sockets->prev = s;
    e->sockets = s;
    e->n_sockets++;
    return s;
}

/* libwebsockets is done with it, or never began. */
static void on_closed(struct socket *s)
{
    struct hub_connection *hub = s->hub;
    s->wsi = NULL;
    s->hub = NULL;
    s->closing = true;
    wheel_cancel(&s->timer);
    socket_pop(s, s->count);
    *(s->prev ? &s->prev->next : &s->edge->sockets) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->edge->n_sockets--;
    if (hub) {
        hub_disconnected(s->edge->hub, hub, s->peer_code, clock_mono_ms());
        edge_touch(s->edge);
    }
    socket_unref(s);
}

void socket_adopt(struct edge *e, int fd, const char *key, struct socket_terms terms, const char *rest, size_t rest_len)
{
    struct buf text = {0};
    buf_printf(&text,
               "GET / HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
               key);
    buf_put(&text, rest, rest_len);
    struct socket *s = create(e, fd, terms);
    socket_ref(s);
    adopting = s;
    struct lws *wsi = lws_adopt_socket_readbuf(e->lws, fd, text.data, text.len); /* closes fd when it fails */
    adopting = NULL;
    buf_finish(&text);
    if (!s->wsi && !s->closing) { /* the handshake did not end inside: it never will */
        if (wsi)
            kill_later(e, wsi);
        on_closed(s);
    }
    socket_unref(s);
}

/* ---- Out ------------------------------------------------------------------------------------------------------- */

static void grow(struct socket *s)
{
    uint32_t cap = s->cap ? s->cap * 2 : RING_FIRST;
    struct frame *ring = malloc(cap * sizeof *ring);
    if (!ring)
        log_fatal("out of memory");
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = s->ring[(s->first + i) & (s->cap - 1)];
    free(s->ring);
    s->ring = ring;
    s->cap = cap;
    s->first = 0;
}

/* A peer that does not keep up may be behind for a while (a RESUME hands out a whole ring at once), not for ever. */
static void judge_queue(struct socket *s)
{
    size_t limit = (size_t)s->edge->config->send_queue_bytes_max;
    if (s->bytes <= limit)
        return;
    int64_t now = clock_mono_ms();
    if (!s->over_since_ms) {
        metric_add(&edge_slow_clients, 1);
        s->over_since_ms = now;
        wheel_set(&s->edge->wheel, &s->timer, now + OVER_MS);
    }
    if (s->bytes > limit * OVER_FACTOR && s->count > 2)
        cut_slow(s);
}

static void push(struct socket *s, struct hub_payload *payload, int64_t seq)
{
    if (s->count == s->cap)
        grow(s);
    hub_payload_ref(payload);
    s->ring[(s->first + s->count) & (s->cap - 1)] = (struct frame){payload, seq};
    s->count++;
    s->bytes += payload->len;
    flush_add(s->edge->flush, s);
}

void socket_send(struct socket *s, struct hub_payload *payload, int64_t seq)
{
    if (s->closing || !s->wsi)
        return;
    push(s, payload, seq);
    judge_queue(s);
}

void socket_close(struct socket *s, uint16_t code, const char *reason)
{
    if (s->closing || !s->wsi)
        return;
    size_t n = reason ? strnlen(reason, REASON_BYTES_MAX) : 0;
    struct hub_payload *p = calloc(1, sizeof *p + 2 + n);
    if (!p)
        log_fatal("out of memory");
    p->refs = 1;
    p->len = 2 + n;
    p->data[0] = (char)(code >> 8);
    p->data[1] = (char)code;
    memcpy(p->data + 2, n ? reason : "", n);
    push(s, p, FRAME_CLOSE);
    hub_payload_unref(s->edge->hub, p);
    s->closing = true;
    wheel_set(&s->edge->wheel, &s->timer, clock_mono_ms() + CLOSE_TIMEOUT_MS);
}

void socket_close_all(struct edge *e, uint16_t code, const char *reason)
{
    for (struct socket *s = e->sockets, *next; s; s = next) {
        next = s->next;
        socket_close(s, code, reason);
    }
}

/* ---- In -------------------------------------------------------------------------------------------------------- */

static void append(struct socket *s, const char *text, size_t n)
{
    if (s->in_len + n > s->in_cap) {
        size_t cap = s->in_cap ? s->in_cap * 2 : 2 * RX_BYTES;
        cap = cap < s->in_len + n ? s->in_len + n : cap;
        s->in = realloc(s->in, cap);
        if (!s->in)
            log_fatal("out of memory");
        s->in_cap = cap;
    }
    if (n) /* an empty frame has no buffer yet */
        memcpy(s->in + s->in_len, text, n);
    s->in_len += n;
}

static void forget_input(struct socket *s)
{
    free(s->in);
    s->in = NULL;
    s->in_len = s->in_cap = 0;
}

/* RFC 3629: whole characters, shortest forms, no surrogates. libwebsockets would check too, but takes the payload of a
 * pong for text and lets a message end within a character. */
static bool is_utf8(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned c = s[i++];
        if (c < 0x80)
            continue;
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || n - i < more)
            return false;
        unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (s[i] < low || s[i] > high)
            return false;
        for (unsigned k = 1; k < more; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        i += more;
    }
    return true;
}

static void hand_over(struct socket *s, const char *text, size_t n)
{
    if (!is_utf8((const unsigned char *)text, n)) {
        socket_close(s, CLOSE_BAD_UTF8, "Invalid UTF-8.");
        return;
    }
    hub_receive(s->edge->hub, s->hub, text, n, clock_mono_ms());
    edge_touch(s->edge);
}

static void refuse(struct socket *s)
{
    forget_input(s);
    socket_close(s, CLOSE_DECODE, "Decode error.");
}

/* The peer broke the protocol, or is within a frame that nobody reads: its close frame may never be found. */
static void give_up_soon(struct socket *s)
{
    wheel_set(&s->edge->wheel, &s->timer, clock_mono_ms() + FAILED_MS);
}

static void on_receive(struct socket *s, const char *text, size_t n)
{
    size_t left = lws_remaining_packet_payload(s->wsi); /* as the peer states it: judged before a byte is kept */
    bool last = lws_is_final_fragment(s->wsi) && !left;
    if (s->closing)
        return;
    if (lws_frame_is_binary(s->wsi)) {
        refuse(s);
    } else if (left > EDGE_FRAME_BYTES_MAX || s->in_len + n + left > EDGE_FRAME_BYTES_MAX) {
        metric_add(&edge_frames_too_large, 1);
        refuse(s);
        give_up_soon(s);
    } else if (last && !s->in_len) {
        hand_over(s, text, n);
    } else {
        append(s, text, n);
        if (last)
            hand_over(s, s->in, s->in_len);
        if (last)
            forget_input(s);
    }
}

static int on_established(struct lws *wsi, struct socket **slot)
{
    struct socket *s = adopting;
    if (!s || s->wsi)
        return -1;
    *slot = s;
    s->wsi = wsi;
    if (!s->version) {
        socket_close(s, CLOSE_BAD_VERSION, "Invalid API version.");
        return 0;
    }
    s->hub = hub_connected(s->edge->hub, s, s->version, clock_mono_ms());
    if (!s->hub)
        return -1;
    edge_touch(s->edge);
    return 0;
}

/* -1: our close frame is out already, this is the answer to it, or it is a wrong one (RFC 6455 sections 5.5.1 and 8.1)
 * and libwebsockets sends the code for that; 0: it is answered with an echo. */
static int on_peer_close(struct socket *s, const unsigned char *in, size_t n)
{
    s->peer_code = n >= 2 ? (uint16_t)(in[0] << 8 | in[1]) : 1005;
    if (s->closing)
        return -1;
    if (n != 1 && (n < 2 || is_utf8(in + 2, n - 2))) {
        s->closing = true;
        return 0;
    }
    lws_close_reason(s->wsi, n == 1 ? LWS_CLOSE_STATUS_PROTOCOL_ERR : LWS_CLOSE_STATUS_INVALID_PAYLOAD, NULL, 0);
    return -1;
}

/* libwebsockets has begun to close it, because of a fault of the peer most of the time: it sends a close frame, behind
 * which nothing of ours may go out, and waits for an answer that it cannot find behind what it could not read. When a
 * close frame of ours was first, that one is the last: its own finds the descriptor shut. */
static void on_closing(struct socket *s)
{
    flush_socket(s); /* what was said before the fault */
    if (s->closing)
        shutdown(s->fd, SHUT_WR);
    s->closing = true;
    socket_pop(s, s->count);
    give_up_soon(s);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    struct socket **slot = user, *s = slot ? *slot : NULL;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(wsi, slot);
    case LWS_CALLBACK_RECEIVE:
        if (s)
            on_receive(s, in, n);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (s)
            flush_socket(s);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return s ? on_peer_close(s, in, n) : 0;
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        if (s)
            on_closing(s);
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (s)
            on_closed(s);
        if (slot)
            *slot = NULL;
        return 0;
    case LWS_CALLBACK_HTTP: /* nothing but handshakes is ever handed to it */
        return -1;
    default:
        return 0;
    }
}

/* ---- Context --------------------------------------------------------------------------------------------------- */

static void log_line(int level, const char *line)
{
    if (strstr(line, "calling service")) /* it says so at each adopted socket */
        return;
    char *text = strndup(line, strcspn(line, "\n"));
    log_warn("libwebsockets", LOG_S("text", text));
    free(text);
}

bool socket_context_create(struct edge *e)
{
    static const struct lws_protocols protocols[] = {
        {.name = "gateway",
         .callback = on_event,
         .per_session_data_size = sizeof(struct socket *),
         .rx_buffer_size = RX_BYTES,
         .tx_packet_size = TX_PACKET_BYTES},
        {0},
    };
    static const lws_retry_bo_t no_validity = {
        0}; /* liveness is op 1 and TCP_USER_TIMEOUT; its timers cost O(sockets) each */
    void *loops[] = {e->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV,
        .foreign_loops = loops,
        .retry_and_idle_policy = &no_validity,
        .max_http_header_data = 2048,
        .pt_serv_buf_size = 8192,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    e->lws = lws_create_context(&info);
    if (!e->lws)
        log_error("libwebsockets cannot start; is its libuv plugin (libwebsockets-evlib-uv) installed?");
    return e->lws;
}

void socket_context_destroy(struct edge *e)
{
    lws_context_destroy(e->lws);
}
