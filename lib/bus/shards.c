/* The bus over one Redis or several. A topic is one's alone, by a hash of its number, which is the same in every
 * process that was given the same list. There is no failing over: what one does not carry while it is away, the digest
 * tells. */
#include "lib/base/log.h"
#include "lib/bus/lane.h"
#include <stdlib.h>
#include <string.h>

enum { URL_BYTES_MAX = 1024 };

static void *allocate(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        log_fatal("out of memory");
    return p;
}

/* How many there are; 0: one is wrong (logged). */
static unsigned parse_urls(const char *urls, struct bus_address ret[BUS_SHARDS_MAX])
{
    unsigned n = 0;
    for (const char *at = urls; *at;) {
        char url[URL_BYTES_MAX];
        size_t length = strcspn(at, ", ");
        if (length && (n == BUS_SHARDS_MAX || length >= sizeof url)) {
            log_error("too many addresses of redis, or one is too long", LOG_I("most", BUS_SHARDS_MAX));
            return 0;
        }
        snprintf(url, sizeof url, "%.*s", (int)length, at);
        if (length && !bus_address_parse(url, &ret[n++])) {
            log_error("the address of redis is neither redis://host:port nor unix:///path");
            return 0;
        }
        at += length + (at[length] != '\0');
    }
    if (!n)
        log_error("no address of redis is given");
    return n;
}

unsigned bus_shard_of(uint64_t id, unsigned shards)
{
    return (unsigned)((id * 0x9e3779b97f4a7c15u >> 32) % shards); /* ids are times: their bits need mixing */
}

/* ---- Publisher -------------------------------------------------------------------------------------------------- */

struct bus_publisher {
    unsigned n;
    struct publisher_lane *lanes[BUS_SHARDS_MAX];
};

struct bus_publisher *bus_publisher_create(const char *urls)
{
    struct bus_address addresses[BUS_SHARDS_MAX];
    unsigned n = parse_urls(urls, addresses);
    if (!n)
        return NULL;
    struct bus_publisher *p = allocate(sizeof *p);
    for (; p->n < n; p->n++)
        p->lanes[p->n] = publisher_lane_create(&addresses[p->n]);
    return p;
}

void bus_publisher_destroy(struct bus_publisher *p)
{
    for (unsigned i = 0; p && i < p->n; i++)
        publisher_lane_destroy(p->lanes[i]);
    free(p);
}

void bus_publish(struct bus_publisher *p, const char *kind, uint64_t id, const void *data, size_t n)
{
    publisher_lane_publish(p->lanes[bus_shard_of(id, p->n)], kind, id, data, n);
}

bool bus_publisher_connected(struct bus_publisher *p)
{
    bool all = true;
    for (unsigned i = 0; i < p->n; i++)
        all &= publisher_lane_connected(p->lanes[i]);
    return all;
}

/* ---- Subscriber ------------------------------------------------------------------------------------------------- */

struct bus_subscriber {
    const struct bus_subscriber_events *events;
    void *user;
    unsigned n;
    struct subscriber_lane *lanes[BUS_SHARDS_MAX];
};

/* Each of them is the last thing that a lane's event does here: the user may destroy the subscriber in it. */
static void on_message(void *user, const void *data, size_t n)
{
    struct bus_subscriber *s = user;
    s->events->on_message(s->user, data, n);
}

static void on_state(void *user, bool connected)
{
    struct bus_subscriber *s = user;
    s->events->on_state(s->user, bus_subscriber_connected(s));
}

struct bus_subscriber *bus_subscriber_create(uv_loop_t *loop, const char *urls,
                                             const struct bus_subscriber_events *events, void *user)
{
    static const struct bus_subscriber_events lane_events = {on_message, on_state};
    struct bus_address addresses[BUS_SHARDS_MAX];
    unsigned n = parse_urls(urls, addresses);
    if (!n)
        return NULL;
    struct bus_subscriber *s = allocate(sizeof *s);
    s->events = events;
    s->user = user;
    for (; s->n < n; s->n++)
        s->lanes[s->n] = subscriber_lane_create(loop, &addresses[s->n], &lane_events, s);
    return s;
}

void bus_subscriber_destroy(struct bus_subscriber *s)
{
    for (unsigned i = 0; s && i < s->n; i++)
        subscriber_lane_destroy(s->lanes[i]);
    free(s);
}

void bus_hold(struct bus_subscriber *s, const char *kind, uint64_t id)
{
    subscriber_lane_hold(s->lanes[bus_shard_of(id, s->n)], kind, id);
}

void bus_release(struct bus_subscriber *s, const char *kind, uint64_t id)
{
    subscriber_lane_release(s->lanes[bus_shard_of(id, s->n)], kind, id);
}

bool bus_subscriber_connected(struct bus_subscriber *s)
{
    bool all = true;
    for (unsigned i = 0; i < s->n; i++)
        all &= subscriber_lane_connected(s->lanes[i]);
    return all;
}
