/* Listening sockets: several gateways share one port (SO_REUSEPORT), and each has one of its own. A socket that was
 * accepted is an HTTP connection until it asks to be more. */
#define _GNU_SOURCE
#include "lib/base/log.h"
#include "services/gateway/edge/connection.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_A_TURN = 64, USER_TIMEOUT_MS = 30000, DESCRIPTORS_WANTED = 1 << 20 };

void listen_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    struct rlimit wanted = limit;
    wanted.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    if (setrlimit(RLIMIT_NOFILE, &wanted))
        wanted = limit;
    log_info("open files are limited", LOG_I("limit", wanted.rlim_cur));
}

static bool parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (!colon || n >= sizeof host)
        return false;
    memcpy(host, text + brackets, n - 2 * brackets);
    host[n - 2 * brackets] = '\0';
    uint16_t port = htons((uint16_t)atoi(colon + 1));
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof *ret);
    if (!brackets && (!n || inet_pton(AF_INET, host, &v4->sin_addr) == 1)) {
        v4->sin_family = AF_INET; /* ":8080" is every IPv4 address */
        v4->sin_port = port;
        *ret_len = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    *ret_len = sizeof *v6;
    return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value))
        log_warn("a socket option was refused", LOG_I("option", name), LOG_S("error", strerror(errno)));
}

/* ---- Accepting ------------------------------------------------------------------------------------------------- */

static void write_address(const struct sockaddr_storage *peer, char *ret, socklen_t size)
{
    const void *bytes = peer->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
                                                   : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;
    if (!inet_ntop(peer->ss_family, bytes, ret, size))
        *ret = '\0';
}

/* No descriptor is left: one is kept in reserve, so that the client is turned away instead of left hanging. */
static void turn_away(struct edge_listener *l)
{
    metric_add(&edge_accept_failed, 1);
    close(l->edge->spare_fd);
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    l->edge->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool accept_one(struct edge_listener *l)
{
    struct edge *e = l->edge;
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    char address[INET6_ADDRSTRLEN];
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(l);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED;
    metric_add(&edge_accepted, 1);
    if (e->n_connections + e->n_sockets >= (uint64_t)e->config->connections_max) {
        metric_add(&edge_accept_failed, 1);
        close(fd);
        return true;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)e->config->send_buffer_bytes);
    write_address(&peer, address, sizeof address);
    connection_open(e, fd, address);
    return true;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    for (int i = 0; i < ACCEPTS_A_TURN && accept_one(poll->data); i++)
        ;
}

static bool start(struct edge *e, const char *address)
{
    struct edge_listener *l = &e->listeners[e->n_listeners];
    struct sockaddr_storage a;
    socklen_t n;
    if (!parse_address(address, &a, &n)) {
        log_error("an address to listen on is not HOST:PORT", LOG_S("address", address));
        return false;
    }
    *l = (struct edge_listener){.edge = e, .fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    set_option(l->fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(l->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind(l->fd, (struct sockaddr *)&a, n) || listen(l->fd, BACKLOG)) {
        log_error("cannot listen", LOG_S("address", address), LOG_S("error", strerror(errno)));
        close(l->fd);
        return false;
    }
    l->poll.data = l;
    uv_poll_init(e->loop, &l->poll, l->fd);
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
    e->n_listeners++;
    log_info("listening", LOG_S("address", address));
    return true;
}

bool listen_start(struct edge *e)
{
    e->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!start(e, e->config->listen))
        return false;
    return !*e->config->own_listen || start(e, e->config->own_listen);
}

void listen_stop(struct edge *e)
{
    for (unsigned i = 0; i < e->n_listeners; i++) {
        for (int n = 0; n < BACKLOG && accept_one(&e->listeners[i]); n++)
            ; /* who is in the queue would be reset; a new gateway is a new try away */
        uv_poll_stop(&e->listeners[i].poll);
        uv_close((uv_handle_t *)&e->listeners[i].poll, NULL);
        close(e->listeners[i].fd);
    }
    e->n_listeners = 0;
    close(e->spare_fd);
}
