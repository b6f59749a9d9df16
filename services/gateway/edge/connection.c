/* A connection is a buffer with three marks, a state and one exchange. pump() is the only place that moves it forward:
 * it reads a head and starts an exchange, or decodes body bytes and shows them to the exchange, until it needs more
 * bytes or has to wait. Exchanges call back into connection_answer and friends at any time; pump() notices by the
 * state.
 *
 * How it fails: a broken head is answered with its status and the connection closes; a socket error or a timeout cuts
 * it (state CLOSED), the exchange is told by on_over, and what is in flight ends with nobody to answer to. An answer
 * that was given before the whole body came leaves the connection LINGERING, so that the peer can read it. */
#define _GNU_SOURCE
#include "services/gateway/edge/connection.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/exchange.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD_TIMEOUT_MS = 15000,
    BODY_TIMEOUT_MS = 15000,
    IDLE_TIMEOUT_MS = 65000,
    WRITE_TIMEOUT_MS = 30000,
    LINGER_TIMEOUT_MS = 5000,
    BODY_PROGRESS_BYTES = 8192,
    READ_BYTES = 4096,
    STREAM_BUFFER_BYTES = 2 * EDGE_CHUNK_BYTES,
    LINGER_BYTES_MAX = 64 * 1024 * 1024
};

static void pump(struct connection *);

void connection_ref(struct connection *c)
{
    c->refs++;
}

void connection_unref(struct connection *c)
{
    if (--c->refs)
        return;
    free(c->in);
    buf_finish(&c->out);
    free(c);
}

static void set_timer(struct connection *c, int64_t ms)
{
    wheel_set(&c->edge->wheel, &c->timer, clock_mono_ms() + ms);
}

static void on_poll_closed(uv_handle_t *handle)
{
    connection_unref(handle->data);
}

/* Takes it out of every list and stops watching; the descriptor is left open. */
static void detach(struct connection *c)
{
    c->state = CONNECTION_CLOSED;
    wheel_cancel(&c->timer);
    *(c->prev ? &c->prev->next : &c->edge->connections) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->edge->n_connections--;
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
}

static void drop_exchange(struct connection *c)
{
    struct exchange *x = c->exchange;
    c->exchange = NULL;
    if (!x)
        return;
    if (x->on_over)
        x->on_over(x);
    exchange_unref(x);
}

void connection_abort(struct connection *c)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    connection_ref(c);
    detach(c);
    close(c->fd);
    drop_exchange(c);
    connection_unref(c);
}

int connection_release(struct connection *c, char **rest, size_t *rest_len)
{
    *rest_len = c->in_len - c->in_raw;
    *rest = malloc(*rest_len + 1);
    if (!*rest)
        log_fatal("out of memory");
    if (*rest_len)
        memcpy(*rest, c->in + c->in_raw, *rest_len);
    int fd = c->fd;
    detach(c);
    drop_exchange(c);
    return fd;
}

/* ---- Watching -------------------------------------------------------------------------------------------------- */

static void on_event(uv_poll_t *, int status, int events);

static void watch(struct connection *c, int events)
{
    if (c->state == CONNECTION_CLOSED || c->events == events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, on_event);
    else
        uv_poll_stop(&c->poll);
}

static bool wants_bytes(const struct connection *c)
{
    return c->state == CONNECTION_IDLE || c->state == CONNECTION_LINGERING ||
           (c->state == CONNECTION_BODY && !c->paused && !c->body_done);
}

/* Not reading is arranged only when an unwanted byte is seen: most requests come and go without touching epoll. */
static void rewatch(struct connection *c)
{
    int events = c->out_sent < c->out.len ? UV_WRITABLE : 0;
    watch(c, events | (wants_bytes(c) ? UV_READABLE : c->events & UV_READABLE));
}

/* ---- Out ------------------------------------------------------------------------------------------------------- */

static void linger(struct connection *c)
{
    c->state = CONNECTION_LINGERING;
    c->body_bytes = 0;
    c->in_used = c->in_body = c->in_raw = c->in_len = 0;
    shutdown(c->fd, SHUT_WR);
    set_timer(c, LINGER_TIMEOUT_MS);
    rewatch(c);
}

/* The answer is out. */
static void finish(struct connection *c)
{
    drop_exchange(c);
    buf_clear(&c->out);
    c->out_sent = 0;
    if (!c->body_done || c->failing) {
        linger(c);
        return;
    }
    if (!c->keep_alive || c->edge->draining) {
        connection_abort(c);
        return;
    }
    c->in_used = c->in_body = c->in_raw;
    c->state = CONNECTION_IDLE;
    set_timer(c, IDLE_TIMEOUT_MS);
    rewatch(c);
    pump(c);
}

static void drained(struct connection *c)
{
    buf_clear(&c->out);
    c->out_sent = 0;
    if (c->state != CONNECTION_ANSWERING) {
        rewatch(c); /* it was a 100 Continue */
        return;
    }
    wheel_cancel(&c->timer);
    if (c->answered) {
        finish(c);
        return;
    }
    rewatch(c);
    struct exchange *x = c->exchange;
    if (!x || !x->on_drained)
        return;
    exchange_ref(x);
    x->on_drained(x);
    exchange_unref(x);
}

static void flush(struct connection *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            connection_abort(c);
            return;
        }
        if (n < 0) {
            set_timer(c, WRITE_TIMEOUT_MS);
            rewatch(c);
            return;
        }
        c->out_sent += (size_t)n;
    }
    drained(c);
}

static const char *reason_of(int code)
{
    static const struct {
        int code;
        const char *text;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return rows[i].text;
    return "Status";
}

static const char *http_date(void)
{
    static char text[40];
    static time_t made;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;
    if (now != made && gmtime_r(&now, &utc)) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        made = now;
    }
    return text;
}

void connection_answer_begin(struct connection *c, int code, const char *content_type, const char *headers,
                             uint64_t length)
{
    if (c->state >= CONNECTION_ANSWERING)
        return;
    if (!c->body_done || c->edge->draining)
        c->keep_alive = false;
    c->state = CONNECTION_ANSWERING;
    c->answered = false;
    buf_printf(&c->out, "HTTP/1.1 %d %s\r\nDate: %s\r\nAccess-Control-Allow-Origin: *\r\n", code, reason_of(code),
               http_date());
    if (c->exchange) {
        buf_printf(&c->out,
                   "X-Request-Id: %s\r\nAccess-Control-Expose-Headers: Retry-After, X-Request-Id, X-RateLimit-Limit, "
                   "X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Reset-After, X-RateLimit-Bucket, "
                   "X-RateLimit-Scope, X-RateLimit-Global\r\n",
                   c->exchange->request_id);
        admit_write_headers(c->exchange, &c->out);
    }
    if (content_type)
        buf_printf(&c->out, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", content_type);
    if (code != 204 && code != 304)
        buf_printf(&c->out, "Content-Length: %llu\r\n", (unsigned long long)length);
    if (!c->keep_alive)
        buf_puts(&c->out, "Connection: close\r\n");
    buf_puts(&c->out, headers ? headers : "");
    buf_puts(&c->out, "\r\n");
}

void connection_answer_write(struct connection *c, const void *data, size_t n)
{
    if (c->state != CONNECTION_ANSWERING)
        return;
    if (!c->headers_only)
        buf_put(&c->out, data, n);
    flush(c);
}

void connection_answer_end(struct connection *c)
{
    if (c->state != CONNECTION_ANSWERING)
        return;
    c->answered = true;
    flush(c);
}

void connection_answer(struct connection *c, int code, const char *content_type, const char *headers, const void *body,
                       size_t n)
{
    if (c->state >= CONNECTION_ANSWERING)
        return;
    connection_answer_begin(c, code, content_type, headers, n);
    if (!c->headers_only)
        buf_put(&c->out, body, n);
    if (c->out.failed)
        connection_abort(c);
    connection_answer_end(c);
}

/* ---- In -------------------------------------------------------------------------------------------------------- */

static void refuse_head(struct connection *c, int code)
{
    char body[128];
    int n = snprintf(body, sizeof body, "{\"message\":\"%d: %s\",\"code\":0}", code, reason_of(code));
    c->keep_alive = false;
    c->failing = true;
    c->body_done = true;
    connection_answer(c, code, "application/json", NULL, body, (size_t)n);
}

static void begin_exchange(struct connection *c, char *text, const struct http_head *head)
{
    c->state = CONNECTION_THINKING;
    wheel_cancel(&c->timer);
    c->keep_alive = head->keep_alive;
    c->headers_only = !strcmp(head->verb, "HEAD");
    c->body_chunked = head->chunked;
    c->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    c->body_done = !head->chunked && !c->body_left;
    c->body_whole = c->paused = false;
    c->body_bytes = c->body_mark = 0;
    c->chunked = (struct http_chunked){0};
    exchange_start(c, text, head);
}

/* A whole head is in the buffer, or as many bytes as a head may have. */
static void take_head(struct connection *c)
{
    size_t n = c->in_len - c->in_raw;
    size_t len = n < HTTP_HEAD_BYTES_MAX + 1 ? n : HTTP_HEAD_BYTES_MAX + 1;
    char *text = malloc(len + 1);
    if (!text)
        log_fatal("out of memory");
    memcpy(text, c->in + c->in_raw, len);
    text[len] = '\0';
    struct http_head head;
    int result = http_head_read(text, len, &head);
    if (result <= 0) {
        free(text);
        refuse_head(c, result ? -result : 400);
        return;
    }
    c->in_raw += (size_t)result;
    c->in_used = c->in_body = c->in_raw;
    c->head_scanned = 0;
    begin_exchange(c, text, &head);
}

/* Whether a head was there to take. */
static bool try_head(struct connection *c)
{
    while (c->in_len - c->in_raw >= 2 && !memcmp(c->in + c->in_raw, "\r\n", 2) && !c->head_scanned)
        c->in_raw += 2;
    size_t n = c->in_len - c->in_raw, from = c->head_scanned > 3 ? c->head_scanned - 3 : 0;
    if (!n)
        return false;
    if (!memmem(c->in + c->in_raw + from, n - from, "\r\n\r\n", 4) && n <= HTTP_HEAD_BYTES_MAX) {
        if (!c->head_scanned)
            set_timer(c, HEAD_TIMEOUT_MS);
        c->head_scanned = n;
        return false;
    }
    take_head(c);
    return true;
}

/* Moves what a body has of in[in_raw..in_len) down to in_body. false: it is broken. */
static bool decode(struct connection *c)
{
    while (!c->body_done && c->in_raw < c->in_len) {
        size_t n = c->in_len - c->in_raw, used = n;
        const char *data = c->in + c->in_raw;
        if (c->body_chunked) {
            int result = http_chunked_read(&c->chunked, data, n, &used, &data, &n);
            if (result < 0)
                return false;
            c->body_done = result;
        } else {
            n = used = n < c->body_left ? n : (size_t)c->body_left;
            c->body_left -= n;
            c->body_done = !c->body_left;
        }
        if (n)
            memmove(c->in + c->in_body, data, n);
        c->in_raw += used;
        c->in_body += n;
        c->body_bytes += n;
    }
    return true;
}

/* Shows the exchange what there is. false: wait for more bytes. */
static bool try_body(struct connection *c)
{
    if (c->paused)
        return false;
    if (!decode(c)) {
        c->failing = true;
        exchange_fail(c->exchange, ST_BAD_REQUEST, NULL);
        return true;
    }
    if (c->body_bytes > c->body_bytes_max) {
        exchange_fail(c->exchange, ST_TOO_LARGE, NULL);
        return true;
    }
    if (!c->body_whole && c->body_bytes - c->body_mark >= BODY_PROGRESS_BYTES) {
        c->body_mark = c->body_bytes;
        set_timer(c, BODY_TIMEOUT_MS);
    }
    if (!c->body_done && (c->body_whole || c->in_used == c->in_body))
        return false;
    if (c->body_done) {
        wheel_cancel(&c->timer);
        if (c->body_whole)
            c->state = CONNECTION_THINKING;
    }
    size_t before = c->in_body - c->in_used;
    struct exchange *x = c->exchange;
    exchange_ref(x);
    x->on_body(x);
    exchange_unref(x);
    if (c->state == CONNECTION_IDLE)
        return true; /* it was answered at once: the next head may be here */
    return c->state == CONNECTION_BODY && !c->body_done && before != c->in_body - c->in_used;
}

/* Makes the front of the buffer free, and gives the buffer back when nothing is in it. */
static void compact(struct connection *c)
{
    size_t body = c->in_body - c->in_used, raw = c->in_len - c->in_raw;
    if (body && c->in_used)
        memmove(c->in, c->in + c->in_used, body);
    if (raw && c->in_raw != body)
        memmove(c->in + body, c->in + c->in_raw, raw);
    c->in_used = 0;
    c->in_body = c->in_raw = body;
    c->in_len = body + raw;
    if (!c->in_len && c->state == CONNECTION_IDLE) {
        free(c->in);
        c->in = NULL;
        c->in_cap = 0;
    }
}

static void pump(struct connection *c)
{
    if (c->pumping)
        return;
    c->pumping = true;
    connection_ref(c);
    bool more = true;
    while (more && c->state != CONNECTION_CLOSED)
        more = c->state == CONNECTION_IDLE ? try_head(c) : c->state == CONNECTION_BODY && try_body(c);
    if (c->state != CONNECTION_CLOSED) {
        compact(c);
        rewatch(c);
    }
    c->pumping = false;
    connection_unref(c);
}

void connection_read_body(struct connection *c, size_t bytes_max, bool whole)
{
    c->state = CONNECTION_BODY;
    c->body_bytes_max = bytes_max;
    c->body_whole = whole;
    if (!c->body_chunked && c->body_left > bytes_max) {
        exchange_fail(c->exchange, ST_TOO_LARGE, NULL);
        return;
    }
    if (!c->body_done)
        set_timer(c, BODY_TIMEOUT_MS);
    if (!c->body_done && c->exchange->head.expect_continue && c->in_raw == c->in_len) {
        buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        flush(c);
    }
    pump(c);
}

void connection_body_used(struct connection *c, size_t n)
{
    if (c->state == CONNECTION_BODY) /* else it was answered meanwhile, and the marks are not this body's any more */
        c->in_used += n;
}

void connection_pause(struct connection *c)
{
    c->paused = true;
    wheel_cancel(&c->timer);
}

void connection_resume(struct connection *c)
{
    if (!c->paused || c->state != CONNECTION_BODY)
        return;
    c->paused = false;
    if (!c->body_done)
        set_timer(c, BODY_TIMEOUT_MS);
    pump(c);
}

static size_t buffer_limit(const struct connection *c)
{
    if (c->state != CONNECTION_BODY)
        return HTTP_HEAD_BYTES_MAX + READ_BYTES;
    return c->body_whole ? c->body_bytes_max + READ_BYTES : STREAM_BUFFER_BYTES;
}

/* Room for some bytes; false when the buffer may not grow. */
static bool make_room(struct connection *c)
{
    if (c->in_cap - c->in_len >= READ_BYTES / 2)
        return true;
    compact(c);
    size_t limit = buffer_limit(c), cap = c->in_cap ? c->in_cap * 2 : READ_BYTES;
    if (c->state == CONNECTION_BODY && cap < STREAM_BUFFER_BYTES / 2)
        cap = STREAM_BUFFER_BYTES / 2;
    cap = cap < limit ? cap : limit;
    if (cap > c->in_cap) {
        c->in = realloc(c->in, cap);
        if (!c->in)
            log_fatal("out of memory");
        c->in_cap = cap;
    }
    return c->in_cap > c->in_len;
}

static void throw_away(struct connection *c)
{
    char nowhere[16 * 1024];
    ssize_t n = recv(c->fd, nowhere, sizeof nowhere, MSG_DONTWAIT);
    c->body_bytes += n > 0 ? (size_t)n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->body_bytes > LINGER_BYTES_MAX)
        connection_abort(c);
}

static void on_readable(struct connection *c)
{
    if (!wants_bytes(c)) {
        watch(c, c->events & ~UV_READABLE);
        return;
    }
    if (c->state == CONNECTION_LINGERING) {
        throw_away(c);
        return;
    }
    if (!make_room(c)) {
        watch(c, c->events & ~UV_READABLE);
        return;
    }
    ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        connection_abort(c);
        return;
    }
    c->in_len += (size_t)n;
    pump(c);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;
    connection_ref(c);
    if (status < 0)
        connection_abort(c);
    if (events & UV_WRITABLE && c->state != CONNECTION_CLOSED)
        flush(c);
    if (events & UV_READABLE && c->state != CONNECTION_CLOSED)
        on_readable(c);
    connection_unref(c);
}

static void on_timer(struct wheel_timer *t)
{
    struct connection *c = (struct connection *)((char *)t - offsetof(struct connection, timer));
    metric_add(&edge_http_timeouts, c->state != CONNECTION_IDLE || c->in_len > 0);
    if (c->state == CONNECTION_BODY) {
        c->failing = true;
        exchange_answer(c->exchange, 408, "application/json", NULL, "{\"message\":\"408: Request Timeout\",\"code\":0}",
                        43);
        return;
    }
    connection_abort(c);
}

void connection_drain_all(struct edge *e)
{
    for (struct connection *c = e->connections, *next; c; c = next) {
        next = c->next;
        if (c->state == CONNECTION_IDLE && c->in_len == c->in_raw)
            connection_abort(c);
    }
}

void connection_open(struct edge *e, int fd, const char *address)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    *c = (struct connection){.edge = e, .fd = fd, .refs = 1, .state = CONNECTION_IDLE, .next = e->connections};
    c->timer.fire = on_timer;
    c->body_done = true;
    snprintf(c->address, sizeof c->address, "%s", address);
    if (e->connections)
        e->connections->prev = c;
    e->connections = c;
    e->n_connections++;
    c->poll.data = c;
    uv_poll_init(e->loop, &c->poll, fd);
    set_timer(c, HEAD_TIMEOUT_MS);
    rewatch(c);
}
