#define _GNU_SOURCE /* memrchr */
#include "lib/bus/connect.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { REDIS_PORT = 6379, DBS_MAX = 1024 };

static bool copy(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size)
        return false;
    memcpy(to, from, n);
    to[n] = '\0';
    return true;
}

/* "8" of "redis://h:1/8"; NULL and "" are the fallback. */
static bool parse_number(const char *text, size_t n, int fallback, int max, int *ret)
{
    int value = 0;
    if (n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = n ? value : fallback;
    return value <= max;
}

static bool parse_credentials(const char *text, size_t n, struct bus_address *a)
{
    const char *colon = memchr(text, ':', n);
    if (!colon)
        return copy(a->password, sizeof a->password, text, n);
    size_t user = (size_t)(colon - text);
    return copy(a->user, sizeof a->user, text, user) && copy(a->password, sizeof a->password, colon + 1, n - user - 1);
}

static bool parse_tcp(const char *rest, struct bus_address *a)
{
    const char *slash = strrchr(rest, '/');
    const char *end = slash ? slash : rest + strlen(rest);
    const char *at = memrchr(rest, '@', (size_t)(end - rest));
    if (at && !parse_credentials(rest, (size_t)(at - rest), a))
        return false;
    const char *host = at ? at + 1 : rest;
    const char *host_end = end, *port = end;
    if (*host == '[') { /* an IPv6 address */
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end || (host_end[1] != ':' && host_end + 1 != end))
            return false;
        port = host_end + 1;
        host++;
    } else {
        const char *colon = memchr(host, ':', (size_t)(end - host));
        host_end = port = colon ? colon : end;
    }
    if (port < end)
        port++;
    return copy(a->host, sizeof a->host, host, (size_t)(host_end - host)) && a->host[0] &&
           parse_number(port, (size_t)(end - port), REDIS_PORT, 65535, &a->port) &&
           (!slash || parse_number(slash + 1, strlen(slash + 1), 0, DBS_MAX, &a->db));
}

bool bus_address_parse(const char *url, struct bus_address *ret)
{
    struct bus_address a = {.port = REDIS_PORT};
    bool ok = false;
    if (!strncmp(url, "unix://", 7))
        ok = url[7] && copy(a.path, sizeof a.path, url + 7, strlen(url + 7));
    else if (!strncmp(url, "redis://", 8))
        ok = parse_tcp(url + 8, &a);
    if (ok)
        *ret = a;
    return ok;
}

/* Runs one command; false unless the answer is a status. */
static bool ask(redisContext *c, int argc, const char **argv)
{
    redisReply *r = redisCommandArgv(c, argc, argv, NULL);
    bool ok = r && r->type == REDIS_REPLY_STATUS;
    if (r)
        freeReplyObject(r);
    return ok;
}

static const char *greet(redisContext *c, const struct bus_address *a)
{
    char db[16];
    snprintf(db, sizeof db, "%d", a->db);
    const char *auth[] = {"AUTH", a->password}, *auth_user[] = {"AUTH", a->user, a->password};
    if (a->password[0] && !(a->user[0] ? ask(c, 3, auth_user) : ask(c, 2, auth)))
        return "not authenticated";
    if (a->db && !ask(c, 2, (const char *[]){"SELECT", db}))
        return "database not selected";
    return ask(c, 1, (const char *[]){"PING"}) ? NULL : "no answer to PING";
}

const char *bus_address_name(const struct bus_address *a)
{
    return *a->path ? a->path : a->host;
}

redisContext *bus_connect(const struct bus_address *a, int timeout_ms, const char **ret_reason)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    redisContext *c =
        a->path[0] ? redisConnectUnixWithTimeout(a->path, timeout) : redisConnectWithTimeout(a->host, a->port, timeout);
    const char *reason = "no connection";
    if (c && !c->err && redisSetTimeout(c, timeout) == REDIS_OK)
        reason = greet(c, a);
    if (!reason)
        return c;
    *ret_reason = reason;
    if (c)
        redisFree(c);
    return NULL;
}

int64_t bus_backoff(int64_t *backoff_ms, int64_t max_ms)
{
    int64_t half = *backoff_ms / 2;
    int64_t wait = half + (int64_t)arc4random_uniform((uint32_t)half + 1);
    *backoff_ms = *backoff_ms * 2 < max_ms ? *backoff_ms * 2 : max_ms;
    return wait;
}
