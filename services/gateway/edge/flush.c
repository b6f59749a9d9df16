/* What the sockets have to send, once a loop turn. Sending from where an event is dispatched would cost a system call a
 * delivery; here a socket that got four frames in a turn needs one, and with io_uring a whole slice of sockets needs
 * one.
 *
 * Each socket's message is gathered from the shared payloads: [frame header][body][tail with its own s], up to sixteen
 * frames. A compressed one is [frame header, stream header when due][compressed body][tail as a stored block]: a body
 * is made when the first socket wants it so, and kept with the payload; so is its form as a term. All sends are
 * non-blocking and complete inside the submission (MSG_DONTWAIT), so nothing outlives the call. What a socket did not
 * take of a frame is copied and kept as its rest, which goes first in its next message; whole frames stay in the queue.
 * Such a socket is not tried again before WRITEABLE.
 *
 * A slice is 1,000 sockets; between slices the loop turns, so that a fan-out to ten thousand delays nobody else for
 * long. */
#include "lib/base/log.h"
#include "services/gateway/edge/deflate.h"
#include "services/gateway/edge/etf.h"
#include "services/gateway/edge/socket.h"
#include "services/gateway/edge/zstd_stream.h"
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SLICE = 1000, BATCH = 256, HEADER_MAX = 10, PIECES = 3 };
/* IDENTIFY's compress: from this size on. Some clients inflate on another thread and would handle a small event that
 * comes behind a compressed one before it, so events stay as they are and what opens a session is always compressed. */
enum { PAYLOAD_COMPRESS_BYTES_MIN = 16 * 1024 };

enum form { FORM_PLAIN, FORM_CLOSE, FORM_PONG, FORM_ZLIB, FORM_ZSTD, FORM_PAYLOAD };
enum { STREAM_HEADER_MAX = ZSTD_STREAM_HEADER_BYTES };

/* What a payload was made into: a payload's edge_cache. Second: of the term. */
struct forms {
    struct buf term;
    struct deflated *deflated[2];
    struct zstd_body *zstd[2];
};
struct piece {
    unsigned char header[HEADER_MAX + STREAM_HEADER_MAX];
    unsigned char tail[HUB_TAIL_BYTES + DEFLATE_TAIL_BYTES];
};
/* One socket's message. */
struct gather {
    struct socket *socket;
    struct msghdr message;
    unsigned frames;
    size_t bytes, rest;             /* all; of them what was left of an earlier message */
    size_t sizes[FLUSH_FRAMES_MAX]; /* of each frame on the wire */
    size_t plain[FLUSH_FRAMES_MAX]; /* of each compressed frame before that; 0: not compressed */
    struct iovec iov[1 + FLUSH_FRAMES_MAX * PIECES];
    struct piece pieces[FLUSH_FRAMES_MAX];
};
struct flush {
    struct edge *edge;
    struct socket *first, **last; /* dirty sockets; each is referenced */
    bool uring_on;
    struct io_uring uring;
    struct gather *gathers; /* BATCH of them */
    struct deflater *deflater;
    struct zstd_streamer *streamer;
};

struct flush *flush_create(struct edge *e, bool io_uring)
{
    struct flush *f = calloc(1, sizeof *f);
    if (!f || !(f->gathers = calloc(BATCH, sizeof *f->gathers)))
        log_fatal("out of memory");
    f->edge = e;
    f->last = &f->first;
    f->deflater = deflater_create();
    f->streamer = zstd_streamer_create();
    int result = io_uring ? io_uring_queue_init(BATCH, &f->uring, 0) : -ENOSYS;
    f->uring_on = !result;
    log_info("sends go out by", LOG_S("call", f->uring_on ? "io_uring" : "sendmsg"),
             LOG_S("why", io_uring && result ? strerror(-result) : ""));
    return f;
}

void flush_destroy(struct flush *f)
{
    if (!f)
        return;
    if (f->uring_on)
        io_uring_queue_exit(&f->uring);
    deflater_destroy(f->deflater);
    zstd_streamer_destroy(f->streamer);
    free(f->gathers);
    free(f);
}

void flush_add(struct flush *f, struct socket *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    socket_ref(s);
    s->dirty_next = NULL;
    *f->last = s;
    f->last = &s->dirty_next;
}

static struct socket *take(struct flush *f)
{
    struct socket *s = f->first;
    f->first = s->dirty_next;
    if (!f->first)
        f->last = &f->first;
    s->dirty = false;
    return s;
}

/* ---- Gathering ------------------------------------------------------------------------------------------------- */

/* RFC 6455 section 5.2: a whole frame, not masked. */
static size_t frame_header(unsigned char *ret, enum form form, bool etf, size_t n)
{
    static const unsigned char opcodes[] = {[FORM_PLAIN] = 0x81, [FORM_CLOSE] = 0x88, [FORM_PONG] = 0x8a,
                                            [FORM_ZLIB] = 0x82,  [FORM_ZSTD] = 0x82,  [FORM_PAYLOAD] = 0x82};
    ret[0] = form == FORM_PLAIN && etf ? opcodes[FORM_ZLIB] : opcodes[form];
    if (n < 126) {
        ret[1] = (unsigned char)n;
        return 2;
    }
    unsigned bytes = n < 65536 ? 2 : 8;
    ret[1] = bytes == 2 ? 126 : 127;
    for (unsigned i = 0; i < bytes; i++)
        ret[2 + i] = (unsigned char)((uint64_t)n >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

/* s right-aligned in ten characters, and the closing brace. */
static size_t frame_tail(char *ret, int64_t s)
{
    char *at = ret + HUB_TAIL_BYTES - 1;
    *at = '}';
    do
        *--at = (char)('0' + s % 10);
    while ((s /= 10) && at > ret);
    while (at > ret)
        *--at = ' ';
    return HUB_TAIL_BYTES;
}

static enum form form_of(const struct socket *s, const struct frame *f)
{
    if (f->s == OUT_CLOSE || f->s == OUT_PONG)
        return f->s == OUT_CLOSE ? FORM_CLOSE : FORM_PONG;
    if (s->stream != STREAM_NONE)
        return s->stream == STREAM_ZLIB ? FORM_ZLIB : FORM_ZSTD;
    bool large = f->payload->snapshot || f->payload->len >= PAYLOAD_COMPRESS_BYTES_MIN;
    return large && !s->etf && s->hub && hub_wants_compression(s->hub) ? FORM_PAYLOAD : FORM_PLAIN;
}

static struct forms *forms_of(struct hub_payload *p)
{
    if (!p->edge_cache && !(p->edge_cache = calloc(1, sizeof(struct forms))))
        log_fatal("out of memory");
    return p->edge_cache;
}

void flush_free_forms(void *edge_cache)
{
    struct forms *f = edge_cache;
    if (!f)
        return;
    buf_finish(&f->term);
    for (unsigned i = 0; i < 2; i++) {
        free(f->deflated[i]);
        free(f->zstd[i]);
    }
    free(f);
}

/* The payload as the socket's encoding has it. */
static struct iovec encoded(struct hub_payload *p, bool etf)
{
    if (!etf)
        return (struct iovec){p->data, p->len};
    struct buf *term = &forms_of(p)->term;
    if (!term->len && !etf_write(term, p->data, p->len)) {
        log_error("a payload is no JSON");
        buf_clear(term);
        etf_write(term, "null", 4);
    }
    return (struct iovec){term->data, term->len};
}

static struct deflated *deflated_body(struct flush *f, struct hub_payload *p, bool etf)
{
    struct deflated **d = &forms_of(p)->deflated[etf];
    if (*d)
        return *d;
    struct iovec plain = encoded(p, etf);
    *d = deflate_body(f->deflater, plain.iov_base, plain.iov_len);
    metric_add(&edge_deflated_before, (int64_t)(*d)->plain_bytes);
    metric_add(&edge_deflated_after, (int64_t)(*d)->len);
    return *d;
}

static struct zstd_body *zstd_body(struct flush *f, struct hub_payload *p, bool etf)
{
    struct zstd_body **b = &forms_of(p)->zstd[etf];
    if (*b)
        return *b;
    struct iovec plain = encoded(p, etf);
    *b = zstd_stream_body(f->streamer, plain.iov_base, plain.iov_len, !etf);
    metric_add(&edge_deflated_before, (int64_t)(*b)->plain_bytes);
    metric_add(&edge_deflated_after, (int64_t)(*b)->len);
    return *b;
}

/* Which bytes are everybody's; the socket's own become the tail, whose length is returned. */
static size_t gather_body(struct gather *g, struct hub_payload *payload, enum form form, const void *own, size_t n,
                          unsigned char *tail, struct iovec *ret_body)
{
    struct flush *f = g->socket->edge->flush;
    bool etf = g->socket->etf;
    if (form == FORM_ZSTD) {
        struct zstd_body *b = zstd_body(f, payload, etf);
        *ret_body = (struct iovec){b->data, b->len};
        return zstd_stream_tail(tail, own, n);
    }
    if (form == FORM_ZLIB || form == FORM_PAYLOAD) {
        struct deflated *d = deflated_body(f, payload, etf);
        *ret_body = (struct iovec){d->data, d->len};
        return deflate_tail(tail, d, own, n, form == FORM_PAYLOAD);
    }
    *ret_body = form == FORM_PLAIN ? encoded(payload, etf) : (struct iovec){payload->data, payload->len};
    memcpy(tail, own, n);
    return n;
}

static size_t own_bytes_of(const struct gather *g, const struct frame *f, char own[HUB_TAIL_BYTES])
{
    if (f->s < 0)
        return 0;
    if (!g->socket->etf)
        return frame_tail(own, f->s);
    etf_tail((unsigned char *)own, f->s);
    return ETF_TAIL_BYTES;
}

/* The header of a stream that begins. */
static size_t stream_header(unsigned char *at, enum form form)
{
    const unsigned char *header = form == FORM_ZSTD ? zstd_stream_header : deflate_header;
    size_t n = form == FORM_ZSTD ? ZSTD_STREAM_HEADER_BYTES : DEFLATE_HEADER_BYTES;
    memcpy(at, header, n);
    return n;
}

/* The i-th frame of a gather. begin: its stream begins. */
static struct iovec *gather_frame(struct gather *g, unsigned i, const struct frame *f, enum form form, bool begin)
{
    struct iovec *iov = g->message.msg_iov + g->message.msg_iovlen, body;
    struct piece *p = &g->pieces[i];
    unsigned char first[STREAM_HEADER_MAX];
    char own[HUB_TAIL_BYTES];
    size_t own_bytes = own_bytes_of(g, f, own), begin_bytes = begin ? stream_header(first, form) : 0;
    size_t tail = gather_body(g, f->payload, form, own, own_bytes, p->tail, &body);
    size_t header = frame_header(p->header, form, g->socket->etf, begin_bytes + body.iov_len + tail);
    memcpy(p->header + header, first, begin_bytes);
    *iov++ = (struct iovec){p->header, header + begin_bytes};
    *iov++ = body;
    if (tail)
        *iov++ = (struct iovec){p->tail, tail};
    bool compressed = form == FORM_ZLIB || form == FORM_ZSTD || form == FORM_PAYLOAD;
    g->plain[i] = compressed ? f->payload->len + own_bytes : 0;
    g->sizes[i] = header + begin_bytes + body.iov_len + tail;
    return iov;
}

static void gather(struct socket *s, struct gather *g)
{
    g->socket = s;
    g->bytes = g->rest = s->rest_len - s->rest_sent;
    g->frames = s->count < FLUSH_FRAMES_MAX ? s->count : FLUSH_FRAMES_MAX;
    g->message = (struct msghdr){.msg_iov = g->iov};
    if (g->rest)
        g->iov[g->message.msg_iovlen++] = (struct iovec){s->rest + s->rest_sent, g->rest};
    bool begun = s->stream_begun;
    for (unsigned i = 0; i < g->frames; i++) {
        const struct frame *f = &s->ring[(s->first + i) & (s->cap - 1)];
        enum form form = form_of(s, f);
        bool stream = form == FORM_ZLIB || form == FORM_ZSTD, begin = form == FORM_PAYLOAD || (stream && !begun);
        begun |= stream;
        g->message.msg_iovlen = (size_t)(gather_frame(g, i, f, form, begin) - g->iov);
        g->bytes += g->sizes[i];
    }
}

/* ---- Results --------------------------------------------------------------------------------------------------- */

/* The message was cut at `done` bytes, within a frame that ends at `end`: the frame's rest is kept. */
static void keep_rest(struct gather *g, size_t done, size_t end)
{
    struct socket *s = g->socket;
    size_t rest = end - done, skip = done;
    unsigned char *at = s->rest = malloc(rest);
    if (!at)
        log_fatal("out of memory");
    s->rest_len = rest;
    s->rest_sent = 0;
    for (struct iovec *iov = g->iov; rest; iov++) {
        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        size_t n = iov->iov_len - skip < rest ? iov->iov_len - skip : rest;
        memcpy(at, (char *)iov->iov_base + skip, n);
        at += n;
        rest -= n;
        skip = 0;
    }
}

/* Of the earlier message's rest `done` bytes or all are sent. */
static void advance_rest(struct socket *s, size_t done)
{
    s->rest_sent += done < s->rest_len - s->rest_sent ? done : s->rest_len - s->rest_sent;
    if (s->rest_sent < s->rest_len)
        return;
    free(s->rest);
    s->rest = NULL;
    s->rest_len = s->rest_sent = 0;
}

/* The first frames of the message are on their way. */
static void count_sent(struct gather *g, unsigned n)
{
    metric_add(&edge_flushed_frames, n);
    int64_t before = 0, after = 0;
    for (unsigned i = 0; i < n; i++) {
        g->socket->stream_begun |= g->plain[i] > 0;
        before += (int64_t)g->plain[i];
        after += g->plain[i] ? (int64_t)g->sizes[i] : 0;
    }
    if (before) {
        metric_add(&edge_compressed_before, before);
        metric_add(&edge_compressed_after, after);
    }
}

/* result: bytes that were sent, or a negated errno. true: all went, and there may be more. */
static bool settle(struct gather *g, ssize_t result)
{
    struct socket *s = g->socket;
    if (result < 0 && result != -EAGAIN && result != -EINTR) {
        socket_cut(s);
        return false;
    }
    size_t done = result < 0 ? 0 : (size_t)result, end = g->rest;
    unsigned whole = 0;
    advance_rest(s, done);
    while (whole < g->frames && end + g->sizes[whole] <= done)
        end += g->sizes[whole++];
    if (whole < g->frames && done > end) {
        keep_rest(g, done, end + g->sizes[whole]);
        whole++;
    }
    count_sent(g, whole);
    socket_pop(s, whole);
    if (done == g->bytes) {
        if (!s->count)
            socket_drained(s);
        return true;
    }
    s->blocked = true;
    lws_callback_on_writable(s->wsi);
    return false;
}

static bool may_send(const struct socket *s)
{
    return s->wsi && !s->cut && !s->blocked && (s->count || s->rest);
}

static bool send_now(struct socket *s, struct gather *g)
{
    gather(s, g);
    metric_add(&edge_sends, 1);
    ssize_t n = sendmsg(s->fd, &g->message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return settle(g, n < 0 ? -errno : n);
}

void flush_socket(struct socket *s)
{
    struct gather g;
    while (may_send(s) && send_now(s, &g))
        ;
}

/* ---- A turn ---------------------------------------------------------------------------------------------------- */

static void after_send(struct flush *f, struct socket *s, bool all)
{
    if (all && s->count)
        flush_add(f, s);
}

/* Submits the batch and settles every answer. */
static void submit(struct flush *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&f->uring);
        io_uring_prep_sendmsg(sqe, f->gathers[i].socket->fd, &f->gathers[i].message, MSG_DONTWAIT | MSG_NOSIGNAL);
        sqe->user_data = i;
    }
    metric_add(&edge_sends, 1);
    for (unsigned left = n; left;) {
        int result = io_uring_submit_and_wait(&f->uring, left);
        if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY)
            log_fatal("io_uring_submit_and_wait: %s", strerror(-result));
        struct io_uring_cqe *cqe;
        while (left && !io_uring_peek_cqe(&f->uring, &cqe)) {
            struct gather *g = &f->gathers[cqe->user_data];
            ssize_t sent = cqe->res;
            io_uring_cqe_seen(&f->uring, cqe);
            left--;
            after_send(f, g->socket, settle(g, sent));
            socket_unref(g->socket);
        }
    }
}

bool flush_run(struct flush *f)
{
    unsigned batch = 0;
    for (unsigned i = 0; i < SLICE && f->first; i++) {
        struct socket *s = take(f);
        if (!may_send(s)) {
            socket_unref(s);
            continue;
        }
        if (!f->uring_on) {
            after_send(f, s, send_now(s, &f->gathers[0]));
            socket_unref(s);
            continue;
        }
        gather(s, &f->gathers[batch++]);
        if (batch == BATCH) {
            submit(f, batch);
            batch = 0;
        }
    }
    if (batch)
        submit(f, batch);
    return f->first;
}
