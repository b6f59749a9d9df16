/* Life: open -> (name asked for) -> connecting -> open -> lost or closed; the memory goes when neither the handle nor a
 * question for the name is left. `closed` is set before the user hears of a loss, so nothing follows it. */
#include "lib/bus/link.h"
#include "lib/base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { INPUT_BYTES = 64 << 10, REPLY_BYTES_MAX = 64 << 20 };

struct bus_link {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    bool has_handle, resolving, closed, heard;
    unsigned greetings; /* replies to AUTH and SELECT that are still to come */
    struct bus_address address;
    const struct bus_link_events *events;
    void *user;
    uv_loop_t *loop;
    redisReader *reader;
    size_t unparsed; /* bytes fed since the last whole reply */
    char input[INPUT_BYTES];
};

static void free_if_done(struct bus_link *l)
{
    if (l->has_handle || l->resolving)
        return;
    redisReaderFree(l->reader);
    free(l);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct bus_link *l = (struct bus_link *)handle;
    l->has_handle = false;
    free_if_done(l);
}

void bus_link_close(struct bus_link *l)
{
    if (!l || l->closed)
        return;
    l->closed = true;
    if (l->has_handle)
        uv_close(&l->handle, on_handle_closed);
    if (l->resolving)
        uv_cancel((uv_req_t *)&l->resolve);
}

static void lose(struct bus_link *l, const char *reason)
{
    if (l->closed)
        return;
    bus_link_close(l);
    l->events->on_lost(l->user, reason);
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

struct outgoing {
    uv_write_t request;
    char *command;
};

static void on_written(uv_write_t *request, int result)
{
    struct outgoing *o = (struct outgoing *)request;
    struct bus_link *l = (struct bus_link *)request->handle;
    redisFreeCommand(o->command);
    free(o);
    if (result < 0)
        lose(l, uv_strerror(result));
}

void bus_link_send(struct bus_link *l, int argc, const char **argv)
{
    struct outgoing *o = calloc(1, sizeof *o);
    int n = o ? redisFormatCommandArgv(&o->command, argc, argv, NULL) : -1;
    if (n < 0)
        log_fatal("out of memory");
    uv_buf_t bytes = uv_buf_init(o->command, (unsigned)n);
    if (!uv_write(&o->request, &l->stream, &bytes, 1, on_written))
        return;
    redisFreeCommand(o->command); /* the connection is gone: the read side says so */
    free(o);
}

static void greet(struct bus_link *l)
{
    const struct bus_address *a = &l->address;
    char db[16];
    snprintf(db, sizeof db, "%d", a->db);
    if (a->password[0] && a->user[0])
        bus_link_send(l, 3, (const char *[]){"AUTH", a->user, a->password});
    else if (a->password[0])
        bus_link_send(l, 2, (const char *[]){"AUTH", a->password});
    if (a->db)
        bus_link_send(l, 2, (const char *[]){"SELECT", db});
    l->greetings = (a->password[0] != '\0') + (a->db != 0);
}

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

static void take_reply(struct bus_link *l, redisReply *r)
{
    if (!l->greetings)
        l->events->on_reply(l->user, r);
    else if (r->type == REDIS_REPLY_ERROR)
        lose(l, r->str);
    else
        l->greetings--;
    freeReplyObject(r);
}

static void parse(struct bus_link *l, const char *data, size_t n)
{
    l->unparsed += n;
    if (redisReaderFeed(l->reader, data, n) != REDIS_OK)
        return lose(l, "the parser has no memory");
    while (!l->closed) { /* a callback may end it */
        void *reply;
        if (redisReaderGetReply(l->reader, &reply) != REDIS_OK)
            return lose(l, "not the protocol of redis");
        if (!reply)
            break;
        l->unparsed = 0;
        take_reply(l, reply);
    }
    if (l->unparsed > REPLY_BYTES_MAX)
        lose(l, "a reply is too long");
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct bus_link *l = (struct bus_link *)handle;
    *ret = uv_buf_init(l->input, INPUT_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct bus_link *l = (struct bus_link *)stream;
    if (l->closed || !n)
        return;
    if (n < 0)
        return lose(l, n == UV_EOF ? "closed by redis" : uv_strerror((int)n));
    l->heard = true;
    parse(l, bytes->base, (size_t)n);
}

/* ---- Connecting ------------------------------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *request, int result)
{
    struct bus_link *l = (struct bus_link *)request->handle;
    if (l->closed)
        return;
    if (result < 0 || (result = uv_read_start(&l->stream, on_allocate, on_read)) < 0)
        return lose(l, uv_strerror(result));
    greet(l);
    l->events->on_open(l->user);
}

static void connect_tcp(struct bus_link *l, const struct sockaddr *address)
{
    uv_tcp_init(l->loop, &l->tcp);
    l->has_handle = true;
    uv_tcp_nodelay(&l->tcp, 1);
    int result = uv_tcp_connect(&l->connect, &l->tcp, address, on_connected);
    if (result < 0)
        lose(l, uv_strerror(result));
}

static void on_resolved(uv_getaddrinfo_t *request, int result, struct addrinfo *found)
{
    struct bus_link *l = request->data;
    l->resolving = false;
    if (l->closed)
        free_if_done(l);
    else if (result < 0) {
        lose(l, uv_strerror(result));
        free_if_done(l);
    } else {
        connect_tcp(l, found->ai_addr);
    }
    uv_freeaddrinfo(found);
}

static int resolve(struct bus_link *l)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%d", l->address.port);
    l->resolve.data = l;
    int result = uv_getaddrinfo(l->loop, &l->resolve, on_resolved, l->address.host, port, &hints);
    l->resolving = !result;
    return result;
}

struct bus_link *bus_link_open(uv_loop_t *loop, const struct bus_address *address, const struct bus_link_events *events,
                               void *user, const char **ret_reason)
{
    struct bus_link *l = calloc(1, sizeof *l);
    if (!l || !(l->reader = redisReaderCreate()))
        log_fatal("out of memory");
    l->address = *address;
    l->events = events;
    l->user = user;
    l->loop = loop;
    int result = address->path[0] ? 0 : resolve(l);
    if (result < 0) {
        *ret_reason = uv_strerror(result);
        free_if_done(l);
        return NULL;
    }
    if (address->path[0]) {
        uv_pipe_init(loop, &l->pipe, 0);
        l->has_handle = true;
        uv_pipe_connect(&l->connect, &l->pipe, address->path, on_connected);
    }
    return l;
}

bool bus_link_resolving(const struct bus_link *l)
{
    return l->resolving;
}

bool bus_link_heard(struct bus_link *l)
{
    bool heard = l->heard;
    l->heard = false;
    return heard;
}
