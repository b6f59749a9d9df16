/* fake_world.h - a chat service, a bus and clients in memory, around a real hub: what the tests of the core play
 * against.
 *
 * Feeds are as PostgreSQL has them: contiguous numbers, xids that may commit out of order, truncation, generations.
 * Questions of the hub queue up until they are served (the answer is worked out from what is committed then) and
 * delivered. Entries go to the bus topics that they belong to, and reach the hub only when it has subscribed. Clients
 * keep every frame. */
#pragma once
#include "services/gateway/core/state.h"
#include <jansson.h>

enum {
    FAKE_USERS = 8,
    FAKE_GUILDS = 3,
    FAKE_CHANNELS = 8,
    FAKE_ROLES = 4,
    FAKE_CLIENTS = 512,
    FAKE_DIRECTS = 2,
    FAKE_GATEWAYS = 3
};

enum { CROWD = 1000000, TOWN = 2000000, FAKE_GONE_MS = 10000 };

/* A member of guild 0 beside the users: as stored, and whether online. */
struct fake_resident {
    Hubbub__V1__Member *member; /* NULL: not a member now */
    bool online;
};

enum question_kind {
    QUESTION_HEADS,
    QUESTION_READ,
    QUESTION_SNAPSHOT,
    QUESTION_OPEN,
    QUESTION_MEMBER,
    QUESTION_PRESENCES,
    QUESTION_MEMBERS,
    QUESTION_TAKE,    /* of all other gateways */
    QUESTION_CONFIRM, /* of the one that `b` names */
    QUESTION_CLAIM,
    QUESTION_TICK, /* whether it was kept */
    QUESTION_KINDS
};

struct fake_question {
    struct fake_question *prev, *next;
    enum question_kind kind;
    unsigned gateway;      /* that asks */
    uint64_t ticket, a, b; /* token; scope and after; guild and user; seq; hop and gateway + 1;
                             hop and whether it is kept */
    bool flag;             /* has_token */
    char *token, *session_id;
    uint64_t *ids;
    size_t n_ids, limit;
    int64_t at; /* when it was asked */
    bool served;
    status st;
    ProtobufCMessage *answer;
};

struct fake_entry {
    uint64_t seq, xid;
    uint64_t viewers; /* of a message: bit by user index; as of its number */
    Hubbub__V1__FeedEntry *entry;
};
struct fake_feed {
    uint64_t id, head, truncated;
    struct fake_entry *entries; /* [seq - 1] */
    bool locked, closed;
};
struct fake_bus {
    struct fake_bus *prev, *next;
    enum hub_topic topic;
    uint64_t id;
    int64_t at;
    Hubbub__V1__BusMessage *message;
};

struct fake_channel {
    uint64_t id, last_message;
    bool hidden;       /* @everyone may not view it */
    uint64_t shown_to; /* role of the guild that may, 0: none */
    uint64_t shown_to_user;
};
struct fake_guild {
    struct fake_feed feed;
    uint64_t owner;
    bool deleted;
    uint64_t role_permissions[FAKE_ROLES]; /* [0]: @everyone */
    bool member[FAKE_USERS];
    unsigned member_roles[FAKE_USERS]; /* bit by role */
    int hoisted[FAKE_ROLES];           /* the role's position; 0: not hoisted */
    uint64_t voice[FAKE_USERS];        /* the channel where the user is; 0: in none */
    char voice_session[FAKE_USERS][80];
    struct fake_channel channels[FAKE_CHANNELS];
    unsigned n_channels;
};
struct fake_direct {
    struct fake_feed feed;
    bool in[FAKE_USERS], shown[FAKE_USERS];
};
struct fake_user {
    struct fake_feed feed;
    unsigned token; /* the current one's number */
    bool bot;
    uint64_t application_flags;
};

struct fake_frame {
    int64_t s; /* -1: no dispatch */
    char *text;
};
struct fake_client {
    struct fake_world *world;
    unsigned gateway;
    struct hub_connection *connection;
    bool open;
    uint16_t close_code; /* 0: none */
    struct fake_frame *frames;
    unsigned n_frames, cap_frames;
    /* As a client library has it. */
    unsigned user, token;
    int64_t seq;
    bool ready, invalid, sent_away; /* READY, op 9, op 7 */
    char session_id[80];
    char resumed_id[80]; /* what fake_resume() asked for, */
    int64_t resumed_seq; /* and behind which s */
};

struct fake_tick {
    struct fake_tick *next;
    uint64_t hop; /* of the newest claim, in the newest of a session */
    uint8_t hash;
    Hubbub__V1__SessionMove *move; /* NULL: dropped */
    char id[80];
};
struct fake_gateway {
    struct hub *hub;         /* NULL: dead */
    int64_t hung_since;      /* 0: it does not hang */
    int subscribed[3][4096]; /* by topic, and a small number made from the id */
};
struct fake_world {
    struct fake_gateway gateways[FAKE_GATEWAYS];
    unsigned n_gateways, here;
    struct hub *hub; /* of the gateway that is in use: see fake_use() */
    int64_t now;
    uint64_t random_state;
    uint64_t system_id, next_xid, truncated_xid;
    int64_t database_started_at;
    uint32_t timeline;
    uint64_t running[64]; /* xids of transactions that have not committed */
    unsigned n_running;
    uint64_t committing; /* the next change commits as it; 0: as a new one */
    uint64_t permission; /* what the next entry asks of its receivers */
    struct fake_guild guilds[FAKE_GUILDS];
    struct fake_user users[FAKE_USERS];
    struct fake_direct directs[FAKE_DIRECTS];
    uint64_t last_channel;
    struct fake_question *questions;
    struct fake_bus *bus;
    struct fake_client *clients[FAKE_CLIENTS];
    unsigned n_clients;
    unsigned read_limit;
    unsigned crowd;             /* guild 0 has as many more members, with ids after CROWD, whom only a search finds */
    struct fake_resident *town; /* ids from TOWN on */
    unsigned n_town;
    bool quiet;      /* questions wait for fake_answer(); else fake_run() answers all */
    bool mentioning; /* the next messages mention everybody */
    bool deaf;       /* nothing reaches the bus */
    unsigned asked[QUESTION_KINDS];
    void (*on_turn)(struct fake_world *); /* after every call of the hub; may be NULL */
    void *on_turn_user;
    Hubbub__V1__SessionPresence *last_presence;
    Hubbub__V1__SetVoiceRequest *last_voice; /* is not answered but by hub_on_voice(voice_ticket) */
    uint64_t voice_ticket;
    unsigned voices_asked, voices_kept;
    unsigned commands, presences_moved, identifies, seats_taken, seats_left;
    bool redis_away;         /* no tick is kept or found */
    struct fake_tick *ticks; /* the newest first */
    unsigned taken_from;     /* the gateway that gave the best answer to the last QUESTION_TAKE */
    unsigned payloads;       /* edge_cache's freed */
};

uint64_t fake_user_id(unsigned user);
uint64_t fake_guild_id(unsigned guild);
uint64_t fake_direct_id(unsigned direct);
uint64_t fake_role_id(unsigned guild, unsigned role);
uint64_t fake_random(struct fake_world *);
/* Users 0.., guild 0 with users 0..2, guild 1 with users 0 and 1; each with one channel; guild 2 has user 3 only. */
struct fake_world *fake_create(uint64_t seed);
void fake_destroy(struct fake_world *);
/* A further gateway, "gateway-N" from 1 on; returns its index. New clients connect to the one in use: the first. */
unsigned fake_add_gateway(struct fake_world *);
/* Returns which one was in use before. */
unsigned fake_use(struct fake_world *, unsigned gateway);
/* kill -9: its sockets break, what it asked is not answered. */
void fake_kill(struct fake_world *, unsigned gateway);
/* SIGSTOP, and SIGCONT: it is given nothing, and after FAKE_GONE_MS the others take it for dead. */
void fake_hang(struct fake_world *, unsigned gateway, bool hangs);
/* One that was killed starts anew, under its name. */
void fake_revive(struct fake_world *, unsigned gateway);

/* Time passes, in ticks of 10 ms; the bus delivers what is due and, unless quiet, every question is answered. */
void fake_run(struct fake_world *, int64_t ms);
/* Serves and delivers the oldest question of the kind; false: there is none. */
bool fake_answer(struct fake_world *, enum question_kind);
bool fake_fail(struct fake_world *, enum question_kind, status);
struct fake_question *fake_find(struct fake_world *, enum question_kind);
void fake_serve(struct fake_world *, struct fake_question *, status);
/* Of a served one, the answer does not arrive: what it did is done. */
void fake_lose(struct fake_question *);
void fake_deliver(struct fake_world *, struct fake_question *);
/* It was answered otherwise. */
void fake_drop(struct fake_world *, struct fake_question *);
/* Takes the message off the bus. */
void fake_bus_deliver(struct fake_world *, struct fake_bus *, bool lost, bool twice);
/* ... to those gateways only; bits by index. */
void fake_bus_deliver_to(struct fake_world *, struct fake_bus *, unsigned gateways, bool twice);
/* Redis forgets all ticks. */
void fake_wipe(struct fake_world *);
void fake_tick(struct fake_world *, int64_t ms);
/* Gives the bus message of a feed's entry to the hub, whatever is subscribed. */
void fake_push(struct fake_world *, const struct fake_feed *, uint64_t seq);

/* Changes: each appends to the feed and publishes. They return the guild entry's number. */
uint64_t fake_begin(struct fake_world *); /* a transaction's xid; it holds the digest's token back until it commits */
void fake_commit_as(struct fake_world *, uint64_t xid);
uint64_t fake_message(struct fake_world *, unsigned guild, unsigned channel, unsigned author);
/* One that mentions everybody. */
uint64_t fake_mention(struct fake_world *, unsigned guild, unsigned channel, unsigned author);
uint64_t fake_join(struct fake_world *, unsigned guild, unsigned user);
uint64_t fake_leave(struct fake_world *, unsigned guild, unsigned user);
/* An entry of the audit log, for those who hold the permission. */
uint64_t fake_audit(struct fake_world *, unsigned guild, uint64_t permission);
/* The user is in that channel of the guild from now on (-1: in none), by that session. */
uint64_t fake_voice(struct fake_world *, unsigned guild, unsigned user, int channel, const char *session_id);
uint64_t fake_set_roles(struct fake_world *, unsigned guild, unsigned user, unsigned roles);
uint64_t fake_set_role_permissions(struct fake_world *, unsigned guild, unsigned role, uint64_t permissions);
uint64_t fake_add_channel(struct fake_world *, unsigned guild);
uint64_t fake_remove_channel(struct fake_world *, unsigned guild, unsigned channel);
uint64_t fake_set_channel(struct fake_world *, unsigned guild, unsigned channel, bool hidden, unsigned shown_to_role);
uint64_t fake_show_to_user(struct fake_world *, unsigned guild, unsigned channel, unsigned user);
uint64_t fake_delete_guild(struct fake_world *, unsigned guild);
uint64_t fake_hoist(struct fake_world *, unsigned guild, unsigned role, int position);
/* The town, in guild 0: n residents from the start, offline, of whom the first n_members are members; they join, leave,
 * change name and roles (bits), come and go. */
void fake_settle_town(struct fake_world *, unsigned n, unsigned n_members);
void fake_resident_set(struct fake_world *, unsigned resident, const char *nick, unsigned roles);
void fake_resident_leave(struct fake_world *, unsigned resident);
void fake_presence(struct fake_world *, unsigned guild, uint64_t user_id, bool online);
/* DMs. To be shown one is to be in it; fake_expel() tells the group, and then the user who was in it. */
void fake_show_direct(struct fake_world *, unsigned direct, unsigned user);
void fake_close_direct(struct fake_world *, unsigned direct, unsigned user);
uint64_t fake_expel(struct fake_world *, unsigned direct, unsigned user);
uint64_t fake_direct_message(struct fake_world *, unsigned direct, unsigned author);
uint64_t fake_direct_update(struct fake_world *, unsigned direct);
void fake_rename_user(struct fake_world *, unsigned user);
void fake_revoke(struct fake_world *, unsigned user);
void fake_truncate(struct fake_world *, struct fake_feed *);
void fake_new_generation(struct fake_world *);
void fake_ephemeral(struct fake_world *, const Hubbub__V1__Event *);
/* As stored; in the arena. */
Hubbub__V1__Member *fake_member(const struct fake_world *, unsigned guild, unsigned user, struct arena *);
bool fake_can_view(const struct fake_world *, unsigned guild, unsigned channel, unsigned user);

/* Clients. */
struct fake_client *fake_connect(struct fake_world *);
void fake_send(struct fake_client *, const char *format, ...) PRINTF_LIKE(2, 3);
void fake_identify(struct fake_client *, unsigned user);
void fake_resume(struct fake_client *, const struct fake_client *old, int64_t seq);
void fake_cut(struct fake_client *, uint16_t code);
/* connect + identify + run: READY was received. */
struct fake_client *fake_open(struct fake_world *, unsigned user);
/* The nth dispatch of the name (from 0) as text, NULL: none. */
const char *fake_dispatch(const struct fake_client *, const char *name, unsigned nth);
unsigned fake_count(const struct fake_client *, const char *name);
/* Frames of the op that are no dispatch. */
unsigned fake_count_op(const struct fake_client *, int op);
/* The numbers of the messages of a guild, in the order of arrival: "3 4 7". In a static buffer. */
const char *fake_messages(const struct fake_client *, unsigned guild);
/* The same of a DM. */
const char *fake_direct_messages(const struct fake_client *, unsigned direct);
