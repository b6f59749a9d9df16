/* state.h - what the files of the core share: everything that a hub owns, and who may touch it.
 *
 *   connection.c  sockets: frames, ops, close codes, heartbeat and identify timers
 *   session.c     sessions: every state change, opening, RESUME, linger, holds; users and their memberships
 *   move.c        sessions that go from one gateway to another
 *   cursor.c      scopes: generation, digest, entries in order, reads, loads (FEEDS.md: the gateway's cursor)
 *   apply.c       what an entry does, once its turn has come: fold into the replica, then fan out
 *   fanout.c      payloads: encode once, intents, visibility, message content
 *   ready.c       READY, GUILD_CREATE
 *   members.c     op 8: member chunks
 *   recent.c      what a guild said lately that unread mentions depend on
 *   voice.c       who is in which voice channel, op 4
 *   presence.c    what a session shows of its user, and whose presence it is told of
 *   friends.c     whose friend a session's user is, and their presence
 *   member_list.h the lists beside channels: ops 14 and 37, GUILD_MEMBER_LIST_UPDATE
 *   hub.c         tickets, the settling of what a turn has left to do, ticks, statistics
 *
 * A turn is one call of a hub_*() function. Inside it nothing is freed that somebody may still be walking over:
 * sessions end by state and are freed in hub_settle(), which also wakes what waits for a scope. */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "services/gateway/core/hub.h"
#include "services/gateway/core/memory.h"
#include "services/gateway/core/replica.h"
#include "services/gateway/core/ring.h"
#include <uthash.h>
#include <utlist.h>

enum {
    PEND_ENTRIES_MAX = 256,
    PEND_BYTES_MAX = 256 * 1024,
    GAP_WAIT_MS = 20,
    READS_MAX = 32,
    LOADS_MAX = 16,
    OPENS_FOR_RESUMES = 16,   /* beside those for IDENTIFYs */
    IDENTIFY_WAIT_MS = 10000, /* not asked by then: op 9; discord.js waits 15 s for READY */
    REFUSED_MIN_MS = 1000,    /* op 9 of who was not let in: not at once, for eris identifies again at once */
    REFUSED_MAX_MS = 5000,
    READIES_A_TURN = 16,
    MEMBERS_ASKED_MAX = 64,
    SLOW_CHECK_MS = 100, /* how often connections and sessions are looked over */
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 1000,
    DIGEST_MS = 1000,
    DIGEST_NO_BUS_MS = 150,
    DIGEST_SPACING_MS = 50,
    OPEN_PATIENCE_MS = 30000,
    UNLOAD_LINGER_MS = 5000,
    PRESENCES_WAIT_MS = 300,
    PRESENCE_GRACE_MS = 10000,
    VOICES_KEEP_MS = 10000,     /* chat lets go of a voice state that nobody kept for a minute */
    PRESENCE_MEMBERS_MAX = 250, /* a larger guild tells of presences to bots and to those who subscribed */
    WATCHED_MAX = 1000,         /* members that a session may subscribe to */
    CATCHUP_RANGE_MAX = 10000,
    CATCHUP_PAYLOADS_MAX = 1024,
    MOVE_BYTES_MAX = 3 * 1024 * 1024,       /* what is handed over of a ring; more: op 9 */
    FAREWELL_BYTES_MAX = 128 * 1024,        /* ... and written down of one at the end of a drain; more: its tick */
    FAREWELLS_BYTES_MAX = 64 * 1024 * 1024, /* of all of them */
    MOVED_MAX = 100000,                     /* sessions that are remembered to have gone elsewhere */
    CONFIRMS_MAX = 6,
    TAKES_MAX = 64,          /* questions to other gateways in flight; more RESUMEs wait */
    TICK_PHASES = 10,        /* a session is ticked in every tenth of hub.c's slow checks: once a second */
    TICK_REFRESH_MS = 60000, /* also when nothing was sent: a tick does not last for ever */
    HUNG_MS = 5000,          /* not called for so long: the others may have given this gateway up (PEERS_GONE_MS) */
    SNAPSHOT_USERS_MAX = 1000,
    TOKEN_BYTES_MAX = 256,
    RECONNECT_GRACE_MS = 5000,
};

/* ---- Entries that wait ------------------------------------------------------------------------------------------ */

/* A copy of an entry whose turn has not come. */
struct held_entry {
    struct held_entry *prev, *next;
    uint64_t seq;
    size_t n;
    uint8_t packed[];
};
struct held_entries {
    struct held_entry *list; /* by seq */
    unsigned n;
    size_t bytes;
};

/* ---- Questions --------------------------------------------------------------------------------------------------- */

enum ticket_kind {
    TICKET_HEADS,
    TICKET_READ,
    TICKET_CATCHUP,
    TICKET_SNAPSHOT,
    TICKET_OPEN,
    TICKET_MEMBER,
    TICKET_PRESENCES,
    TICKET_MEMBERS,
    TICKET_TAKE,
    TICKET_CONFIRM,
    TICKET_ROSTER,
    TICKET_ROSTER_PRESENCES,
    TICKET_CLAIM,
    TICKET_FRIENDS,
    TICKET_VOICE,
    TICKET_KINDS
};

/* One question in flight. What it was asked for may be gone when the answer comes: ids, not pointers, but for those
 * that their owner clears. */
struct ticket {
    uint64_t id;
    enum ticket_kind kind;
    uint64_t scope_id, incarnation, user_id;
    struct session *session;       /* cleared when it ends */
    struct members_ask *members;   /* cleared when it ends */
    struct hold *hold;             /* cleared when it is dropped */
    struct resumption *resumption; /* cleared when its socket goes */
    struct roster *roster;         /* cleared when it is dropped */
    struct voice_wish *voice_wish; /* cleared when it is dropped */
    bool by_id;                    /* roster: of users, not a page */
    bool whole;                    /* presences: of all members */
    bool has_token;                /* heads */
    uint64_t token;
    uint64_t after;  /* read */
    uint64_t *users; /* snapshot: for whom */
    size_t n_users;
    UT_hash_handle hh;
};

/* ---- Users ------------------------------------------------------------------------------------------------------- */

/* What is known of a user in a guild, as of feed position pos: FEEDS.md's mem[u][G]. */
struct membership {
    uint64_t guild_id;
    uint64_t pos;
    bool known; /* false: nothing was ever answered */
    bool none;  /* not a member */
    bool asking;
    int64_t not_before; /* of the next question, after a failure */
    uint64_t *roles;
    size_t n_roles;
    int64_t joined_at;
    int64_t all_asked_at;     /* op 8 for everybody; 0: not yet */
    struct view_class *class; /* of the replica's class_version */
    uint64_t class_version;
    UT_hash_handle hh;
};
/* Watched from the first answer to an open to the end of the last session: every MEMBER_* of it is folded. An answer to
 * a question that is older than the watch may speak of a position before entries that nobody folded. */
struct user {
    uint64_t id;
    uint64_t watched_since; /* the last ticket before */
    struct session *sessions;
    struct membership *memberships;
    UT_hash_handle hh;
};

/* ---- Scopes ------------------------------------------------------------------------------------------------------ */

/* Entries of a guild, by number: all that matter after the floor. recent.c */
struct recent {
    struct held_entries entries;
    uint64_t floor;
};

enum scope_kind { SCOPE_GUILD, SCOPE_USER, SCOPE_DIRECT };
enum scope_state { SCOPE_LOADING, SCOPE_LIVE };

struct scope {
    uint64_t id;
    enum scope_kind kind;
    enum scope_state state;
    uint64_t incarnation; /* an answer to a question of an earlier one is void */
    uint64_t applied, known, base;
    uint64_t members_at; /* the last MEMBER_* that was applied */
    uint64_t digested;   /* the head that the last digest told */
    struct held_entries pend;
    struct recent recent; /* of a guild */
    bool gone;            /* the guild was deleted: nobody holds it any more */
    bool check;           /* read although nothing more is known: entries may have gone unnoticed */
    bool reading;         /* a read is in flight or queued */
    bool loading;         /* a snapshot is in flight or queued */
    bool queued;          /* on hub.read_queue (LIVE) or hub.load_queue (LOADING) */
    bool dirty;           /* on hub.dirty */
    bool armed;           /* on hub.armed, for arm_at */
    int64_t arm_at, not_before, idle_since;
    int64_t presences_due; /* 0, or until when sessions wait for the initial presences */
    unsigned backoff_ms;
    struct replica *replica; /* of a LIVE guild */
    struct roster *roster;   /* ... whose member lists somebody looks at */
    struct hold *holds;
    unsigned n_holds, n_waiting; /* waiting: not attached */
    struct scope *prev_armed, *next_armed, *prev_dirty, *next_dirty, *prev_queued, *next_queued;
    UT_hash_handle hh;
};

/* The entries between the position a session was attached at and what the scope had applied by then. */
struct catchup {
    uint64_t after, end; /* after: the last one delivered */
    bool asking;
    int64_t not_before;
    unsigned backoff_ms;
    struct ticket *ticket;
    struct held_entries queue;     /* what the scope applied meanwhile: of a user or a DM */
    struct hub_payload **payloads; /* ... and what a guild sent the session meanwhile */
    unsigned n_payloads, cap_payloads;
};

/* A session's tie to a scope: it keeps the scope loaded. */
struct hold {
    uint64_t scope_id;
    struct session *session;
    struct scope *scope;
    struct membership *membership; /* of a guild */
    bool attached;                 /* gets entries; a DM's that is not: the user was put out */
    uint64_t from;                 /* ... after this one */
    uint64_t want;                 /* not before the scope has applied it: READY, or a pending guild_joined; user and DM
                                      scopes: the position that READY attaches at */
    bool pending;                  /* a guild_joined waits for its GUILD_CREATE */
    bool named;                    /* by the last answer to open */
    uint64_t counted;              /* the number that READY's counts are of, while the session opens */
    uint64_t *watched;             /* whose presence is subscribed to, sorted */
    size_t n_watched;
    struct catchup *catchup;
    struct list_view *views;   /* member lists that are looked at */
    struct view_class *before; /* while an entry that decides views is applied */
    struct hold *prev, *next;  /* scope.holds */
    struct hold *prev_catchup, *next_catchup;
    UT_hash_handle hh; /* session.holds */
};

/* ---- Sessions and connections ------------------------------------------------------------------------------------ */

/* NEW: an open is to be asked for. ASKED: in flight. GATHERING: answered, waits for its scopes. OPEN: READY was sent,
 * or it was attached where another gateway left off. FROZEN: another gateway took it, and has not confirmed. ENDED: to
 * be freed when the turn settles. Which queue it is on follows: NEW on hub.waiting, or hub.moving_in before those;
 * ASKED and GATHERING on hub.opening, or hub.gathered once only the turn's READYs are used up; OPEN and moving in still
 * on hub.adopting. */
enum session_state { SESSION_NEW, SESSION_ASKED, SESSION_GATHERING, SESSION_OPEN, SESSION_FROZEN, SESSION_ENDED };

/* A RESUME of a session that is not here. */
struct resumption {
    struct hub_connection *connection;
    struct ticket *ticket;
    char *token, *session_id;
    int64_t seq, since;
    bool again;
    Hubbub__V1__SessionMove *claimed; /* its tick is this gateway's, unless somebody has the session after all */
    bool queued;                      /* on hub.resumptions: nobody was asked yet */
    struct resumption *prev, *next;
};

struct session {
    enum session_state state;
    char id[80];
    char *token;
    struct hub_connection *connection; /* NULL: detached */
    struct user *user;                 /* from the first answer on */
    struct hub_identity identity;
    uint8_t token_hash[32];
    uint64_t application_flags;
    int64_t intents;
    bool has_intents, compress;
    bool asked;                               /* an open, once at least */
    int32_t large_threshold, shard, n_shards; /* n_shards 0: not sharded */
    int version;
    int64_t identified_at, not_before, detached_at;
    int64_t seated_at; /* when io.seat was last told, or the opening counted; 0: it has no seat */
    unsigned backoff_ms;
    struct ticket *ticket;
    Hubbub__V1__OpenSessionResponse *opened; /* until READY */
    struct hold *holds;
    int64_t s;    /* of the last dispatch */
    uint64_t hop; /* how often it was taken */
    bool listed;  /* on hub.by_session_id */
    /* Moving in: what was handed over, until the client has it; nothing is sent before. FROZEN: what is handed over. */
    Hubbub__V1__SessionMove *move;
    struct arrival *arrival;     /* moving in: move.c's */
    int64_t acked;               /* the client has everything up to it */
    bool said_farewell;          /* FROZEN, and written down whole */
    int64_t ticked_s, ticked_at; /* of the last tick; ticked_at 0: none was written */
    int64_t doubted_at; /* an answer to a tick from before says nothing */
    bool doubtful;               /* it may have been claimed while this gateway hung: the next tick tells */
    uint8_t tick_phase;
    unsigned n_members_asks, n_watched;
    uint64_t *friends; /* of a person */
    size_t n_friends;
    struct ticket *friends_ticket;   /* their presence is asked for */
    struct voice_wish *voice_wishes; /* voice.c's: op 4 under way */
    struct ring ring;
    char *status;
    Hubbub__V1__PresenceInput *presence; /* as the client gave it; NULL: nothing yet */
    const char *client;
    bool presence_dirty, presence_shown;
    struct session **queue; /* it is on; NULL: none */
    struct session *prev_of_user, *next_of_user, *prev_queued, *next_queued, *prev, *next;
    UT_hash_handle hh; /* hub.by_session_id, from OPEN on; one that moves in, from the first */
};

struct hub_connection {
    void *edge;
    int version;
    bool closing;
    struct session *session;
    struct resumption *resumption; /* other gateways are asked */
    int64_t beat_at;               /* the last heartbeat, or the connect */
    int64_t identify_due;          /* without a session */
    int64_t refused_until;         /* its IDENTIFY was not let in: op 9 goes out then; 0: no */
    int64_t reconnect_at, cut_at;  /* drain: when op 7 goes out, and when the socket is closed; 0: not yet */
    int64_t told_s;                /* of the last dispatch before that op 7 */
    struct counted {
        int64_t start, n;
    } frames, presences;             /* of hub_config's limits */
    Hubbub__V1__PresenceInput *late; /* the last op 3 beyond the limit: it counts once the window is over; NULL: none */
    struct hub_connection *prev, *next;
};

/* ---- The hub ----------------------------------------------------------------------------------------------------- */

struct hub {
    struct hub_config config;
    struct hub_io io;
    int64_t now;
    struct hub_stats stats; /* the counters; gauges are filled in by hub_stats() */

    struct hub_connection *connections;
    unsigned n_connections;
    struct session *sessions, *ended, *by_session_id, *waiting, *moving_in, *opening, *gathered, *adopting;
    struct moved *moved; /* move.c */
    struct resumption *resumptions;
    uint8_t next_phase, phase; /* of new sessions; of the next tick */
    unsigned n_sessions, n_waiting, n_unidentified, readies_left;
    bool some_presence, some_new;
    struct user *users;

    struct scope *scopes, *armed, *dirty, *read_queue, *load_queue;
    struct hold *catchups;
    struct replica_channel *channels;
    struct roster *rosters;
    uint64_t incarnations, versions;

    struct members_ask *members_asks;
    struct ticket *tickets;
    uint64_t last_ticket;
    unsigned in_flight[TICKET_KINDS];

    bool has_generation, has_token, bus_up, digest_wanted;
    uint64_t system_id, token;
    uint32_t timeline;
    int64_t database_started_at; /* as the last digest told; 0: none yet */
    int64_t digest_at, digest_asked_at;

    bool draining;
    int64_t voices_keep_at;
    int64_t ticked_at;
    int64_t drain_per_check; /* so many op 7 at most */
    size_t farewell_bytes;   /* written down so far */
    int64_t slow_at;       /* when connections, sessions and idle scopes are looked over again */
    struct hub_payload *hello, *beat_ack, *invalid, *reconnect;
};

/* hub.c */
struct ticket *ticket_create(struct hub *, enum ticket_kind);
/* The ticket of an answer, out of the table; ticket_free() it. NULL: not asked by this hub. */
struct ticket *ticket_take(struct hub *, uint64_t id, enum ticket_kind);
void ticket_free(struct ticket *);
/* The first thing of every turn. */
void hub_wake(struct hub *, int64_t now_ms);
/* The last thing of every turn. */
void hub_settle(struct hub *);
/* 0 .. n-1 */
uint64_t hub_random_below(struct hub *, uint64_t n);
/* The next wait after a failure: doubles from BACKOFF_MIN_MS to BACKOFF_MAX_MS, with jitter. */
int64_t hub_backoff(struct hub *, unsigned *backoff_ms);

/* connection.c */
void connection_send(struct hub *, struct hub_connection *, struct hub_payload *, int64_t s);
/* Detaches the session, says why, and waits for hub_disconnected(). */
void connection_close(struct hub *, struct hub_connection *, uint16_t code, const char *reason);
/* The session is gone: op 9 false, and the client may identify again. */
void connection_invalidate(struct hub *, struct hub_connection *);
/* The same after a while: it was not let in. */
void connection_refuse(struct hub *, struct hub_connection *);
void connections_check(struct hub *);

/* session.c */
void session_identify(struct hub *, struct hub_connection *, const Hubbub__V1__Identify *);
void session_resume(struct hub *, struct hub_connection *, const Hubbub__V1__Resume *);
void session_detach(struct hub *, struct session *);
void session_end(struct hub *, struct session *);
/* Ends it, and tells the client by op 9. */
void session_invalidate(struct hub *, struct session *);
/* What presence knows of it is to be said anew. */
void session_mark_presence(struct hub *, struct session *);
void session_set_presence(struct hub *, struct session *, const Hubbub__V1__PresenceInput *);
void session_dispatch(struct hub *, struct session *, struct hub_payload *);
/* Sends READY and attaches, when everything it waits for is there. */
void session_try(struct hub *, struct session *);
void session_restart(struct hub *, struct session *);
/* The one place where a session's state changes. */
void session_set_state(struct hub *, struct session *, enum session_state);
void session_enqueue(struct hub *, struct session *, struct session **queue);
/* For IDENTIFY (NULL) and for one that moves in. */
struct session *session_create(struct hub *, struct hub_connection *, const char *token,
                               const Hubbub__V1__SessionMove *);
/* Intents, shard and presence. */
void session_configure(struct hub *, struct session *, const Hubbub__V1__Identify *);
/* Everything after seq, then RESUMED. What is lost to the ring cannot be replayed: the session is ended by op 9. */
void session_replay(struct hub *, struct session *, int64_t seq);
/* A heartbeat told that the client has everything up to seq. */
void session_acknowledge(struct hub *, struct session *, int64_t seq);
/* Into hub.by_session_id. */
void session_list(struct hub *, struct session *);
void sessions_open(struct hub *);
/* Those that only waited for their turn. */
void sessions_make_ready(struct hub *);
void sessions_check(struct hub *);
void sessions_reap(struct hub *);
void sessions_show(struct hub *);
/* Of the session's shard. */
bool session_takes_guild(const struct session *, uint64_t guild_id);
/* Shard 0 has what is of no guild. */
bool session_takes_directs(const struct session *);
struct hold *session_hold(struct hub *, struct session *, struct scope *);
struct hold *session_find_hold(const struct session *, uint64_t scope_id);
void hold_drop(struct hub *, struct hold *);
/* From now on it gets entries. */
void hold_attach(struct hub *, struct hold *, uint64_t position);
void hold_detach(struct hub *, struct hold *);
/* FEEDS.md's reconcile(u, G) for one session. */
void session_reconcile(struct hub *, struct session *, struct scope *);
struct user *user_find(const struct hub *, uint64_t user_id);
struct membership *user_membership(struct user *, uint64_t guild_id, bool create);
/* member NULL: none. */
void membership_set(struct membership *, const Hubbub__V1__Member *, uint64_t pos);
bool membership_valid(const struct membership *, const struct scope *);

/* move.c */
/* The session was given everything of the scope up to it. */
uint64_t hold_position(const struct hold *);
/* A RESUME of a session that is not here: the others are asked. */
void move_ask(struct hub *, struct hub_connection *, const Hubbub__V1__Resume *);
/* ... that is FROZEN here: it goes on here, unless who took it confirms first. */
void move_back(struct hub *, struct session *frozen, struct hub_connection *, const Hubbub__V1__Resume *);
/* The socket is gone. */
void move_forget(struct hub *, struct hub_connection *);
/* Everything that the session needs is here: attaches it where it was. */
void move_attach(struct hub *, struct session *);
/* Asks for confirmation for those that have caught up. */
void moves_settle(struct hub *);
/* Whether it was confirmed, or may have been: it is not given up with its socket. */
bool move_is_confirming(const struct session *);
void move_finish(struct session *);
void moves_check(struct hub *);
/* Writes the ticks of those whose turn it is; called ten times a second. */
void moves_tick(struct hub *);
/* Whether it goes on from a tick: what came after that may come again. */
bool move_is_claimed(const struct session *);
void moves_clear(struct hub *);
/* Nothing was heard of this gateway for HUNG_MS. */
void moves_doubt(struct hub *);

/* cursor.c */
struct scope *scope_find(const struct hub *, uint64_t scope_id);
/* The guild's scope; a new one is loaded. NULL: the guild is deleted. */
struct scope *scope_ensure_guild(struct hub *, uint64_t guild_id);
/* A user's or a DM's: live at the position when it is new. NULL: the id is another kind's. */
struct scope *scope_ensure_live(struct hub *, enum scope_kind, uint64_t id, uint64_t position);
/* Drops what holds it, and frees it. */
void scope_drop(struct hub *, struct scope *);
void scope_know(struct hub *, struct scope *, uint64_t position, int64_t wait_ms);
void scope_arm(struct hub *, struct scope *, int64_t wait_ms);
void scope_mark_dirty(struct hub *, struct scope *);
/* Whether sessions need not wait for it any longer. */
bool scope_ready(const struct hub *, const struct scope *);
void cursor_entry(struct hub *, const Hubbub__V1__Generation *, const Hubbub__V1__FeedEntry *);
void cursor_digest(struct hub *);
void cursor_tick(struct hub *);
/* Asks what is due and allowed. */
void cursor_pump(struct hub *);
/* Whether an answer is of this generation; a newer one drops everything. */
bool cursor_accept(struct hub *, status, const Hubbub__V1__Generation *);
void cursor_rewind_token(struct hub *, uint64_t token);
void catchup_start(struct hub *, struct hold *, uint64_t position);
void catchup_drop(struct hub *, struct hold *);
/* Queues an entry behind the catch-up. False: over the bound, the session was invalidated. */
bool catchup_queue(struct hub *, struct hold *, const Hubbub__V1__FeedEntry *);
/* Queues what a guild sends behind the catch-up; over the bound the session is invalidated. */
void catchup_queue_payload(struct hub *, struct hold *, struct hub_payload *);
/* False when it fell out at once. */
bool held_put(struct held_entries *, const Hubbub__V1__FeedEntry *);
Hubbub__V1__FeedEntry *held_pop(struct held_entries *);
void held_clear(struct held_entries *);

/* apply.c */
void apply_entry(struct hub *, struct scope *, const Hubbub__V1__FeedEntry *);
/* Whether an entry of the user's own feed has to wait until the session was given more of another. */
bool apply_must_wait(struct hub *, const struct hold *own, const Hubbub__V1__FeedEntry *);
/* An entry of a feed, to one session. False: it dropped the hold, or ended the session. */
bool apply_held_entry(struct hub *, struct hold *, const Hubbub__V1__FeedEntry *);
void apply_ephemeral(struct hub *, const Hubbub__V1__Event *);

/* fanout.c */
struct hub_payload *payload_dispatch(const char *name, const struct wire_message *, const void *message);
/* d: one field of the message alone */
struct hub_payload *payload_dispatch_field(const char *name, const struct wire_message *, const void *message,
                                           const char *field);
struct hub_payload *payload_frame(int op, const struct wire_message *, const void *message);
/* d: JSON text */
struct hub_payload *payload_frame_text(int op, const char *d);
/* One event on its way out: encoded at most once per form. */
struct fanout {
    const struct wire_field *row;
    const ProtobufCMessage *message;
    uint64_t channel_id; /* who may view it gets it; 0: everybody */
    uint64_t permission; /* ... and holds these bits in the guild */
    bool ephemeral;
    struct hub_payload *full, *reduced;
};
void fanout_begin(struct fanout *, const Hubbub__V1__Event *, uint64_t channel_id);
/* To one session, whether it views the channel or not, when it has the intent. */
void fanout_send(struct hub *, struct fanout *, struct session *);
/* ... or behind its catch-up of the guild. */
void fanout_give(struct hub *, struct fanout *, struct hold *);
/* Whether it is for the session, as far as intents, the view of the channel and the permission go. */
bool fanout_concerns(const struct fanout *, struct hold *);
/* To every attached session that views it, but `except`. */
void fanout_all(struct hub *, struct fanout *, struct scope *, const struct user *except);
void fanout_end(struct hub *, struct fanout *);
bool session_has_intent(const struct session *, int bit);
struct view_class *hold_class(struct hold *);
bool hold_views(struct hold *, const struct replica_channel *);
/* Whether the member holds all the bits in the guild. One that was timed out holds only what a time-out leaves until
 * its next MEMBER_UPDATE: there is no wall clock here, and too little is safe. */
bool hold_permits(struct hold *, uint64_t permission);

/* recent.c */
/* The guild was loaded at the position. */
void recent_begin(struct recent *, uint64_t position);
/* An entry that was applied. */
void recent_note(struct recent *, const Hubbub__V1__FeedEntry *);
/* Whether nothing that matters after the position is missing. */
bool recent_covers(const struct recent *, uint64_t position);
/* To a person's session that was attached just now, and whose counts are of the position. */
void recent_replay(struct hub *, struct hold *, uint64_t position);

/* voice.c */
/* One voice state on its way out: as it is, and as one who left to those who no longer see where the user is. */
struct voice_telling {
    const Hubbub__V1__VoiceState *state;
    Hubbub__V1__VoiceState gone_state;
    Hubbub__V1__Event event, gone_event;
    struct fanout full, gone;
};
void voice_telling_begin(struct voice_telling *, const Hubbub__V1__VoiceState *);
/* What the session is told; NULL: nothing. */
struct fanout *voice_telling_of(struct voice_telling *, struct hold *);
void voice_telling_end(struct hub *, struct voice_telling *);
/* Whether the session sees where the user is. */
bool voice_seen(struct hold *, const Hubbub__V1__VoiceState *);
/* An entry in its turn, to everybody whom it concerns. */
void voice_tell_all(struct hub *, struct scope *, const Hubbub__V1__VoiceState *);
/* After a fold that decides views, while hold->before is what was seen: gained channels come with whoever is in them,
 * lost ones go. */
void voice_views_changed(struct hub *, struct scope *, const struct user *only);
/* Op 4. */
void voice_request(struct hub *, struct session *, const Hubbub__V1__VoiceStateInput *);
/* The session ends: it leaves. */
void voice_forget(struct hub *, struct session *);
void voices_keep(struct hub *);

/* ready.c */
void ready_send(struct hub *, struct session *);
void ready_send_guild(struct hub *, struct hold *);
void ready_send_guild_deleted(struct hub *, struct session *, uint64_t guild_id);

/* friends.c */
void friends_load(struct session *, const Hubbub__V1__OpenSessionResponse *);
/* An entry of the user's feed, in its turn. */
void friends_fold(struct hub *, struct session *, const Hubbub__V1__Event *);
/* After READY: who of them is online is told by PRESENCE_UPDATE. */
void friends_ask(struct hub *, struct session *);
void friends_forget(struct session *);
void friends_on_presences(struct hub *, struct ticket *, status, const Hubbub__V1__GetPresencesResponse *);
/* From the bus, for p->friend_id. */
void friends_presence(struct hub *, const Hubbub__V1__PresenceUpdated *p);

/* members.c */
void members_request(struct hub *, struct session *, const Hubbub__V1__RequestMembers *);
/* The session ends. */
void members_forget(struct hub *, struct session *);
void members_tick(struct hub *);

/* presence.c */
/* The activities as others see them, a JSON array; in the buffer. */
void presence_write_activities(struct buf *, const Hubbub__V1__PresenceInput *, bool bot);
/* Ops 14 and 37: whose presence the session is told of in a guild of more than PRESENCE_MEMBERS_MAX. The presences that
 * are known are sent at once. */
void presence_subscribe(struct hub *, struct session *, const Hubbub__V1__GuildSubscription *);
/* Whether it is told of the presence of a member of a guild that it holds. */
bool presence_concerns(const struct hold *, uint64_t user_id);
