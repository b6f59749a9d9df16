/* The loop's turn: sockets, answers and bus messages come in by callbacks and touch the core; after them (uv_check),
 * and after timers (uv_prepare), the core ticks once and what it put into queues is flushed. Every 20 ms the timers of
 * all run. */
#include "services/gateway/edge/edge.h"
#include "hubbub/v1/routes.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/admit.h"
#include "services/gateway/edge/connection.h"
#include "services/gateway/edge/identity.h"
#include "services/gateway/edge/peers.h"
#include "services/gateway/edge/rim.h"
#include "services/gateway/edge/seats.h"
#include "services/gateway/edge/socket.h"
#include "services/gateway/edge/static.h"
#include "services/gateway/edge/ticks.h"
#include <string.h>
#include <strings.h>

enum {
    TICK_MS = 20,
    LOOK_MS = 250,
    CLOSING_MS = 3000,
    FAREWELL_MS = 5000, /* how long Redis may not take a session that is written down, before the rest is given up */
    IDENTIFY_TIMEOUT_MS = 15000,
    RING_EVENTS = 1024,
    RING_EPHEMERAL = 128,
    FRAME_BYTES_BOT = 4096,
    CLOSE_RECONNECT = 4000
};

struct metric edge_queue_cuts = METRIC_COUNTER("hubbub_gateway_queue_cuts_total",
                                               "WebSockets cut because they did not take what they were sent", "");
struct metric edge_slow_clients =
    METRIC_COUNTER("hubbub_gateway_slow_sockets_total", "Times a send queue passed its limit", "");
struct metric edge_frames_too_large =
    METRIC_COUNTER("hubbub_gateway_frames_too_large_total", "Client frames past the limit", "");
struct metric edge_sends = METRIC_COUNTER("hubbub_gateway_send_calls_total", "System calls that sent frames", "");
struct metric edge_flushed_frames = METRIC_COUNTER("hubbub_gateway_frames_sent_total", "Frames sent", "");
struct metric edge_accepted = METRIC_COUNTER("hubbub_gateway_accepted_total", "Sockets accepted", "");
struct metric edge_accept_failed =
    METRIC_COUNTER("hubbub_gateway_accept_refused_total", "Sockets turned away: no descriptor, or the limit", "");
struct metric edge_http_timeouts =
    METRIC_COUNTER("hubbub_http_timeouts_total", "HTTP connections given up: a head, body or reader was too slow", "");
struct metric edge_handshakes_refused =
    METRIC_COUNTER("hubbub_gateway_handshakes_refused_total",
                   "WebSocket handshakes answered 503: too many of them, or of sockets that have not identified", "");
struct metric edge_identity_hits =
    METRIC_COUNTER("hubbub_gateway_identity_total", "Tokens looked up", "from=\"memory\"");
struct metric edge_identity_misses =
    METRIC_COUNTER("hubbub_gateway_identity_total", "Tokens looked up", "from=\"chat\"");
struct metric edge_rpc_unready =
    METRIC_COUNTER("hubbub_gateway_unready_total", "Requests answered 503 because no chat is reachable", "");
struct metric edge_compressed_before = METRIC_COUNTER(
    "hubbub_gateway_compressed_bytes_total", "Bytes of compressed frames, as text and on the wire", "stage=\"before\"");
struct metric edge_compressed_after = METRIC_COUNTER(
    "hubbub_gateway_compressed_bytes_total", "Bytes of compressed frames, as text and on the wire", "stage=\"after\"");
struct metric edge_deflated_before =
    METRIC_COUNTER("hubbub_gateway_deflated_bytes_total", "Bytes through the compressor", "stage=\"before\"");
struct metric edge_deflated_after =
    METRIC_COUNTER("hubbub_gateway_deflated_bytes_total", "Bytes through the compressor", "stage=\"after\"");
static struct metric loop_lag = METRIC_HISTOGRAM("hubbub_gateway_loop_lag_seconds", "How late the 20 ms timer was", "");
static struct metric http_connections = METRIC_GAUGE("hubbub_gateway_http_connections", "HTTP connections", "");

/* What the core counts, shown as metrics. */
static struct core_metric {
    struct metric metric;
    size_t offset;
    bool wide;
} core_metrics[] = {
#define NUMBER(kind, name, help, field)                                                                                \
    {                                                                                                                  \
        METRIC_##kind("hubbub_gateway_" name, help, ""), offsetof(struct hub_stats, field),                            \
            sizeof(((struct hub_stats *)0)->field) == 8                                                                \
    }
    NUMBER(GAUGE, "connections", "WebSockets", connections),
    NUMBER(GAUGE, "sessions", "Sessions, those without a socket included", sessions),
    NUMBER(GAUGE, "sessions_detached", "Sessions that wait for a RESUME", sessions_detached),
    NUMBER(GAUGE, "guilds", "Guild replicas", guilds),
    NUMBER(GAUGE, "scopes", "Feeds that are followed", scopes),
    NUMBER(GAUGE, "rosters", "Guilds whose member lists somebody looks at", rosters),
    NUMBER(GAUGE, "identifies_waiting", "IDENTIFYs that wait for their turn", identifies_waiting),
    NUMBER(COUNTER, "identifies_refused_total", "IDENTIFYs told to come again, by op 9: the queue was full",
           identifies_refused),
    NUMBER(COUNTER, "identifies_overdue_total", "IDENTIFYs told to come again, by op 9: their turn did not come",
           identifies_overdue),
    NUMBER(COUNTER, "opens_total", "Sessions asked of chat, for an IDENTIFY or one that moves here", opens),
    NUMBER(COUNTER, "loads_total", "Guilds asked of chat", loads),
    NUMBER(COUNTER, "list_updates_total", "GUILD_MEMBER_LIST_UPDATEs encoded", list_updates),
    NUMBER(COUNTER, "list_rebuilds_total", "Times a guild's member lists were made anew", list_rebuilds),
    NUMBER(COUNTER, "list_pages_total", "Questions for members that lists asked", list_pages),
    NUMBER(COUNTER, "list_rows_refused_total", "Members left out of lists at the bound", list_rows_refused),
    NUMBER(COUNTER, "dispatched_total", "Events put before sessions", dispatched),
    NUMBER(COUNTER, "resumed_total", "Sessions resumed", resumed),
    NUMBER(COUNTER, "identified_total", "Sessions opened", identified),
    NUMBER(COUNTER, "gaps_total", "Gaps seen in a feed", gaps),
    NUMBER(COUNTER, "reads_total", "Feed pages read back", reads),
    NUMBER(COUNTER, "resets_total", "Feeds given up and loaded again", resets),
    NUMBER(COUNTER, "ring_evictions_total", "Events that fell out of a replay ring", ring_evictions),
    NUMBER(COUNTER, "invalid_sessions_total", "op 9 sent", invalid_sessions),
    NUMBER(COUNTER, "sessions_moved_in_total", "Sessions that came from another gateway", moved_in),
    NUMBER(COUNTER, "sessions_moved_out_total", "Sessions that another gateway took", moved_out),
    NUMBER(COUNTER, "sessions_refused_total", "IDENTIFYs of people who have the most sessions already",
           refused_sessions),
    NUMBER(COUNTER, "sessions_claimed_total", "Sessions resumed from what is in Redis: behind a kill, or the end of a drain", claimed),
    NUMBER(COUNTER, "session_farewells_total", "Sessions that were written down whole at the end of a drain", farewells),
    NUMBER(COUNTER, "held_dropped_total", "Entries that came early and found no room: they are read back",
           held_dropped),
    NUMBER(COUNTER, "catchups_over_total", "Sessions begun anew (op 9): too much to catch up with", catchups_over),
    NUMBER(COUNTER, "watched_refused_total", "Members beyond those that a session may subscribe to", watched_refused),
    NUMBER(COUNTER, "presences_late_total", "op 3 beyond the limit: the last of them counts once the time is over",
           presences_late),
    NUMBER(COUNTER, "session_moves_failed_total", "Tries to move a session that came to nothing", moves_failed),
#undef NUMBER
};
enum { CORE_METRICS = sizeof core_metrics / sizeof core_metrics[0] };

static void register_metrics(void)
{
    struct metric *all[] = {&edge_queue_cuts,
                            &edge_slow_clients,
                            &edge_frames_too_large,
                            &edge_sends,
                            &edge_flushed_frames,
                            &edge_accepted,
                            &edge_accept_failed,
                            &edge_identity_hits,
                            &edge_identity_misses,
                            &edge_rpc_unready,
                            &edge_compressed_before,
                            &edge_compressed_after,
                            &edge_deflated_before,
                            &edge_deflated_after,
                            &edge_handshakes_refused,
                            &edge_http_timeouts,
                            &loop_lag,
                            &http_connections};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        metric_register(all[i]);
    for (unsigned i = 0; i < CORE_METRICS; i++)
        metric_register(&core_metrics[i].metric);
}

static void show_metrics(struct edge *e)
{
    struct hub_stats stats;
    hub_stats(e->hub, &stats);
    for (unsigned i = 0; i < CORE_METRICS; i++) {
        const char *at = (const char *)&stats + core_metrics[i].offset;
        uint32_t narrow;
        uint64_t wide;
        memcpy(&narrow, at, sizeof narrow);
        memcpy(&wide, at, core_metrics[i].wide ? sizeof wide : 0);
        metric_set(&core_metrics[i].metric, core_metrics[i].wide ? (int64_t)wide : narrow);
    }
    metric_set(&http_connections, e->n_connections);
}

/* ---- Turns ----------------------------------------------------------------------------------------------------- */

static void on_more(uv_idle_t *idle)
{
    /* Its being started is what keeps the loop from sleeping; on_after_poll does the work. */
}

static void settle_turn(struct edge *e)
{
    if (e->hub_touched) {
        hub_tick(e->hub, clock_mono_ms());
        e->hub_touched = hub_is_behind(e->hub);
    }
    bool unsent = flush_run(e->flush);
    if (unsent || e->hub_touched)
        uv_idle_start(&e->more, on_more);
    else
        uv_idle_stop(&e->more);
}

static void on_after_poll(uv_check_t *check)
{
    settle_turn(check->data);
}

static void on_before_poll(uv_prepare_t *prepare)
{
    settle_turn(prepare->data);
}

static uint32_t sessions_here(const struct edge *e)
{
    struct hub_stats stats;
    hub_stats(e->hub, &stats);
    return stats.sessions;
}

/* Nobody is left who would come back to a session of ours by way of another gateway. */
static bool nothing_to_hand_over(struct edge *e, int64_t now)
{
    return !sessions_here(e) || (now >= e->told_all_ms && !(e->peers && peers_take_over(e->peers, now)));
}

/* Whether every session that is still here was written down for whoever takes it up, as far as Redis lets. */
static bool say_farewell(struct edge *e, int64_t now)
{
    if (!sessions_here(e))
        return true;
    if (!e->farewell_until_ms)
        e->farewell_until_ms = now + FAREWELL_MS;
    unsigned room = ticks_farewell_room(e->ticks), n = room ? hub_farewell(e->hub, room, now) : 0;
    if (n)
        e->farewell_until_ms = now + FAREWELL_MS;
    return (room && !n && ticks_are_written(e->ticks)) || now >= e->farewell_until_ms;
}

static void log_drained(struct edge *e)
{
    struct hub_stats stats;
    hub_stats(e->hub, &stats);
    log_info("drained", LOG_I("taken", (int64_t)stats.moved_out), LOG_I("written_down", (int64_t)stats.farewells),
             LOG_I("sockets", e->n_sockets));
}

static void drain_step(struct edge *e, int64_t now)
{
    bool idle = !e->n_sockets && !e->n_connections;
    bool over = (idle && nothing_to_hand_over(e, now)) || now >= e->drain_until_ms || e->farewell_until_ms;
    if (!e->closing_all && over && say_farewell(e, now)) {
        e->closing_all = true;
        log_drained(e);
        e->drain_until_ms = now + CLOSING_MS;
        socket_close_all(e, CLOSE_RECONNECT, "Going away.");
    }
    if (!e->closing_all)
        return;
    bool told = rim_say_goodbye(e->rim, now);
    if ((idle && told) || now >= e->drain_until_ms)
        e->stopped(e);
}

static void look_around(struct edge *e, int64_t now)
{
    if (now < e->next_look_ms)
        return;
    e->next_look_ms = now + LOOK_MS;
    atomic_store(&e->chat_ready, rpc_group_ready(e->chat));
    show_metrics(e);
}

static void on_tick(uv_timer_t *timer)
{
    struct edge *e = timer->data;
    int64_t us = clock_mono_us(), now = us / 1000;
    if (e->tick_due_us)
        metric_observe_us(&loop_lag, us > e->tick_due_us ? us - e->tick_due_us : 0);
    e->tick_due_us = us + TICK_MS * 1000;
    wheel_tick(&e->wheel, now);
    hub_tick(e->hub, now);
    rim_tick(e->rim, now);
    look_around(e, now);
    if (e->draining)
        drain_step(e, now);
}

/* ---- The bus --------------------------------------------------------------------------------------------------- */

static void forget_revoked(struct edge *e, const Hubbub__V1__Event *event)
{
    const Hubbub__V1__TokensRevoked *revoked = event ? event->tokens_revoked : NULL;
    for (size_t i = 0; revoked && i < revoked->n_token_hashes; i++)
        identity_forget(e->identities, revoked->token_hashes[i].data, (unsigned)revoked->token_hashes[i].len);
}

void edge_on_bus(struct edge *e, const Hubbub__V1__BusMessage *message)
{
    for (size_t i = 0; i < message->n_entries; i++)
        forget_revoked(e, message->entries[i]->event);
    hub_on_bus(e->hub, message, clock_mono_ms());
    edge_touch(e);
}

static void on_bus_message(void *user, const void *data, size_t n)
{
    struct arena *arena = arena_create(0);
    Hubbub__V1__BusMessage *message = hubbub__v1__bus_message__unpack(arena_protobuf(arena), n, data);
    if (message)
        edge_on_bus(user, message);
    else
        log_warn("a bus message does not unpack", LOG_I("bytes", n));
    arena_destroy(arena);
}

static void on_bus_state(void *user, bool connected)
{
    struct edge *e = user;
    hub_on_bus_state(e->hub, connected, clock_mono_ms());
    edge_touch(e);
}

/* ---- Start ----------------------------------------------------------------------------------------------------- */

static void copy_url(char *ret, size_t size, const char *url)
{
    snprintf(ret, size, "%s", url);
    for (size_t n = strlen(ret); n && ret[n - 1] == '/'; n--)
        ret[n - 1] = '\0';
}

static void make_urls(struct edge *e)
{
    copy_url(e->public_url, sizeof e->public_url, e->config->public_url);
    copy_url(e->cdn_url, sizeof e->cdn_url, *e->config->cdn_url ? e->config->cdn_url : e->config->public_url);
    bool secure = !strncasecmp(e->public_url, "https:", 6);
    const char *rest = strstr(e->public_url, "://");
    snprintf(e->gateway_url, sizeof e->gateway_url, "%s%.500s", secure ? "wss" : "ws",
             rest ? rest : "://127.0.0.1:8080");
}

static struct hub *make_hub(struct edge *e)
{
    struct hub_config config = {
        .heartbeat_interval_ms = (uint32_t)e->config->heartbeat_interval_ms,
        .identify_timeout_ms = IDENTIFY_TIMEOUT_MS,
        .session_linger_ms = (uint32_t)e->config->session_linger_ms,
        .ring_events_max = RING_EVENTS,
        .ring_ephemeral_max = RING_EPHEMERAL,
        .sessions_max = (uint32_t)e->config->connections_max,
        .connections_max = (uint32_t)e->config->connections_max,
        .identifies_asked_max = (uint32_t)e->config->identifies_asked_max,
        .identifies_waiting_max = (uint32_t)e->config->identifies_waiting_max,
        .frame_bytes_max_bot = FRAME_BYTES_BOT,
        .frame_bytes_max_user = EDGE_FRAME_BYTES_MAX,
        .frames = admit_socket_limit(e, RATELIMIT_FRAMES),
        .presences = admit_socket_limit(e, RATELIMIT_PRESENCE),
        .user_sessions_max = (unsigned)e->config->user_sessions_max,
        .gateway_id = e->config->gateway_id,
        .resume_url = e->gateway_url,
    };
    struct hub_io io;
    rim_fill_io(e->rim, &io);
    return hub_create(&config, &io, clock_mono_ms());
}

static void start_handles(struct edge *e)
{
    e->tick.data = e->after_poll.data = e->before_poll.data = e->more.data = e;
    uv_timer_init(e->loop, &e->tick);
    uv_timer_start(&e->tick, on_tick, TICK_MS, TICK_MS);
    uv_check_init(e->loop, &e->after_poll);
    uv_check_start(&e->after_poll, on_after_poll);
    uv_prepare_init(e->loop, &e->before_poll);
    uv_prepare_start(&e->before_poll, on_before_poll);
    uv_idle_init(e->loop, &e->more);
}

bool edge_start(struct edge *e)
{
    static const struct bus_subscriber_events events = {on_bus_message, on_bus_state};
    register_metrics();
    make_urls(e);
    wheel_init(&e->wheel, clock_mono_ms());
    e->site = site_load(e->config->web_dir);
    e->router = router_create(hubbub_routes, hubbub_n_routes);
    e->identities = identity_cache_create();
    e->rpc = rpc_client_create(e->loop, e->config->secret);
    e->chat = rpc_group_create(e->rpc, e->config->chat_targets);
    e->presence = rpc_group_create(e->rpc, e->config->presence_targets);
    e->media = rpc_group_create(e->rpc, e->config->media_targets);
    e->peers = peers_create(e);
    e->ticks = ticks_create(e);
    e->seats = seats_create(e->loop, e->config->redis_url, SEATS_LEASE_MS);
    e->rim = rim_create(e);
    e->flush = flush_create(e, e->config->io_uring);
    const char *bus_urls = *e->config->bus_urls ? e->config->bus_urls : e->config->redis_url;
    e->bus = bus_subscriber_create(e->loop, bus_urls, &events, e);
    if (!e->bus || !e->ticks || !e->seats || !admit_start(e) || !socket_context_create(e))
        return false;
    e->hub = make_hub(e);
    start_handles(e);
    return peer_door_start(e) && listen_start(e);
}

void edge_drain(struct edge *e, void (*stopped)(struct edge *))
{
    int64_t now = clock_mono_ms();
    if (e->draining)
        return;
    e->draining = true;
    e->stopped = stopped;
    connection_drain_all(e);
    listen_stop(e);
    int64_t window = hub_drain(e->hub, e->config->drain_ms, e->config->drain_per_second, now);
    log_info("draining", LOG_I("sockets", e->n_sockets), LOG_I("window_ms", window));
    e->told_all_ms = now + window;
    e->drain_until_ms = e->told_all_ms + (e->peers ? e->config->handover_ms : 0);
    edge_touch(e);
}
