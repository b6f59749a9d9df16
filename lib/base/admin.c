#include "lib/base/admin.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 16, IDLE_TIMEOUT_S = 10 };

struct admin {
    struct MHD_Daemon *daemon;
    admin_ready_fn *ready;
    void *user;
};

static unsigned page(struct admin *a, const char *path, struct buf *body)
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

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct buf body = {0};
    unsigned code = page(user, path, &body);
    struct MHD_Response *r = MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY);
    buf_finish(&body);
    MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, code, r);
    MHD_destroy_response(r);
    return result;
}

static bool parse_address(const char *listen, struct sockaddr_in *ret)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    if (!colon || (size_t)(colon - listen) >= sizeof host)
        return false;
    memcpy(host, listen, (size_t)(colon - listen));
    host[colon - listen] = '\0';
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    return inet_pton(AF_INET, host, &ret->sin_addr) == 1;
}

struct admin *admin_create(const char *listen, admin_ready_fn *ready, void *user)
{
    struct sockaddr_in address;
    if (!parse_address(listen, &address)) {
        log_error("the admin address is not HOST:PORT", LOG_S("address", listen));
        return NULL;
    }
    struct admin *a = calloc(1, sizeof *a);
    if (!a)
        log_fatal("out of memory");
    *a = (struct admin){.ready = ready, .user = user};
    a->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, a, MHD_OPTION_SOCK_ADDR,
                                 &address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 IDLE_TIMEOUT_S, MHD_OPTION_END);
    if (a->daemon)
        return a;
    log_error("cannot listen for administration", LOG_S("address", listen), LOG_S("error", strerror(errno)));
    free(a);
    return NULL;
}

void admin_destroy(struct admin *a)
{
    if (!a)
        return;
    MHD_stop_daemon(a->daemon);
    free(a);
}
