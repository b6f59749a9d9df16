/* group.c - the instances of one service: a channel to each, and which of them a call goes to.
 *
 * Rendezvous hashing: each instance scores the key, the highest score wins; when one goes, only its own keys move. What
 * is correct never depends on it: two gateways may disagree for a while. An instance that is known to be down is passed
 * over until its channel reports that it is connected again, so a key does not flap between the two while it
 * reconnects.
 *
 * A hung instance (stopped, no reset, no answer) stays connected, so the group watches for it. Once an instance with
 * calls out there was silent for PROBE_TICKS, every instance is asked for its health: the poller of one that lives
 * answers that at once, however long its handlers take. What then stays silent until SUSPECT_TICKS is suspect: its
 * calls go elsewhere or end, and it is probed until it is heard again. Ticks are counted and not time: when this
 * process itself stood still, that is one tick.
 *
 * The channels carry no retry policy: gRPC would try again on the same dead channel. client.c sends once more,
 * elsewhere. */
#include "lib/base/log.h"
#include "lib/rpc/client.h"
#include "lib/rpc/credentials.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { RESPONSE_BYTES_MAX = 32 << 20 };
/* gRPC's own pings end the streams at a peer that hangs, and connections that lead nowhere. They are sent only while
 * calls wait and the peer is silent, so an idle channel costs none. They do not pass a full socket, and a close waits
 * for the write under way: calls do not rely on them. The least backoff is also how long one attempt to connect may
 * take. */
enum {
    KEEPALIVE_MS = 500,
    KEEPALIVE_ANSWER_MS = 500,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 1000,
    CONNECT_MS = 1000,
};
enum { TICK_MS = 100, PROBE_TICKS = 5, SUSPECT_TICKS = 10 };

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return mix(hash);
}

static bool is_one_name(const struct instance *instance)
{
    return !strncmp(instance->target, "dns:", 4);
}

static grpc_channel *open_channel(const struct instance *instance)
{
    grpc_arg args[] = {
        codec_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS),
        codec_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS),
        codec_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS),
        codec_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
        codec_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_ANSWER_MS),
        codec_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0),
        codec_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        codec_arg(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, INT_MAX),
        codec_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RESPONSE_BYTES_MAX),
        codec_arg(GRPC_ARG_MAX_METADATA_SIZE, RPC_METADATA_BYTES_MAX),
        codec_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        codec_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        codec_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        codec_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        codec_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RPC_WINDOW_BYTES),
        credentials_name(),
        {.type = GRPC_ARG_STRING,
         .key = (char *)GRPC_ARG_SERVICE_CONFIG,
         .value.string = (char *)"{\"loadBalancingConfig\":[{\"round_robin\":{}}]}"},
    };
    /* The last is for a name behind which there are several. */
    grpc_channel_args all = {sizeof args / sizeof *args - !is_one_name(instance), args};
    grpc_channel_credentials *credentials = credentials_of_client();
    grpc_channel *channel = grpc_channel_create(instance->target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    grpc_channel_check_connectivity_state(channel, 1);
    return channel;
}

static void add_instance(struct rpc_group *group, const char *target, size_t n)
{
    group->instances = realloc(group->instances, (group->n + 1) * sizeof *group->instances);
    char *copy = strndup(target, n);
    if (!group->instances || !copy)
        log_fatal("out of memory");
    struct instance *instance = &group->instances[group->n++];
    *instance = (struct instance){.target = copy, .hash = hash_text(copy)};
    instance->channel = open_channel(instance);
}

struct rpc_group *rpc_group_create(struct rpc_client *client, const char *targets)
{
    struct rpc_group *group = calloc(1, sizeof *group);
    if (!group)
        log_fatal("out of memory");
    group->client = client;
    if (uv_timer_init(client->loop, &group->timer))
        log_fatal("the loop takes no more handles");
    group->timer.data = group;
    uv_unref((uv_handle_t *)&group->timer);
    for (const char *at = targets; *at;) {
        size_t n = strcspn(at, ", ");
        if (n)
            add_instance(group, at, n);
        at += n + (at[n] != '\0');
    }
    if (!group->n)
        log_fatal("a group needs at least one target");
    client->groups++;
    return group;
}

static void timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void rpc_group_destroy(struct rpc_group *group)
{
    if (!group)
        return;
    if (group->calls)
        log_fatal("rpc_group_destroy: %u calls are left", group->calls);
    for (unsigned i = 0; i < group->n; i++) {
        client_abandon(&group->instances[i]);
        grpc_channel_destroy(group->instances[i].channel);
        free(group->instances[i].target);
    }
    group->client->groups--;
    free(group->instances);
    uv_close((uv_handle_t *)&group->timer, timer_closed);
}

/* ---- Which of them hangs ---------------------------------------------------------------------------------------- */

void instance_heard(struct instance *instance)
{
    if (instance->suspect)
        log_info("an instance answers again", LOG_S("target", instance->target));
    instance->suspect = false;
    instance->silent = 0;
}

static bool is_hung(const struct instance *instance)
{
    return instance->probing && instance->silent >= SUSPECT_TICKS;
}

static void suspect(struct instance *instance)
{
    if (!instance->suspect)
        log_warn("an instance hangs", LOG_S("target", instance->target));
    instance->suspect = true;
}

/* The others are probed too, so that a call that is given up does not go to one that hangs as well. */
static void probe_all(struct rpc_group *group, bool quiet)
{
    for (struct instance *one = group->instances; one < group->instances + group->n; one++) {
        if (one->probing || !(quiet || one->suspect))
            continue;
        one->silent = PROBE_TICKS;
        client_probe(group, one);
    }
}

static void tick(uv_timer_t *timer)
{
    struct rpc_group *group = timer->data;
    struct instance *end = group->instances + group->n;
    bool quiet = false, busy = false;
    for (struct instance *one = group->instances; one < end; one++) {
        one->silent += one->calls != NULL;
        quiet |= one->calls && !one->suspect && one->silent >= PROBE_TICKS;
        if (is_hung(one))
            suspect(one);
        busy |= one->calls || one->suspect;
    }
    for (struct instance *one = group->instances; one < end; one++)
        if (is_hung(one))
            client_abandon(one);
    probe_all(group, quiet);
    if (!busy)
        uv_timer_stop(timer);
}

void group_watch(struct rpc_group *group)
{
    if (!uv_is_active((uv_handle_t *)&group->timer))
        uv_timer_start(&group->timer, tick, TICK_MS, TICK_MS);
}

/* ---- Which of them is picked ------------------------------------------------------------------------------------ */

/* Asking is what makes an idle channel connect. */
static bool is_usable(struct instance *instance)
{
    grpc_connectivity_state state = grpc_channel_check_connectivity_state(instance->channel, 1);
    if (state == GRPC_CHANNEL_READY)
        instance->failed = false;
    else if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN)
        instance->failed = true;
    return !instance->failed && !instance->suspect;
}

static int rank_of(struct instance *instance)
{
    return is_usable(instance) ? 2 : !instance->suspect;
}

struct instance *group_pick(struct rpc_group *group, uint64_t key, const struct instance * not )
{
    struct instance *best = NULL;
    uint64_t best_score = 0;
    int best_rank = 0;
    if (!key)
        key = mix(++group->turn);
    for (struct instance *one = group->instances; one < group->instances + group->n; one++) {
        int rank = rank_of(one);
        uint64_t score = mix(key ^ one->hash);
        if (not &&(!rank || (one == not &&!is_one_name(one))))
            continue;
        if (best && (rank < best_rank || (rank == best_rank && score <= best_score)))
            continue;
        best = one;
        best_score = score;
        best_rank = rank;
    }
    return best;
}

bool rpc_group_ready(struct rpc_group *group)
{
    bool ready = false;
    for (struct instance *one = group->instances; one < group->instances + group->n; one++)
        ready |= is_usable(one);
    return ready;
}
