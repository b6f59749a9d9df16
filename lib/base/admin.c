#include "lib/base/admin.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDLE_TIMEOUT_S = 10, HEAD_BYTES_MAX = 8192, BODY_BYTES_MAX = 1024 };

/* libevent's loop belongs to the thread; admin_destroy() ends it through a pipe, the one thing both touch. */
struct admin {
    struct event_base *base;
    struct evhttp *http;
    struct event *stop;
    int stop_pipe[2];
    pthread_t thread;
    admin_ready_fn *ready;
    void *user;
};

static int page(struct admin *a, const char *path, struct buf *body)
{
    if (!strcmp(path, "/livez")) {
        buf_puts(body, "ok\n");
        return 200;
    }
    if (!strcmp(path, "/metrics")) {
        metric_write(body);
        return 200;
    }
    if (!strcmp(path, "/readyz"))
        return a->ready(a->user, body) ? 200 : 503;
    buf_puts(body, "/livez /readyz /metrics\n");
    return 404;
}

static void on_request(struct evhttp_request *request, void *user)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    struct buf body = {0};
    struct evbuffer *out = evbuffer_new();
    int code = page(user, path ? path : "", &body);
    evbuffer_add(out, body.data, body.len);
    buf_finish(&body);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    evhttp_send_reply(request, code, NULL, out);
    evbuffer_free(out);
}

static void on_stop(evutil_socket_t fd, short what, void *base)
{
    event_base_loopbreak(base);
}

static void *run(void *user)
{
    event_base_dispatch(((struct admin *)user)->base);
    return NULL;
}

/* "127.0.0.1:9000" */
static bool bind_address(struct evhttp *http, const char *listen)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    if (!colon || (size_t)(colon - listen) >= sizeof host)
        return false;
    memcpy(host, listen, (size_t)(colon - listen));
    host[colon - listen] = '\0';
    return evhttp_bind_socket(http, host, (ev_uint16_t)atoi(colon + 1)) == 0;
}

static void release(struct admin *a)
{
    if (a->stop)
        event_free(a->stop);
    if (a->http)
        evhttp_free(a->http);
    if (a->base)
        event_base_free(a->base);
    close(a->stop_pipe[0]);
    close(a->stop_pipe[1]);
    free(a);
}

struct admin *admin_create(const char *listen, admin_ready_fn *ready, void *user)
{
    struct admin *a = calloc(1, sizeof *a);
    if (!a || pipe(a->stop_pipe))
        log_fatal("nothing left to make the admin port of");
    a->ready = ready;
    a->user = user;
    a->base = event_base_new();
    a->http = a->base ? evhttp_new(a->base) : NULL;
    a->stop = a->base ? event_new(a->base, a->stop_pipe[0], EV_READ, on_stop, a->base) : NULL;
    if (a->http && a->stop && !event_add(a->stop, NULL) && bind_address(a->http, listen)) {
        evhttp_set_gencb(a->http, on_request, a);
        evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
        evhttp_set_timeout(a->http, IDLE_TIMEOUT_S);
        evhttp_set_max_headers_size(a->http, HEAD_BYTES_MAX);
        evhttp_set_max_body_size(a->http, BODY_BYTES_MAX);
        if (!pthread_create(&a->thread, NULL, run, a))
            return a;
    }
    log_error("cannot listen for administration; HOST:PORT is needed", LOG_S("address", listen));
    release(a);
    return NULL;
}

void admin_destroy(struct admin *a)
{
    if (!a)
        return;
    if (write(a->stop_pipe[1], "", 1) != 1)
        log_fatal("the admin thread cannot be stopped");
    pthread_join(a->thread, NULL);
    release(a);
}
