/* hub.h - the gateway's pure core: connections, sessions, rings, feed cursors, guild replicas, fan-out.
 *
 * Takes frames, answers, bus messages and time as arguments and gives back actions through struct hub_io; it owns no
 * socket, timer, clock or randomness, so tests and a simulator drive the very same object files. One thread. No io
 * function may call back into the hub. Memory of arguments is the caller's and is not kept past the call.
 *
 * A connection is a socket; a session outlives it (RESUME) for session_linger_ms. */
#pragma once
#include "hubbub/v1/accounts.pb-c.h"
#include "hubbub/v1/feeds.pb-c.h"
#include "hubbub/v1/gateway.pb-c.h"
#include "hubbub/v1/presence.pb-c.h"
#include "hubbub/v1/voice.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/status.h"
#include "lib/wire/wire.h"
#include <stddef.h>
#include <stdint.h>

struct hub;
struct hub_connection;

/* One encoded event, shared by every session that gets it. `data` is the JSON text up to and including `"s":`; a
 * session's own frame is data, then s right-aligned in ten characters, then `}`: HUB_TAIL_BYTES more. Not a dispatch (s
 * < 0): data is the whole frame. */
enum { HUB_TAIL_BYTES = 11 };
struct hub_payload {
    unsigned refs;
    bool ephemeral; /* typing, presence: own small cap in a ring */
    bool snapshot;  /* READY, GUILD_CREATE: a ring lets go of it once the client has acknowledged it */
    size_t len;
    bool transient;   /* not kept for a replay: what it tells is told anew after RESUMED */
    void *edge_cache; /* the edge's: e.g. the compressed form, made once; freed by hub_io.payload_free */
    char data[];
};
void hub_payload_ref(struct hub_payload *);
void hub_payload_unref(struct hub *, struct hub_payload *);

enum hub_topic { HUB_TOPIC_CHANNEL, HUB_TOPIC_GUILD, HUB_TOPIC_USER };

struct hub_identity {
    uint64_t user_id;
    bool bot, admin;
};
/* A session that is about to open. */
struct hub_opening {
    const char *token, *session_id;
    int32_t shard; /* 0 when it has none */
    bool identify; /* false: it moves here, and was counted before */
};
enum { HUB_SEAT_REFRESH_MS = 20000 };
struct hub_io {
    void *user;
    /* Questions to chat and presence. The answer comes by hub_on_*() with the same ticket, always, later. */
    void (*heads)(void *user, uint64_t ticket, bool has_token, uint64_t token);
    void (*read)(void *user, uint64_t ticket, uint64_t scope_id, uint64_t after);
    void (*snapshot)(void *user, uint64_t ticket, uint64_t guild_id, const uint64_t *user_ids, size_t n);
    void (*open)(void *user, uint64_t ticket, const struct hub_opening *);
    /* A person's session has a socket (told again every HUB_SEAT_REFRESH_MS), or has none any more: the rim counts them
     * over all gateways, and refuses to open another past the most. */
    void (*seat)(void *user, uint64_t user_id, const char *session_id, bool taken);
    void (*member)(void *user, uint64_t ticket, uint64_t guild_id, uint64_t user_id);
    void (*members)(void *user, uint64_t ticket, const Hubbub__V1__SearchMembersRequest *);
    void (*presences)(void *user, uint64_t ticket, const uint64_t *user_ids, size_t n);
    /* Op 4, answered by hub_on_voice(); ticket 0: a session ended, and the answer is not waited for. */
    void (*voice)(void *user, uint64_t ticket, const Hubbub__V1__SetVoiceRequest *);
    /* Every ten seconds, those in voice whose sessions are here; no answer. */
    void (*voices_keep)(void *user, const Hubbub__V1__KeepVoicesRequest *);
    /* Questions to the other gateways. take: to the session's owner, or whoever has it (again: to all of them, for all
     * that answered said that it moved on). confirm: to the one that `from` of hub_on_take names. take NULL: there are
     * none. */
    void (*take)(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq, bool again);
    void (*confirm)(void *user, uint64_t ticket, uint64_t from, const char *session_id, uint64_t hop);
    /* Against kill -9: once a second what a session would go on from, without its ring, when it was sent something
     * since (answered by hub_on_tick, unless nobody knows); tick_drop: it has ended. claim: the last such tick, of s <=
     * seq (of a farewell: whole_from <= seq <= s), for nobody alive has the session; its hop is one that nobody else
     * was given; confirmed by `from` HUB_FROM_TICK. claim NULL: ticks are not kept. */
    void (*tick)(void *user, const Hubbub__V1__SessionMove *, const uint8_t token_hash[32]);
    void (*tick_drop)(void *user, const char *session_id);
    void (*claim)(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq);
    /* The session goes on elsewhere: it is beaten for no longer, and nobody is told. */
    void (*presence_moved)(void *user, const char *session_id);
    /* Redis topics, counted by the rim. */
    void (*subscribe)(void *user, bool on, enum hub_topic, uint64_t id);
    /* A session opened, changed its presence, moved guilds, or ended for good; the rim batches these and the beats. */
    void (*presence)(void *user, const Hubbub__V1__SessionPresence *);
    /* Towards a socket. send: s >= 0 a dispatch, else a whole frame; takes its own reference; the edge bounds its queue
     * and calls hub_disconnected when it cuts a socket. close: flush, then the close code. `edge` is what hub_connected
     * got. */
    void (*send)(void *user, void *edge, struct hub_payload *, int64_t s);
    void (*close)(void *user, void *edge, uint16_t code, const char *reason);
    void (*payload_free)(void *user, void *edge_cache);
    /* Op 100 of an identified session (d is valid during the call only); the rim answers with op 101. */
    void (*command)(void *user, void *edge, const struct hub_identity *, int64_t op, struct wire_json *d);
    uint64_t (*random)(void *user);
};
/* So many in a window that begins with the first. */
struct hub_limit {
    int64_t count, window_ms; /* count 0: no limit */
};
struct hub_config {
    uint32_t heartbeat_interval_ms; /* 30000 or what the operator says; no beat for 1.5 of them: 4009 */
    uint32_t identify_timeout_ms;   /* 15000: then 4003... closed */
    uint32_t session_linger_ms;     /* 180000: how long a session without a socket can be resumed */
    uint32_t ring_events_max;       /* 1024 */
    uint32_t ring_ephemeral_max;    /* 128 */
    uint32_t sessions_max, connections_max;
    /* A herd: how many IDENTIFYs may be asked of chat at once (RESUMEs have a few more places, of their own), and how
     * many may wait for that. More are answered by op 9 false, 1 to 5 s later. */
    uint32_t identifies_asked_max, identifies_waiting_max;
    uint32_t frame_bytes_max_bot, frame_bytes_max_user; /* 4096, 16384; above: 4002 */
    struct hub_limit frames;                            /* 120 in 60 s: then 4008 */
    struct hub_limit presences;                         /* op 3, 5 in 20 s: of more, the last counts after that */
    unsigned user_sessions_max;                         /* 50: then 4015 */
    const char *gateway_id;
    const char *resume_url; /* ws://... handed out in READY */
};
struct hub *hub_create(const struct hub_config *, const struct hub_io *, int64_t now_ms);
void hub_destroy(struct hub *);
/* Timers: call at least every 20 ms of time, and after a batch of events. */
void hub_tick(struct hub *, int64_t now_ms);

/* Sockets. version: 9 or 10 (else the edge closed it with 4012). */
struct hub_connection *hub_connected(struct hub *, void *edge, int version, int64_t now_ms);
/* One text frame. A bad one is answered by close codes as PROTOCOL section 5 has them. */
void hub_receive(struct hub *, struct hub_connection *, const char *text, size_t n, int64_t now_ms);
/* The socket is gone; code: the peer's close code, 0 for none. 1000 and 1001 end the session. The pointer dies. */
void hub_disconnected(struct hub *, struct hub_connection *, uint16_t code, int64_t now_ms);

/* How many have neither identified nor resumed yet, as of the last 100 ms. */
uint32_t hub_unidentified(const struct hub *);
/* Sessions wait for their READY because others had theirs in this turn: hub_tick() is to be called again at once. */
bool hub_is_behind(const struct hub *);

/* Whether its session asked for payload compression in IDENTIFY: the edge then may send it binary frames. */
bool hub_wants_compression(const struct hub_connection *);

/* Answers. st != ST_OK: the message is NULL. */
void hub_on_heads(struct hub *, uint64_t ticket, status st, const Hubbub__V1__HeadsResponse *, int64_t now_ms);
void hub_on_read(struct hub *, uint64_t ticket, status st, const Hubbub__V1__ReadFeedResponse *, int64_t now_ms);
void hub_on_snapshot(struct hub *, uint64_t ticket, status st, const Hubbub__V1__SnapshotResponse *, int64_t now_ms);
/* Open with ST_RATE_LIMITED: op 9 false after a while, the bot identifies too often; with ST_MAX_SESSIONS: 4015. True:
 * a person's session opens, and has the seat that was counted for it; else it is free again. */
bool hub_on_open(struct hub *, uint64_t ticket, status st, const Hubbub__V1__OpenSessionResponse *, int64_t now_ms);
void hub_on_member(struct hub *, uint64_t ticket, status st, const Hubbub__V1__GetMemberResponse *, int64_t now_ms);
void hub_on_members(struct hub *, uint64_t ticket, status st, const Hubbub__V1__SearchMembersResponse *,
                    int64_t now_ms);
void hub_on_presences(struct hub *, uint64_t ticket, status st, const Hubbub__V1__GetPresencesResponse *,
                      int64_t now_ms);
void hub_on_voice(struct hub *, uint64_t ticket, status st, int64_t now_ms);

/* ---- Sessions that move between gateways: core/move.c --------------------------------------------------------------
 */
/* In the order in which one answer goes before another. */
enum hub_take {
    HUB_TAKE_UNKNOWN, /* nobody has it: op 9 */
    HUB_TAKE_MOVED,   /* it was here, and went on elsewhere */
    HUB_TAKE_INVALID, /* it cannot be resumed: op 9 */
    HUB_TAKE_FUTURE,  /* of a seq that was never sent: 4007 */
    HUB_TAKE_UNSURE,  /* it is just being taken here, or somebody did not answer: the client tries again */
    HUB_TAKE_TAKEN,
};
/* Another gateway asks. *ret lives in the arena and in the hub, until the next call. */
void hub_take(struct hub *, const Hubbub__V1__TakeSessionRequest *, struct arena *,
              Hubbub__V1__TakeSessionResponse *ret, int64_t now_ms);
/* True, also when it is asked again: the session is the caller's. */
bool hub_confirm(struct hub *, const Hubbub__V1__ConfirmMoveRequest *, int64_t now_ms);
/* The answer to io.take, put together of all that were asked; from: not 0, for io.confirm. */
void hub_on_take(struct hub *, uint64_t ticket, enum hub_take, uint64_t from, const Hubbub__V1__SessionMove *,
                 int64_t now_ms);
/* The answer to io.claim. ST_OK with NULL: there is none. Another status: not known; the client tries again, but while
 * Redis is away (hub_on_bus_state()) it begins afresh. */
#define HUB_FROM_TICK UINT64_MAX
void hub_on_claim(struct hub *, uint64_t ticket, status st, const Hubbub__V1__SessionMove *, int64_t now_ms);
/* The tick of that hop was kept; or not, for the session was claimed since: when this gateway hung meanwhile, it is not
 * its own any longer. */
/* written_ms: when io.tick was called. */
void hub_on_tick(struct hub *, const char *session_id, uint64_t hop, bool kept, int64_t written_ms, int64_t now_ms);
/* st != ST_OK: not known; it is asked again. */
void hub_on_confirm(struct hub *, uint64_t ticket, status st, bool ok, int64_t now_ms);
/* What the bus brought, and what an own call's trailer brought: the same door. */
void hub_on_bus(struct hub *, const Hubbub__V1__BusMessage *, int64_t now_ms);
/* Redis came or went: the digest is asked at once, and every second (150 ms while it is away). */
void hub_on_bus_state(struct hub *, bool connected, int64_t now_ms);

/* Drain: op 7 to every connection, in random order and evenly within window_ms, but never more than per_second of them
 * a second, also behind a pause of the loop; new connections get op 7 at once. Sessions stay, to be taken by other
 * gateways. Returns in how many milliseconds the last op 7 goes out. */
int64_t hub_drain(struct hub *, int64_t window_ms, int64_t per_second, int64_t now_ms);
/* The end of a drain: up to `max` of the sessions that nobody took are frozen and written down with what their clients
 * may not have seen (io.tick, `whole_from` set), to be claimed by whoever they come back to. Until the process ends
 * they may still be taken. What is over FAREWELL_BYTES_MAX, or FAREWELLS_BYTES_MAX together, has its tick only. Returns
 * how many; 0: all are. */
unsigned hub_farewell(struct hub *, unsigned max, int64_t now_ms);
/* The guild of a channel in a loaded replica, 0 when unknown: the routing key of a call. */
uint64_t hub_guild_of_channel(const struct hub *, uint64_t channel_id);

struct hub_stats {
    uint32_t connections, sessions, sessions_detached, guilds, scopes;
    uint32_t rosters, identifies_waiting;
    uint64_t list_updates, list_rebuilds, list_pages, list_rows_refused;
    uint64_t dispatched, resumed, identified, gaps, reads, resets, ring_evictions, invalid_sessions;
    uint64_t moved_in, moved_out, moves_failed, claimed, farewells;
    uint64_t refused_sessions, presences_late;
    uint64_t held_dropped, catchups_over, watched_refused; /* at the bounds of state.h */
    uint64_t identifies_refused, identifies_overdue, opens, loads;
};
void hub_stats(const struct hub *, struct hub_stats *ret);
