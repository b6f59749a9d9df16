/* group.c - the instances of one service: a channel to each, and which of them a call goes to.
 *
 * Rendezvous hashing: each instance scores the key, the highest score wins; when one goes, only its own keys move. What
 * is correct never depends on it: two gateways may disagree for a while. An instance that is known to be down is passed
 * over until its channel reports that it is connected again, so a key does not flap between the two while it
 * reconnects.
 *
 * The channels carry no retry policy: gRPC would try again on the same dead channel. client.c sends once more,
 * elsewhere. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/client.h"
#include <grpc/grpc_security.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { RESPONSE_BYTES_MAX = 32 << 20 };
/* A peer that hangs (no reset, no answer) is given up KEEPALIVE + KEEPALIVE_ANSWER after its last byte: that is when its
 * calls go to another. Pings are sent only while calls wait and the peer is silent, so an idle channel costs none. The
 * least backoff is also how long one attempt to connect may take. */
enum {
    KEEPALIVE_MS = 500,
    KEEPALIVE_ANSWER_MS = 500,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 1000,
    CONNECT_MS = 1000,
    SILENT_CALLS = 16,
    SUSPECT_MS = 50, /* by then a channel has noticed that its connection broke */
};

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
        codec_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* a channel that is opened anew connects anew */
        codec_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        codec_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        codec_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RPC_WINDOW_BYTES),
        {.type = GRPC_ARG_STRING,
         .key = (char *)GRPC_ARG_SERVICE_CONFIG,
         .value.string = (char *)"{\"loadBalancingConfig\":[{\"round_robin\":{}}]}"},
    };
    /* The last is for a name behind which there are several. */
    grpc_channel_args all = {sizeof args / sizeof *args - !is_one_name(instance), args};
    grpc_channel_credentials *plain = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(instance->target, plain, &all);
    grpc_channel_credentials_release(plain);
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

void rpc_group_destroy(struct rpc_group *group)
{
    if (!group)
        return;
    if (group->calls)
        log_fatal("rpc_group_destroy: %u calls are left", group->calls);
    for (unsigned i = 0; i < group->n; i++) {
        grpc_channel_destroy(group->instances[i].channel);
        free(group->instances[i].target);
    }
    group->client->groups--;
    free(group->instances);
    free(group);
}

void instance_failed(struct instance *instance, unsigned connection)
{
    if (connection != instance->connection)
        return;
    instance->failed = true;
    if (!instance->suspect_ms)
        instance->suspect_ms = clock_mono_ms();
}

/* A channel whose peer hangs stays READY: the watchdog ends its calls, but gRPC closes the connection only after the write
 * under way, which a full socket holds for ever, and calls that begin meanwhile are ended by their deadline alone. */
static void reopen(struct instance *instance)
{
    client_abandon(instance);
    grpc_channel_destroy(instance->channel);
    instance->channel = open_channel(instance);
    instance->connection++;
    instance->suspect_ms = 0;
}

/* It says CONNECTING for ever while the kernel of a hung peer accepts. What waits for a connection goes elsewhere. */
static void look_while_down(struct instance *instance, grpc_connectivity_state state, int64_t now_ms)
{
    bool broke = !instance->down_ms, failed = instance->failed;
    if (broke) {
        instance->down_ms = now_ms;
        instance->connection++;
    }
    instance->suspect_ms = 0;
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN || now_ms - instance->down_ms > CONNECT_MS)
        instance->failed = true;
    if (instance->failed && (broke || !failed))
        client_abandon(instance);
}

/* A full socket holds the keepalive's ping back too, and with it the watchdog. Many calls and not one answer tell the same. */
static bool is_silent(const struct instance *instance, int64_t now_ms)
{
    return instance->n_calls >= SILENT_CALLS && now_ms - instance->heard_ms >= KEEPALIVE_MS + KEEPALIVE_ANSWER_MS;
}

/* Asking is what makes an idle channel connect. A connection that a call was lost on is not trusted again. */
static bool is_usable(struct instance *instance)
{
    int64_t now_ms = clock_mono_ms();
    grpc_connectivity_state state = grpc_channel_check_connectivity_state(instance->channel, 1);
    if (is_silent(instance, now_ms)) {
        instance->failed = true;
        instance->heard_ms = now_ms;
        reopen(instance);
    } else if (state != GRPC_CHANNEL_READY) {
        look_while_down(instance, state, now_ms);
    } else if (!instance->suspect_ms) {
        instance->down_ms = 0;
        instance->failed = false;
    } else if (now_ms - instance->suspect_ms >= SUSPECT_MS) {
        reopen(instance);
    }
    return !instance->failed;
}

struct instance *group_pick(struct rpc_group *group, uint64_t key, const struct instance * not )
{
    struct instance *best = NULL;
    uint64_t best_score = 0;
    bool best_usable = false;
    if (!key)
        key = mix(++group->turn);
    for (struct instance *one = group->instances; one < group->instances + group->n; one++) {
        bool usable = is_usable(one);
        uint64_t score = mix(key ^ one->hash);
        if ((one == not &&!is_one_name(one)) || (best && usable < best_usable))
            continue;
        if (best && usable == best_usable && score <= best_score)
            continue;
        best = one;
        best_score = score;
        best_usable = usable;
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
