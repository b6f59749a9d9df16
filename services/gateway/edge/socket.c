/* A WebSocket. The handshake was read by http.c and is answered here; frame.c reads what the client sends, flush.c
 * writes what it is sent, both past libwebsockets, which only watches the descriptor (its raw role): when it is
 * readable, when it is writable again, and its end. Its own WebSocket role would take unmasked frames, lengths in any
 * form and drop pings (version 4.1.6), and shows nobody what it did not check.
 *
 * Life: adopt (the core learns of it) -> the peer is heard no more: it closed, or broke the protocol (the core learns
 * of that, once what was queued is sent as far as it goes) -> RAW_CLOSE (wsi is dead). The struct itself goes when the
 * dirty list and the calls in flight have let go of it.
 *
 * Its end: the close frame is the last of the queue. Behind it, once the peer's has come too, our side of the stream is
 * shut and what still arrives is thrown away until the peer ends its side (a close with bytes unread would be a reset,
 * which can overtake our close frame), or its time is over. Closing by ourselves is LWS_TO_KILL_ASYNC only: legal
 * everywhere. */
#include "services/gateway/edge/socket.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/etf.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    RX_BYTES = 8192, /* read at once; one buffer for all sockets */
    RING_FIRST = 4,
    OVER_MS = 3000,
    OVER_FACTOR = 8,
    CLOSE_TIMEOUT_MS = 5000,
    REASON_BYTES_MAX = 123,
    END_MS = 1000, /* how long a peer may take to end its side */
    CLOSE_DECODE = 4002,
    CLOSE_BAD_VERSION = 4012
};

static const char protocol_name[] = "gateway";

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
    free(s->rest);
    frame_reader_finish(&s->in);
    free(s);
}

void socket_pop(struct socket *s, unsigned n)
{
    for (; n; n--) {
        struct frame *f = &s->ring[s->first];
        s->bytes -= f->payload->len;
        if (f->payload == s->pong)
            s->pong = NULL;
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
                         .stream = terms.stream,
                         .etf = terms.etf,
                         .in = {.message_bytes_max = EDGE_FRAME_BYTES_MAX, .binary = terms.etf},
                         .refs = 1,
                         .next = e->sockets,
                         .timer.fire = on_timer};
    if (e->sockets)
        e->sockets->prev = s;
    e->sockets = s;
    e->n_sockets++;
    return s;
}

static void leave_hub(struct socket *s, uint16_t peer_code)
{
    struct hub_connection *hub = s->hub;
    s->hub = NULL;
    if (!hub)
        return;
    hub_disconnected(s->edge->hub, hub, peer_code, clock_mono_ms());
    edge_touch(s->edge);
}

/* libwebsockets is done with it, or never began. */
static void on_closed(struct socket *s)
{
    if (s->closed)
        return;
    s->wsi = NULL;
    s->closed = s->closing = s->heard = true;
    wheel_cancel(&s->timer);
    socket_pop(s, s->count);
    *(s->prev ? &s->prev->next : &s->edge->sockets) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->edge->n_sockets--;
    leave_hub(s, 0);
    socket_unref(s);
}

/* RFC 6455 section 4.2.2. It goes out in one piece with HELLO. */
static void answer_handshake(struct socket *s, const char *key)
{
    char accept[32];
    unsigned char digest[20];
    struct buf text = {0};
    buf_printf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    lws_SHA1((const unsigned char *)text.data, text.len, digest);
    lws_b64_encode_string((const char *)digest, sizeof digest, accept, sizeof accept);
    buf_clear(&text);
    buf_printf(&text,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n\r\n",
               accept);
    s->rest = (unsigned char *)text.data;
    s->rest_len = text.len;
    flush_add(s->edge->flush, s);
}

static void open_session(struct socket *s, int version)
{
    if (!version) {
        socket_close(s, CLOSE_BAD_VERSION, "Invalid API version.");
        return;
    }
    s->hub = hub_connected(s->edge->hub, s, version, clock_mono_ms());
    if (!s->hub)
        socket_cut(s);
    edge_touch(s->edge);
}

static void on_bytes(struct socket *s, char *in, size_t n);

void socket_adopt(struct edge *e, int fd, const char *key, struct socket_terms terms, char *in, size_t n)
{
    struct socket *s = create(e, fd, terms);
    lws_adopt_desc_t raw = {.vh = lws_get_vhost_by_name(e->lws, "default"),
                            .type = LWS_ADOPT_SOCKET,
                            .fd.sockfd = fd,
                            .vh_prot_name = protocol_name,
                            .opaque = s};
    socket_ref(s);
    answer_handshake(s, key);
    if (lws_adopt_descriptor_vhost_via_info(&raw)) {
        open_session(s, terms.version);
        on_bytes(s, in, n);
    } else {
        on_closed(s); /* fd is closed */
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

static struct hub_payload *make_payload(size_t room)
{
    struct hub_payload *p = calloc(1, sizeof *p + room);
    if (!p)
        log_fatal("out of memory");
    p->refs = 1;
    return p;
}

/* The last frame. code FRAME_CODE_NONE: an empty one. */
static void push_close(struct socket *s, uint16_t code, const char *reason)
{
    size_t n = strnlen(reason, REASON_BYTES_MAX);
    struct hub_payload *p = make_payload(2 + n);
    if (code != FRAME_CODE_NONE) {
        p->len = 2 + n;
        p->data[0] = (char)(code >> 8);
        p->data[1] = (char)code;
        memcpy(p->data + 2, reason, n);
    }
    push(s, p, OUT_CLOSE);
    hub_payload_unref(s->edge->hub, p);
    s->closing = true;
    wheel_set(&s->edge->wheel, &s->timer, clock_mono_ms() + CLOSE_TIMEOUT_MS);
}

void socket_close(struct socket *s, uint16_t code, const char *reason)
{
    if (!s->closing && s->wsi)
        push_close(s, code, reason ? reason : "");
}

/* RFC 6455 section 5.5.3: while a pong waits, a further ping takes its place, so that they cannot pile up. */
static void push_pong(struct socket *s, const char *data, size_t n)
{
    if (s->closing)
        return;
    bool waits = s->pong;
    struct hub_payload *p = waits ? s->pong : make_payload(FRAME_CONTROL_BYTES_MAX);
    if (waits)
        s->bytes -= p->len;
    memcpy(p->data, data, n);
    p->len = n;
    if (waits) {
        s->bytes += n;
        return;
    }
    push(s, p, OUT_PONG);
    hub_payload_unref(s->edge->hub, p);
    s->pong = p;
    judge_queue(s);
}

void socket_drained(struct socket *s)
{
    if (!s->heard || s->ended || s->cut)
        return;
    s->ended = true;
    shutdown(s->fd, SHUT_WR);
    wheel_set(&s->edge->wheel, &s->timer, clock_mono_ms() + END_MS);
}

void socket_close_all(struct edge *e, uint16_t code, const char *reason)
{
    for (struct socket *s = e->sockets, *next; s; s = next) {
        next = s->next;
        socket_close(s, code, reason);
    }
}

/* ---- In -------------------------------------------------------------------------------------------------------- */

/* What the peer says from here on is thrown away. */
static void hear_no_more(struct socket *s, uint16_t peer_code)
{
    s->heard = true;
    frame_reader_finish(&s->in);
    flush_socket(s);
    if (!s->count && !s->rest) /* our close frame may have left long ago */
        socket_drained(s);
    leave_hub(s, peer_code);
}

static void on_peer_close(struct socket *s, uint16_t code)
{
    if (!s->closing)
        push_close(s, code, "");
    hear_no_more(s, code);
}

static void on_fault(struct socket *s, uint16_t code)
{
    bool decode = code == FRAME_CODE_BINARY || code == FRAME_CODE_TOO_LARGE; /* the API has one code for both */
    metric_add(&edge_frames_too_large, code == FRAME_CODE_TOO_LARGE);
    if (decode)
        socket_close(s, CLOSE_DECODE, "Decode error.");
    else
        socket_close(s, code, code == FRAME_CODE_UTF8 ? "Invalid UTF-8." : "Protocol error.");
    hear_no_more(s, 0);
}

static void hear(struct socket *s, const char *text, size_t n)
{
    hub_receive(s->edge->hub, s->hub, text, n, clock_mono_ms());
    edge_touch(s->edge);
}

static void on_message(struct socket *s, const char *message, size_t n)
{
    if (s->closing || !s->hub)
        return;
    if (!s->etf) {
        hear(s, message, n);
        return;
    }
    struct buf json = {0};
    if (etf_read(&json, message, n))
        hear(s, json.data, json.len);
    else
        on_fault(s, FRAME_CODE_BINARY);
    buf_finish(&json);
}

static void on_bytes(struct socket *s, char *in, size_t n)
{
    struct frame_event event = {.kind = FRAME_PING};
    for (size_t used; !s->heard && !s->cut && event.kind != FRAME_MORE; in += used, n -= used) {
        event = frame_read(&s->in, in, n, &used);
        if (event.kind == FRAME_MESSAGE)
            on_message(s, event.data, event.n);
        else if (event.kind == FRAME_PING)
            push_pong(s, event.data, event.n);
        else if (event.kind == FRAME_CLOSED)
            on_peer_close(s, event.code);
        else if (event.kind == FRAME_FAULT)
            on_fault(s, event.code);
    }
}

static void on_writable(struct socket *s)
{
    s->blocked = false;
    flush_socket(s);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        ((struct socket *)lws_get_opaque_user_data(wsi))->wsi = wsi;
        return 0;
    case LWS_CALLBACK_RAW_RX:
        on_bytes(lws_get_opaque_user_data(wsi), in, n);
        return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        on_writable(lws_get_opaque_user_data(wsi));
        return 0;
    case LWS_CALLBACK_RAW_CLOSE:
        on_closed(lws_get_opaque_user_data(wsi));
        return 0;
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
        {.name = protocol_name, .callback = on_event},
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
        .pt_serv_buf_size = RX_BYTES,
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
