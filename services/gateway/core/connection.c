/* connection.c - sockets: the frames that come in, by a table of ops, and the close code that each fault earns
 * (PROTOCOL sections 3 to 5); heartbeats, and the time a socket may stay without a session. A connection that was
 * closed stays until hub_disconnected(): its frames are ignored. */
#include "hubbub/v1/gateway.hub.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"

void connection_send(struct hub *h, struct hub_connection *c, struct hub_payload *p, int64_t s)
{
    if (!c->closing)
        h->io.send(h->io.user, c->edge, p, s);
}

void connection_close(struct hub *h, struct hub_connection *c, uint16_t code, const char *reason)
{
    if (c->closing)
        return;
    c->closing = true;
    move_forget(h, c);
    if (c->session)
        session_detach(h, c->session);
    h->io.close(h->io.user, c->edge, code, reason);
}

void connection_invalidate(struct hub *h, struct hub_connection *c)
{
    c->identify_due = h->now + h->config.identify_timeout_ms;
    connection_send(h, c, h->invalid, -1);
}

void connection_refuse(struct hub *h, struct hub_connection *c)
{
    c->refused_until = h->now + REFUSED_MIN_MS + (int64_t)hub_random_below(h, REFUSED_MAX_MS - REFUSED_MIN_MS);
}

/* ---- Ops --------------------------------------------------------------------------------------------------------- */

/* One frame on its way through the table. */
struct frame {
    struct hub *h;
    struct hub_connection *c;
    int64_t op;
    struct wire_json *d; /* NULL when it has none */
    struct arena *arena;
    struct wire_errors errors;
};

/* A field of an activity that is not as it should be is left out, and no fault of the frame. */
static bool is_forgiven(const char *path)
{
    const char *in = strstr(path, "activities.");
    return in && strchr(in + strlen("activities."), '.');
}

static void forgive(struct wire_errors *e)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < e->n; i++)
        if (!is_forgiven(e->leaves[i]->path))
            e->leaves[kept++] = e->leaves[i];
    e->n = kept;
}

/* The d as a message, as far as it could be read. NULL without a d. */
static void *read_leniently(struct frame *f, const struct wire_message *wire)
{
    ProtobufCMessage *m = NULL;
    f->errors = (struct wire_errors){.arena = f->arena};
    if (f->d)
        wire_read(f->d, wire, &f->errors, f->arena, &m);
    if (m)
        wire_check_required(wire, m, &f->errors);
    forgive(&f->errors);
    return m;
}

/* NULL when it is no such object: the socket is then closed with 4002. */
static void *read_message(struct frame *f, const struct wire_message *wire)
{
    void *m = read_leniently(f, wire);
    return m && f->errors.n == 0 ? m : NULL;
}

static void close_undecodable(struct frame *f)
{
    connection_close(f->h, f->c, 4002, "Error while decoding payload");
}

static void handle_heartbeat(struct frame *f)
{
    int64_t seq = -1;
    if (f->op == 1 && f->d && !wire_json_integer_or_null(f->d, &seq)) {
        close_undecodable(f);
        return;
    }
    f->c->beat_at = f->h->now;
    if (f->c->session && seq >= 0)
        session_acknowledge(f->h, f->c->session, seq);
    connection_send(f->h, f->c, f->h->beat_ack, -1);
}

/* The close code that a faulty field earns. */
static const struct {
    const char *path;
    uint16_t code;
    const char *reason;
} identify_faults[] = {
    {"shard", 4010, "Invalid shard"},
    {"intents", 4013, "Invalid intent(s)"},
    {"token", 4004, "Authentication failed"},
};

static void refuse_identify(struct frame *f, const Hubbub__V1__Identify *read)
{
    if (read && read->token && !read->token[0]) {
        connection_close(f->h, f->c, 4004, "Authentication failed");
        return;
    }
    for (unsigned i = 0; i < f->errors.n; i++) {
        const Hubbub__V1__ErrorLeaf *leaf = f->errors.leaves[i];
        for (size_t k = 0; k < sizeof identify_faults / sizeof *identify_faults; k++)
            if (strncmp(leaf->path, identify_faults[k].path, strlen(identify_faults[k].path)) == 0 &&
                strcmp(leaf->code, "BASE_TYPE_REQUIRED") != 0) {
                connection_close(f->h, f->c, identify_faults[k].code, identify_faults[k].reason);
                return;
            }
    }
    close_undecodable(f);
}

static bool is_good_shard(const Hubbub__V1__Identify *d)
{
    return d->n_shard == 0 || (d->n_shard == 2 && d->shard[1] > 0 && d->shard[0] >= 0 && d->shard[0] < d->shard[1]);
}

static bool is_busy(const struct hub_connection *c)
{
    return c->session || c->resumption || c->refused_until;
}

static void handle_identify(struct frame *f)
{
    if (is_busy(f->c)) {
        connection_close(f->h, f->c, 4005, "Already authenticated");
        return;
    }
    Hubbub__V1__Identify *d = read_leniently(f, &hubbub__v1__identify__wire);
    if (!d || f->errors.n > 0)
        refuse_identify(f, d);
    else if (!is_good_shard(d))
        connection_close(f->h, f->c, 4010, "Invalid shard");
    else
        session_identify(f->h, f->c, d);
}

static void handle_resume(struct frame *f)
{
    if (is_busy(f->c)) {
        connection_close(f->h, f->c, 4005, "Already authenticated");
        return;
    }
    Hubbub__V1__Resume *d = read_message(f, &hubbub__v1__resume__wire);
    if (!d)
        close_undecodable(f);
    else
        session_resume(f->h, f->c, d);
}

/* Counts one; true when it is over the limit. */
static bool is_over(const struct hub *h, const struct hub_limit *limit, struct counted *c)
{
    if (h->now - c->start >= limit->window_ms)
        *c = (struct counted){.start = h->now};
    return ++c->n > limit->count && limit->count;
}

static void handle_presence(struct frame *f)
{
    struct hub_connection *c = f->c;
    Hubbub__V1__PresenceInput *d = read_message(f, &hubbub__v1__presence_input__wire);
    if (!d) {
        close_undecodable(f);
        return;
    }
    memory_free_message(c->late);
    c->late = NULL;
    if (!is_over(f->h, &f->h->config.presences, &c->presences)) {
        session_set_presence(f->h, c->session, d);
        return;
    }
    f->h->stats.presences_late++;
    c->late = memory_copy_message(d);
}

/* The window of op 3 is over: what was said last in it is the first of the next. */
static void tell_late_presence(struct hub *h, struct hub_connection *c)
{
    if (h->now - c->presences.start < h->config.presences.window_ms)
        return;
    is_over(h, &h->config.presences, &c->presences);
    if (c->session)
        session_set_presence(h, c->session, c->late);
    memory_free_message(c->late);
    c->late = NULL;
}

/* Takes what the other forms have for the fields that could not be read; false when a fault is left. */
static bool read_otherwise(struct frame *f, Hubbub__V1__RequestMembers *d)
{
    struct wire_errors ignored = {.arena = f->arena};
    ProtobufCMessage *m = NULL;
    wire_read(f->d, &hubbub__v1__request_members_otherwise__wire, &ignored, f->arena, &m);
    const Hubbub__V1__RequestMembersOtherwise *other = (const Hubbub__V1__RequestMembersOtherwise *)m;
    for (unsigned i = 0; i < f->errors.n; i++) {
        const char *path = f->errors.leaves[i]->path;
        if (strcmp(path, "guild_id") == 0 && other->n_guild_id == 1) {
            PB_SET(d, guild_id, other->guild_id[0]);
        } else if (strcmp(path, "user_ids") == 0 && other->has_user_ids) {
            d->user_ids = ARENA_ARRAY(f->arena, uint64_t, 1);
            d->user_ids[0] = other->user_ids;
            d->n_user_ids = 1;
        } else {
            return false;
        }
    }
    return true;
}

static Hubbub__V1__RequestMembers *read_request_members(struct frame *f)
{
    Hubbub__V1__RequestMembers *d = read_leniently(f, &hubbub__v1__request_members__wire);
    return d && (f->errors.n == 0 || read_otherwise(f, d)) ? d : NULL;
}

static void handle_request_members(struct frame *f)
{
    Hubbub__V1__RequestMembers *d = read_request_members(f);
    if (!d)
        close_undecodable(f);
    else if (f->c->session->state == SESSION_OPEN)
        members_request(f->h, f->c->session, d);
}

static void handle_command(struct frame *f)
{
    struct session *x = f->c->session;
    if (x->state != SESSION_OPEN)
        connection_close(f->h, f->c, 4003, "Not authenticated");
    else if (!f->d)
        close_undecodable(f);
    else
        f->h->io.command(f->h->io.user, f->c->edge, &x->identity, f->op, f->d);
}

static void handle_voice(struct frame *f)
{
    Hubbub__V1__VoiceStateInput *d = read_message(f, &hubbub__v1__voice_state_input__wire);
    if (!d)
        close_undecodable(f);
    else if (f->c->session->state == SESSION_OPEN)
        voice_request(f->h, f->c->session, d);
}

static void handle_subscription(struct frame *f)
{
    Hubbub__V1__GuildSubscription *d = read_leniently(f, &hubbub__v1__guild_subscription__wire);
    if (!d || f->c->session->state != SESSION_OPEN)
        return;
    presence_subscribe(f->h, f->c->session, d);
    lists_subscribe(f->h, f->c->session, d->guild_id, f->d);
}

static void handle_subscription_of(void *user, const char *guild_id, struct wire_json *value)
{
    struct frame of = *(struct frame *)user;
    of.d = value;
    of.errors = (struct wire_errors){.arena = of.arena};
    Hubbub__V1__GuildSubscription *d = read_leniently(&of, &hubbub__v1__guild_subscription__wire);
    if (!d)
        return;
    d->has_guild_id = true;
    d->guild_id = strtoull(guild_id, NULL, 10);
    presence_subscribe(of.h, of.c->session, d);
    lists_subscribe(of.h, of.c->session, d->guild_id, value);
}

static void handle_subscriptions(struct frame *f)
{
    struct wire_json *all = f->d ? wire_json_get(f->d, "subscriptions") : NULL;
    if (all && f->c->session->state == SESSION_OPEN)
        wire_json_each(all, handle_subscription_of, f);
}

static void handle_nothing(struct frame *f)
{
}

/* PROTOCOL section 4. An op that is not here: 4001. before: may come before IDENTIFY. */
static const struct op_rule {
    int64_t op;
    bool before;
    void (*handle)(struct frame *);
} op_rules[] = {
    {1, true, handle_heartbeat},  {2, true, handle_identify},         {3, false, handle_presence},
    {4, false, handle_voice},     {5, false, handle_nothing}, /* voice server ping */
    {6, true, handle_resume},     {8, false, handle_request_members}, {14, false, handle_subscription},
    {17, false, handle_nothing}, /* lobby voice states */
    {28, false, handle_nothing}, /* forum unreads */
    {29, false, handle_nothing}, /* remote command */
    {32, false, handle_nothing}, /* speed test */
    {33, false, handle_nothing},  {37, false, handle_subscriptions},  {40, true, handle_heartbeat},
    {41, false, handle_nothing}, /* time-spent session id */
    {42, false, handle_nothing}, /* lobby voice ping */
    {100, false, handle_command},
};

static const struct op_rule *find_op(int64_t op)
{
    for (size_t i = 0; i < sizeof op_rules / sizeof *op_rules; i++)
        if (op_rules[i].op == op)
            return &op_rules[i];
    return NULL;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

/* Bots have the smaller limit, but for op 100. */
static bool over_size(const struct hub *h, const struct hub_connection *c, size_t n, int64_t op)
{
    bool bot = c->session && c->session->identity.bot;
    return n > (bot && op != 100 ? h->config.frame_bytes_max_bot : h->config.frame_bytes_max_user);
}

static void run_op(struct frame *f, size_t n)
{
    const struct op_rule *rule = find_op(f->op);
    if (over_size(f->h, f->c, n, f->op))
        close_undecodable(f);
    else if (!rule)
        connection_close(f->h, f->c, 4001, "Unknown opcode");
    else if (!f->c->session && !rule->before)
        connection_close(f->h, f->c, 4003, "Not authenticated");
    else
        rule->handle(f);
}

static void parse_frame(struct hub *h, struct hub_connection *c, const char *text, size_t n)
{
    struct frame f = {.h = h, .c = c};
    struct wire_json *root = NULL;
    if (n > h->config.frame_bytes_max_user || wire_parse(text, n, &root) != ST_OK) {
        close_undecodable(&f);
        return;
    }
    f.arena = arena_create(0);
    if (wire_json_frame(root, &f.op, &f.d))
        run_op(&f, n);
    else
        close_undecodable(&f);
    arena_destroy(f.arena);
    wire_json_free(root);
}

void hub_receive(struct hub *h, struct hub_connection *c, const char *text, size_t n, int64_t now_ms)
{
    hub_wake(h, now_ms);
    if (c->closing)
        return;
    if (is_over(h, &h->config.frames, &c->frames))
        connection_close(h, c, 4008, "You are being rate limited");
    else
        parse_frame(h, c, text, n);
    hub_settle(h);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

struct hub_connection *hub_connected(struct hub *h, void *edge, int version, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct hub_connection *c = memory_zeroed(sizeof *c);
    *c = (struct hub_connection){.edge = edge, .version = version, .beat_at = now_ms};
    c->frames.start = c->presences.start = now_ms;
    c->identify_due = now_ms + h->config.identify_timeout_ms;
    DL_APPEND(h->connections, c);
    h->n_connections++;
    h->n_unidentified++;
    if (h->n_connections > h->config.connections_max)
        connection_close(h, c, 4000, "Too many connections");
    connection_send(h, c, h->draining ? h->reconnect : h->hello, -1);
    if (h->draining)
        c->cut_at = now_ms + RECONNECT_GRACE_MS;
    hub_settle(h);
    return c;
}

uint32_t hub_unidentified(const struct hub *h)
{
    return h->n_unidentified;
}

bool hub_wants_compression(const struct hub_connection *c)
{
    return c->session && c->session->compress;
}

void hub_disconnected(struct hub *h, struct hub_connection *c, uint16_t code, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct session *x = c->session;
    bool closing = c->closing;
    c->closing = true;
    move_forget(h, c);
    if (x) {
        if (c->told_s && code) /* it answers op 7, so it has what came before that */
            session_acknowledge(h, x, c->told_s);
        session_detach(h, x);
        if (!closing && (code == 1000 || code == 1001))
            session_end(h, x);
    }
    DL_DELETE(h->connections, c);
    h->n_connections--;
    memory_free_message(c->late);
    free(c);
    hub_settle(h);
}

/* What time alone does to a connection. sent_away: by this check; behind a pause those that are due go no faster. */
static void check(struct hub *h, struct hub_connection *c, int64_t *sent_away)
{
    if (c->reconnect_at && h->now >= c->reconnect_at && *sent_away < h->drain_per_check) {
        ++*sent_away;
        c->reconnect_at = 0;
        c->cut_at = h->now + RECONNECT_GRACE_MS;
        c->told_s = c->session ? c->session->s : 0;
        connection_send(h, c, h->reconnect, -1);
    }
    if (c->refused_until && h->now >= c->refused_until) {
        c->refused_until = 0;
        connection_invalidate(h, c);
    }
    if (c->late)
        tell_late_presence(h, c);
    if (c->cut_at && h->now >= c->cut_at)
        connection_close(h, c, 4000, "Reconnect");
    else if (h->now - c->beat_at >= (int64_t)h->config.heartbeat_interval_ms * 3 / 2)
        connection_close(h, c, 4009, "Session timed out");
    else if (!is_busy(c) && h->now >= c->identify_due)
        connection_close(h, c, 4003, "Not authenticated");
}

void connections_check(struct hub *h)
{
    struct hub_connection *c;
    int64_t sent_away = 0;
    h->n_unidentified = 0;
    DL_FOREACH(h->connections, c)
    {
        if (!c->closing)
            check(h, c, &sent_away);
        h->n_unidentified += !is_busy(c);
    }
}

/* All connections, shuffled. The caller frees it. */
static struct hub_connection **shuffle_connections(struct hub *h)
{
    struct hub_connection **all = memory_zeroed(h->n_connections * sizeof(struct hub_connection *)), *c;
    unsigned n = 0;
    DL_FOREACH(h->connections, c)
    {
        unsigned at = (unsigned)hub_random_below(h, n + 1);
        all[n++] = all[at];
        all[at] = c;
    }
    return all;
}

int64_t hub_drain(struct hub *h, int64_t window_ms, int64_t per_second, int64_t now_ms)
{
    hub_wake(h, now_ms);
    h->draining = true;
    h->drain_per_check = (per_second * SLOW_CHECK_MS + 999) / 1000;
    int64_t n = h->n_connections ? h->n_connections : 1;
    int64_t length = n * 1000 / per_second > window_ms ? n * 1000 / per_second : window_ms;
    struct hub_connection **all = shuffle_connections(h);
    for (unsigned i = 0; i < h->n_connections; i++)
        if (!all[i]->cut_at)
            all[i]->reconnect_at = now_ms + 1 + length * i / n;
    free(all);
    hub_settle(h);
    return length;
}
