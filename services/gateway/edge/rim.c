/* The core asks with a ticket and is answered with it, later, whatever happens: a question that cannot be sent is a
 * call that fails. Op 100 is a POST of a message that came by the socket: same table, same call, same errors; op 101
 * tells. */
#include "services/gateway/edge/rim.h"
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "hubbub/v1/presence.hub.h"
#include "hubbub/v1/voice.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/admit.h"
#include "services/gateway/edge/peers.h"
#include "services/gateway/edge/seats.h"
#include "services/gateway/edge/socket.h"
#include "services/gateway/edge/ticks.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADS_TIMEOUT_MS = 2000,
    READ_TIMEOUT_MS = 4000,
    BEAT_EVERY_MS = 100,
    BEAT_RETRY_MS = 1000,
    BEAT_TIMEOUT_MS = 3000,
    OP_SEND = 100,
    OP_SENT = 101
};

struct rim {
    struct edge *edge;
    struct presence_batch *presences;
    int64_t next_beat_ms;
    uint64_t presence_key;
    bool said_goodbye;
};

struct rim *rim_create(struct edge *e)
{
    struct rim *r = calloc(1, sizeof *r);
    if (!r)
        log_fatal("out of memory");
    r->edge = e;
    r->presences = presence_batch_create();
    crypto_generichash((unsigned char *)&r->presence_key, sizeof r->presence_key, NULL, 0, NULL, 0);
    for (const char *c = e->config->gateway_id; *c; c++)
        r->presence_key = r->presence_key * 31 + (unsigned char)*c;
    return r;
}

void rim_destroy(struct rim *r)
{
    if (r)
        presence_batch_destroy(r->presences);
    free(r);
}

/* ---- Questions ------------------------------------------------------------------------------------------------- */

static void call(struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                 const ProtobufCMessage *request, int64_t timeout_ms, rpc_done_fn *done, void *user)
{
    char id[33];
    edge_request_id(id);
    struct rpc_identity who = {.request_id = id};
    rpc_call(group, key, method, request, &who, timeout_ms, done, user);
}

struct question {
    struct edge *edge;
    uint64_t ticket;
};

static void ask(struct rim *r, struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                const ProtobufCMessage *request, uint64_t ticket, int64_t timeout_ms, rpc_done_fn *done)
{
    struct question *q = malloc(sizeof *q);
    if (!q)
        log_fatal("out of memory");
    *q = (struct question){r->edge, ticket};
    call(group, key, method, request, timeout_ms, done, q);
}

/* One answer a question; `name` picks hub_on_<name> and the type. */
#define ANSWER(name, Type)                                                                                             \
    static void on_##name(void *user, const struct rpc_result *result)                                                 \
    {                                                                                                                  \
        struct question *q = user;                                                                                     \
        hub_on_##name(q->edge->hub, q->ticket, result->st, (const Type *)result->response, clock_mono_ms());           \
        edge_touch(q->edge);                                                                                           \
        free(q);                                                                                                       \
    }
ANSWER(heads, Hubbub__V1__HeadsResponse)
ANSWER(read, Hubbub__V1__ReadFeedResponse)
ANSWER(snapshot, Hubbub__V1__SnapshotResponse)
ANSWER(member, Hubbub__V1__GetMemberResponse)
ANSWER(members, Hubbub__V1__SearchMembersResponse)
ANSWER(presences, Hubbub__V1__GetPresencesResponse)

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

/* A session opens once it is counted: a bot's under its IDENTIFYs, a person's under those that have a socket. One that
 * moves here was counted when it began. */
struct opening {
    struct edge *edge;
    uint64_t ticket, user_id;
    struct arena *arena; /* where this is, too */
    struct hub_opening of;
    struct limit_ask ask;
    const Hubbub__V1__OpenSessionResponse *response; /* a copy: it waits */
};

static bool end_open(struct opening *o, status st, const Hubbub__V1__OpenSessionResponse *response)
{
    bool seated = hub_on_open(o->edge->hub, o->ticket, st, response, clock_mono_ms());
    edge_touch(o->edge);
    return seated;
}

static void on_counted(struct limit_ask *ask)
{
    struct opening *o = (struct opening *)((char *)ask - offsetof(struct opening, ask));
    if (!ask->counted)
        admit_count_refused_identify();
    end_open(o, ask->counted ? ST_OK : ST_RATE_LIMITED, ask->counted ? o->response : NULL);
    arena_destroy(o->arena);
}

static void on_seated(void *user, bool seated)
{
    struct opening *o = user;
    if (!end_open(o, seated ? ST_OK : ST_MAX_SESSIONS, seated ? o->response : NULL) && seated)
        seats_leave(o->edge->seats, o->user_id, o->of.session_id);
    arena_destroy(o->arena);
}

static void count_opening(struct opening *o, const ProtobufCMessage *response)
{
    size_t n = protobuf_c_message_get_packed_size(response);
    uint8_t *packed = arena_alloc(o->arena, n);
    protobuf_c_message_pack(response, packed);
    o->response = hubbub__v1__open_session_response__unpack(arena_protobuf(o->arena), n, packed);
    o->user_id = o->response->identity->user_id;
    o->ask.done = on_counted;
    if (o->response->identity->bot)
        admit_identify(o->edge, o->user_id, o->of.shard, &o->ask);
    else
        seats_claim(o->edge->seats, o->user_id, o->of.session_id, o->edge->config->user_sessions_max, on_seated, o);
}

static void on_open(void *user, const struct rpc_result *result)
{
    struct opening *o = user;
    const Hubbub__V1__OpenSessionResponse *r = (const Hubbub__V1__OpenSessionResponse *)result->response;
    if (result->st == ST_OK && r->identity && o->of.identify) {
        count_opening(o, result->response);
    } else {
        end_open(o, result->st, r);
        arena_destroy(o->arena);
    }
}

static void open_session(void *user, uint64_t ticket, const struct hub_opening *of)
{
    struct rim *r = user;
    struct arena *arena = arena_create(0);
    struct opening *o = ARENA_NEW(arena, struct opening);
    *o = (struct opening){.edge = r->edge, .ticket = ticket, .arena = arena, .of = *of};
    o->of.session_id = arena_strdup(arena, of->session_id);
    Hubbub__V1__OpenSessionRequest request = HUBBUB__V1__OPEN_SESSION_REQUEST__INIT;
    request.token = (char *)of->token;
    PB_SET(&request, resumes, !of->identify);
    call(r->edge->chat, 0, &hubbub__v1__feeds__open_session__method, &request.base, 0, on_open, o);
}

static void seat(void *user, uint64_t user_id, const char *session_id, bool taken)
{
    struct rim *r = user;
    (taken ? seats_keep : seats_leave)(r->edge->seats, user_id, session_id);
}

/* ---- Others ------------------------------------------------------------------------------------------------------ */

static void heads(void *user, uint64_t ticket, bool has_token, uint64_t token)
{
    struct rim *r = user;
    Hubbub__V1__HeadsRequest request = HUBBUB__V1__HEADS_REQUEST__INIT;
    request.has_token = has_token;
    request.token = token;
    ask(r, r->edge->chat, 0, &hubbub__v1__feeds__heads__method, &request.base, ticket, HEADS_TIMEOUT_MS, on_heads);
}

static void read_feed(void *user, uint64_t ticket, uint64_t scope_id, uint64_t after)
{
    struct rim *r = user;
    Hubbub__V1__ReadFeedRequest request = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    PB_SET(&request, scope_id, scope_id);
    PB_SET(&request, after, after);
    ask(r, r->edge->chat, scope_id, &hubbub__v1__feeds__read__method, &request.base, ticket, READ_TIMEOUT_MS, on_read);
}

static void snapshot(void *user, uint64_t ticket, uint64_t guild_id, const uint64_t *user_ids, size_t n)
{
    struct rim *r = user;
    Hubbub__V1__SnapshotRequest request = HUBBUB__V1__SNAPSHOT_REQUEST__INIT;
    PB_SET(&request, guild_id, guild_id);
    request.user_ids = (uint64_t *)user_ids;
    request.n_user_ids = n;
    ask(r, r->edge->chat, guild_id, &hubbub__v1__feeds__snapshot__method, &request.base, ticket, 0, on_snapshot);
}

static void member(void *user, uint64_t ticket, uint64_t guild_id, uint64_t user_id)
{
    struct rim *r = user;
    Hubbub__V1__GetMemberRequest request = HUBBUB__V1__GET_MEMBER_REQUEST__INIT;
    PB_SET(&request, guild_id, guild_id);
    PB_SET(&request, user_id, user_id);
    ask(r, r->edge->chat, guild_id, &hubbub__v1__feeds__get_member__method, &request.base, ticket, READ_TIMEOUT_MS,
        on_member);
}

static void members(void *user, uint64_t ticket, const Hubbub__V1__SearchMembersRequest *request)
{
    struct rim *r = user;
    ask(r, r->edge->chat, request->guild_id, &hubbub__v1__feeds__search_members__method, &request->base, ticket, 0,
        on_members);
}

static void presences(void *user, uint64_t ticket, const uint64_t *user_ids, size_t n)
{
    struct rim *r = user;
    Hubbub__V1__GetPresencesRequest request = HUBBUB__V1__GET_PRESENCES_REQUEST__INIT;
    request.user_ids = (uint64_t *)user_ids;
    request.n_user_ids = n;
    ask(r, r->edge->presence, 0, &hubbub__v1__presences__get__method, &request.base, ticket, READ_TIMEOUT_MS,
        on_presences);
}

/* Its entry comes with the answer, as with any call of the user's own. */
static void on_voice(void *user, const struct rpc_result *result)
{
    struct question *q = user;
    if (result->entries)
        edge_on_bus(q->edge, result->entries);
    hub_on_voice(q->edge->hub, q->ticket, result->st, clock_mono_ms());
    edge_touch(q->edge);
    free(q);
}

static void voice(void *user, uint64_t ticket, const Hubbub__V1__SetVoiceRequest *request)
{
    struct rim *r = user;
    char id[33];
    edge_request_id(id);
    struct question *q = malloc(sizeof *q);
    if (!q)
        log_fatal("out of memory");
    *q = (struct question){r->edge, ticket};
    struct rpc_identity who = {.user_id = request->user_id, .request_id = id};
    rpc_call(r->edge->chat, request->guild_id, &hubbub__v1__voices__set__method, &request->base, &who, 0, on_voice, q);
}

static void on_kept(void *user, const struct rpc_result *result)
{
    if (result->entries)
        edge_on_bus(user, result->entries);
}

static void voices_keep(void *user, const Hubbub__V1__KeepVoicesRequest *request)
{
    struct rim *r = user;
    call(r->edge->chat, r->presence_key, &hubbub__v1__voices__keep__method, &request->base, 0, on_kept, r->edge);
}

static void take(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq, bool again)
{
    struct rim *r = user;
    peers_take(r->edge->peers, ticket, session_id, token, seq, again);
}

static void confirm(void *user, uint64_t ticket, uint64_t from, const char *session_id, uint64_t hop)
{
    struct rim *r = user;
    if (from == HUB_FROM_TICK)
        ticks_confirm(r->edge->ticks, ticket, session_id, hop);
    else
        peers_confirm(r->edge->peers, ticket, from, session_id, hop);
}

static void tick(void *user, const Hubbub__V1__SessionMove *m, const uint8_t token_hash[32])
{
    struct rim *r = user;
    ticks_put(r->edge->ticks, m, token_hash);
}

static void tick_drop(void *user, const char *session_id)
{
    struct rim *r = user;
    ticks_drop(r->edge->ticks, session_id);
}

static void claim(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq)
{
    struct rim *r = user;
    ticks_claim(r->edge->ticks, ticket, session_id, token, seq);
}

static void presence_moved(void *user, const char *session_id)
{
    struct rim *r = user;
    presence_batch_forget(r->presences, session_id);
}

static void subscribe(void *user, bool on, enum hub_topic topic, uint64_t id)
{
    static const char *const kinds[] = {
        [HUB_TOPIC_CHANNEL] = "channel", [HUB_TOPIC_GUILD] = "guild", [HUB_TOPIC_USER] = "user"};
    struct rim *r = user;
    (on ? bus_hold : bus_release)(r->edge->bus, kinds[topic], id);
}

/* ---- Presence -------------------------------------------------------------------------------------------------- */

static void presence(void *user, const Hubbub__V1__SessionPresence *p)
{
    struct rim *r = user;
    presence_batch_put(r->presences, p);
}

static void on_beat(void *user, const struct rpc_result *result)
{
    struct rim *r = user;
    int64_t now = clock_mono_ms();
    presence_batch_done(r->presences, result->st == ST_OK, now);
    if (result->st != ST_OK)
        r->next_beat_ms = now + BEAT_RETRY_MS;
    else if (((const Hubbub__V1__BeatResponse *)result->response)->wiped)
        presence_batch_announce_all(r->presences);
}

void rim_tick(struct rim *r, int64_t now_ms)
{
    Hubbub__V1__SessionPresence *sessions[PRESENCE_BATCH_MAX];
    if (now_ms < r->next_beat_ms)
        return;
    r->next_beat_ms = now_ms + BEAT_EVERY_MS;
    size_t n = presence_batch_take(r->presences, now_ms, sessions);
    if (!n)
        return;
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    request.gateway_id = (char *)r->edge->config->gateway_id;
    request.sessions = sessions;
    request.n_sessions = n;
    struct rpc_identity who = {0};
    rpc_call(r->edge->presence, r->presence_key, &hubbub__v1__presences__beat__method, &request.base, &who,
             BEAT_TIMEOUT_MS, on_beat, r);
}

bool rim_say_goodbye(struct rim *r, int64_t now_ms)
{
    if (!r->said_goodbye)
        presence_batch_close_all(r->presences);
    r->said_goodbye = true;
    rim_tick(r, now_ms);
    return presence_batch_idle(r->presences);
}

/* ---- Op 100 ---------------------------------------------------------------------------------------------------- */

struct command {
    struct socket *socket; /* referenced */
    struct arena *arena;
    const char *nonce;
    struct limit_ask ask;
    struct hub_identity identity;
    const Hubbub__V1__CreateMessageRequest *request;
};

static void send_result(struct command *c, int http, const Hubbub__V1__Message *message, const struct buf *error)
{
    Hubbub__V1__SendResult result = HUBBUB__V1__SEND_RESULT__INIT;
    result.nonce = (char *)c->nonce;
    PB_SET(&result, status, http);
    result.message = (Hubbub__V1__Message *)message;
    if (error)
        PB_SET(&result, error, ((ProtobufCBinaryData){error->len, (uint8_t *)error->data}));
    struct buf text = {0};
    buf_printf(&text, "{\"op\":%d,\"d\":", OP_SENT);
    wire_write(&text, &hubbub__v1__send_result__wire, &result.base);
    buf_puts(&text, ",\"s\":null,\"t\":null}");
    struct hub_payload *p = calloc(1, sizeof *p + text.len);
    if (!p)
        log_fatal("out of memory");
    p->refs = 1;
    p->len = text.len;
    memcpy(p->data, text.data, text.len);
    buf_finish(&text);
    socket_send(c->socket, p, -1);
    hub_payload_unref(c->socket->edge->hub, p);
}

static void send_failure(struct command *c, status st, const Hubbub__V1__ErrorDetail *detail)
{
    struct buf error = {0};
    wire_write_error(&error, st, detail);
    send_result(c, status_row(st)->http, NULL, &error);
    buf_finish(&error);
}

static void end_command(struct command *c)
{
    socket_unref(c->socket);
    arena_destroy(c->arena);
}

static void on_created(void *user, const struct rpc_result *result)
{
    struct command *c = user;
    if (result->entries)
        edge_on_bus(c->socket->edge, result->entries);
    if (result->st == ST_OK)
        send_result(c, 200, (const Hubbub__V1__Message *)result->response, NULL);
    else
        send_failure(c, result->st == ST_CANCELLED ? ST_UNAVAILABLE : result->st, result->error);
    end_command(c);
}

static void run_command(struct command *c)
{
    char id[33];
    edge_request_id(id);
    struct edge *e = c->socket->edge;
    uint64_t channel = c->request->channel_id, guild = hub_guild_of_channel(e->hub, channel);
    struct rpc_identity who = {
        .user_id = c->identity.user_id, .bot = c->identity.bot, .admin = c->identity.admin, .request_id = id};
    rpc_call(e->chat, guild ? guild : channel, &hubbub__v1__messages__create__method, &c->request->base, &who, 0,
             on_created, c);
}

static void on_command_counted(struct limit_ask *ask)
{
    struct command *c = (struct command *)((char *)ask - offsetof(struct command, ask));
    if (ask->counted) {
        run_command(c);
        return;
    }
    Hubbub__V1__ErrorDetail detail = HUBBUB__V1__ERROR_DETAIL__INIT;
    int64_t wait = ask->rules[0].reset_ms - clock_mono_ms();
    PB_SET(&detail, retry_after_ms, wait > 0 ? wait : 1);
    admit_count_refused_message();
    send_failure(c, ST_RATE_LIMITED, &detail);
    end_command(c);
}

static void command(void *user, void *edge_socket, const struct hub_identity *identity, int64_t op, struct wire_json *d)
{
    struct rim *r = user;
    if (op != OP_SEND)
        return;
    struct arena *arena = arena_create(0);
    struct command *c = ARENA_NEW(arena, struct command);
    *c = (struct command){.socket = edge_socket, .arena = arena};
    socket_ref(c->socket);
    struct wire_errors errors = {.arena = arena};
    ProtobufCMessage *message;
    wire_read(d, &hubbub__v1__create_message_request__wire, &errors, arena, &message);
    const Hubbub__V1__CreateMessageRequest *request = (const Hubbub__V1__CreateMessageRequest *)message;
    c->nonce = request->nonce;
    if (!request->has_channel_id || !request->channel_id)
        wire_error_add(&errors, "channel_id", "BASE_TYPE_REQUIRED", "This field is required");
    wire_check_required(&hubbub__v1__create_message_request__wire, message, &errors);
    if (!errors.n) {
        c->identity = *identity;
        c->request = request;
        c->ask.done = on_command_counted;
        admit_message(r->edge, identity->user_id, request->channel_id, &c->ask);
        return;
    }
    send_failure(c, ST_INVALID_FORM, wire_errors_detail(&errors));
    end_command(c);
}

/* ---- The table ------------------------------------------------------------------------------------------------- */

static void send_frame(void *user, void *edge_socket, struct hub_payload *p, int64_t s)
{
    socket_send(edge_socket, p, s);
}

static void close_socket(void *user, void *edge_socket, uint16_t code, const char *reason)
{
    socket_close(edge_socket, code, reason);
}

static void payload_free(void *user, void *edge_cache)
{
    flush_free_forms(edge_cache);
}

static uint64_t random_number(void *user)
{
    uint64_t n;
    randombytes_buf(&n, sizeof n);
    return n;
}

void rim_fill_io(struct rim *r, struct hub_io *ret)
{
    *ret = (struct hub_io){
        .user = r,
        .heads = heads,
        .read = read_feed,
        .snapshot = snapshot,
        .open = open_session,
        .seat = seat,
        .member = member,
        .members = members,
        .presences = presences,
        .voice = voice,
        .voices_keep = voices_keep,
        .take = r->edge->peers ? take : NULL,
        .confirm = confirm,
        .tick = tick,
        .tick_drop = tick_drop,
        .claim = claim,
        .presence_moved = presence_moved,
        .subscribe = subscribe,
        .presence = presence,
        .send = send_frame,
        .close = close_socket,
        .payload_free = payload_free,
        .command = command,
        .random = random_number,
    };
}
