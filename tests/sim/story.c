/* story.c - see story.h. */
#include "tests/sim/story.h"
#include <check.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- What is told ---------------------------------------------------------------------------------------------------
 */

static uint64_t id_of(json_t *d, const char *key)
{
    const char *text = json_string_value(json_object_get(d, key));
    return text ? strtoull(text, NULL, 10) : 0;
}

static struct segment *open_segment(struct story *y, uint64_t guild_id)
{
    for (unsigned i = 0; i < y->n_segments; i++)
        if (y->segments[i].open && fake_guild_id(y->segments[i].guild) == guild_id)
            return &y->segments[i];
    return NULL;
}

static void told_guild(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    uint64_t id = id_of(d, "id");
    EXPECT(sim, !open_segment(y, id), "GUILD_CREATE twice");
    EXPECT(sim, y->n_segments < SEGMENTS_MAX, "too many segments");
    struct segment *g = &y->segments[y->n_segments++];
    *g = (struct segment){.guild = (unsigned)(id >> 22) - 1, .open = true, .start = start};
    size_t i;
    json_t *channel;
    json_array_foreach(json_object_get(d, "channels"), i, channel) g->channels[g->n_channels++] = id_of(channel, "id");
}

static void told_guild_gone(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    struct segment *g = open_segment(y, id_of(d, "id"));
    EXPECT(sim, g, "GUILD_DELETE of a guild that was not there");
    g->open = false;
}

static void told_direct_message(struct stories *sim, struct story *y, json_t *d)
{
    uint64_t at = id_of(d, "channel_id") - fake_direct_id(0), id = id_of(d, "id");
    EXPECT(sim, at < FAKE_DIRECTS, "a message of no channel");
    unsigned n = y->n_direct[at]++;
    EXPECT(sim, n == 0 || y->direct[at][n - 1] < id, "user %u, DM %u: %u after %u", y->user, (unsigned)at, (unsigned)id,
           (unsigned)y->direct[at][n - 1]);
    y->direct[at] = memory_resized(y->direct[at], (n + 1) * sizeof id);
    y->direct[at][n] = id;
}

static void told_message(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    if (!json_object_get(d, "guild_id")) {
        told_direct_message(sim, y, d);
        return;
    }
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g, "a message of a guild that was not there");
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->seqs = memory_resized(g->seqs, g->cap * sizeof *g->seqs);
    }
    g->seqs[g->n++] = id_of(d, "id");
}

static bool drop_channel(struct segment *g, uint64_t id)
{
    for (unsigned i = 0; i < g->n_channels; i++)
        if (g->channels[i] == id) {
            g->channels[i] = g->channels[--g->n_channels];
            return true;
        }
    return false;
}

/* DMs come and go by names of their own; what is checked of them is their messages. */
static bool is_of_direct(json_t *d)
{
    return !json_object_get(d, "guild_id");
}

static void told_channel(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    if (is_of_direct(d))
        return;
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g, "a channel of a guild that was not there");
    EXPECT(sim, !drop_channel(g, id_of(d, "id")), "CHANNEL_CREATE twice");
    EXPECT(sim, g->n_channels < SEGMENT_CHANNELS_MAX, "too many channels");
    g->channels[g->n_channels++] = id_of(d, "id");
}

static void told_channel_gone(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    if (is_of_direct(d))
        return;
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g && drop_channel(g, id_of(d, "id")), "CHANNEL_DELETE of a channel that was not there");
}

static void told_channel_changed(struct stories *sim, struct story *y, json_t *d, uint64_t start)
{
    if (is_of_direct(d))
        return;
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g && drop_channel(g, id_of(d, "id")), "CHANNEL_UPDATE of a channel that was not there");
    g->channels[g->n_channels++] = id_of(d, "id");
}

static const struct {
    const char *name;
    void (*told)(struct stories *, struct story *, json_t *d, uint64_t start);
} listeners[] = {
    {"GUILD_CREATE", told_guild},     {"GUILD_DELETE", told_guild_gone},     {"MESSAGE_CREATE", told_message},
    {"CHANNEL_CREATE", told_channel}, {"CHANNEL_DELETE", told_channel_gone}, {"CHANNEL_UPDATE", told_channel_changed},
};

static uint64_t position_of(const struct stories *sim, const struct story *y, json_t *d)
{
    struct scope *s = scope_find(sim->w->gateways[y->gateway].hub, id_of(d, "id"));
    return s ? s->applied : 0;
}

/* old: it is told from an older story of the session. */
static void tell(struct stories *sim, struct story *y, int64_t s, const char *text, const struct telling *old)
{
    EXPECT(sim, s > y->s, "s %" PRId64 " after %" PRId64, s, y->s);
    if (y->n_tellings == y->cap_tellings) {
        y->cap_tellings = y->cap_tellings ? y->cap_tellings * 2 : 32;
        y->tellings = memory_resized(y->tellings, y->cap_tellings * sizeof *y->tellings);
    }
    json_t *root = json_loads(text, 0, NULL), *d = json_object_get(root, "d");
    const char *name = json_string_value(json_object_get(root, "t"));
    uint64_t start = old ? old->start : strcmp(name, "GUILD_CREATE") == 0 ? position_of(sim, y, d) : 0;
    y->s = s;
    y->tellings[y->n_tellings++] = (struct telling){s, memory_strdup(text), start};
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
        if (strcmp(name, listeners[i].name) == 0)
            listeners[i].told(sim, y, d, start);
    json_decref(root);
}

static void tell_from_ring(void *user, struct hub_payload *p, int64_t s)
{
    struct stories *sim = ((void **)user)[0];
    struct story *y = ((void **)user)[1];
    char *text = memory_zeroed(p->len + 16);
    snprintf(text, p->len + 16, "%.*s%10" PRId64 "}", (int)p->len, p->data, s);
    tell(sim, y, s, text, NULL);
    free(text);
}

/* ---- Stories ---------------------------------------------------------------------------------------------------- */

static struct story *find_story(const struct stories *sim, const char *session_id)
{
    struct story *y;
    DL_FOREACH(sim->list, y)
    if (!y->draft && strcmp(y->session_id, session_id) == 0)
        return y;
    return NULL;
}

static struct story *find_at(const struct stories *sim, const struct session *x, unsigned gateway, bool draft)
{
    struct story *y;
    DL_FOREACH(sim->list, y)
    if (y->draft == draft && y->gateway == gateway && y->hop == x->hop && strcmp(y->session_id, x->id) == 0)
        return y;
    return NULL;
}

static struct story *begin(struct stories *sim, const struct session *x, unsigned user, unsigned gateway)
{
    struct story *y = memory_zeroed(sizeof *y);
    snprintf(y->session_id, sizeof y->session_id, "%s", x->id);
    y->user = user;
    y->gateway = gateway;
    y->hop = x->hop;
    y->tick = INT64_MAX;
    DL_APPEND(sim->list, y);
    return y;
}

static void end(struct stories *sim, struct story *y)
{
    DL_DELETE(sim->list, y);
    for (unsigned i = 0; i < y->n_tellings; i++)
        free(y->tellings[i].text);
    free(y->tellings);
    for (unsigned d = 0; d < FAKE_DIRECTS; d++)
        free(y->direct[d]);
    for (unsigned i = 0; i < y->n_segments; i++)
        free(y->segments[i].seqs);
    free(y);
}

/* What it was told where it comes from, up to where it goes on: all of it, or to its tick. */
static struct story *begin_draft(struct stories *sim, const struct session *x, unsigned gateway)
{
    struct story *from = find_story(sim, x->id);
    EXPECT(sim, from, "a session moves in that nobody had");
    struct story *y = begin(sim, x, from->user, gateway);
    EXPECT(sim, move_is_claimed(x) || x->move->s == from->s, "a session moves at %" PRId64 " instead of %" PRId64,
           x->move->s, from->s);
    y->draft = true;
    y->tick = move_is_claimed(x) && x->move->s < from->tick ? x->move->s : from->tick;
    for (unsigned i = 0; i < from->n_tellings && from->tellings[i].s <= x->move->s; i++)
        tell(sim, y, from->tellings[i].s, from->tellings[i].text, &from->tellings[i]);
    if (move_is_claimed(x)) {
        EXPECT(sim, x->ring.floor >= y->s, "a tick of %" PRId64 " for %" PRId64, y->s, x->ring.floor);
        y->s = x->ring.floor; /* the s of the client */
        sim->claimed++;
    }
    return y;
}

static void confirm(struct stories *sim, struct story *draft)
{
    struct story *before = find_story(sim, draft->session_id);
    EXPECT(sim, !before->seen || before->doubtful, "two gateways have a session of user %u", draft->user);
    end(sim, before);
    draft->draft = false;
    sim->moved++;
}

static void look_at(struct stories *sim, const struct session *x, unsigned gateway)
{
    const struct fake_gateway *at = &sim->w->gateways[gateway]; /* that woke up notices by its next turn */
    bool doubtful = x->doubtful || at->hung_since || sim->w->now - at->hub->ticked_at >= HUNG_MS;
    struct story *y = find_at(sim, x, gateway, true);
    if (y && !x->arrival)
        confirm(sim, y);
    else if (!y)
        y = x->arrival ? begin_draft(sim, x, gateway) : find_at(sim, x, gateway, false);
    if (!y && doubtful && find_story(sim, x->id))
        return; /* it was claimed meanwhile */
    if (!y) {
        unsigned user = (unsigned)(x->user->id - fake_user_id(0));
        EXPECT(sim, !find_story(sim, x->id), "a session of user %u is there again", user);
        y = begin(sim, x, user, gateway);
    }
    y->seen = true;
    y->doubtful = doubtful;
    void *both[2] = {sim, y};
    ring_replay(&x->ring, y->s, tell_from_ring, both);
    if (x->s > y->s && x->state == SESSION_OPEN)
        y->s = x->s; /* of what no ring keeps: member lists */
}

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

static const struct telling *find_telling(const struct story *y, int64_t s)
{
    for (unsigned i = y->n_tellings; i-- > 0 && y->tellings[i].s >= s;)
        if (y->tellings[i].s == s)
            return &y->tellings[i];
    return NULL;
}

/* The frames of a socket are those of its session, without a hole. What a ring does not keep may be missing. */
static void compare_frame(struct stories *sim, const struct fake_client *c, struct audience *a,
                          const struct fake_frame *f)
{
    const struct story *y = find_story(sim, c->session_id);
    if (y && y->gateway != c->gateway) /* a socket of a gateway that hung, and whose client is elsewhere */
        return;
    if (f->s == 1)
        a->last = 0;
    EXPECT(sim, a->last >= 0 && f->s > a->last, "a client was sent %" PRId64 " after %" PRId64, f->s, a->last);
    for (int64_t s = a->last + 1; y && s < f->s; s++)
        EXPECT(sim, !find_telling(y, s), "user %u was sent %" PRId64 " after %" PRId64, c->user, f->s, a->last);
    a->last = f->s;
    if (!y || (f->s > y->s && !y->alive)) /* sent in the very turn in which the session ended */
        return;
    const struct telling *t = find_telling(y, f->s);
    EXPECT(sim, f->s <= y->s, "a client was sent more than its session");
    EXPECT(sim, !t || strcmp(f->text, t->text) == 0, "a replay differs: %s\ninstead of %s", f->text, t->text);
}

static void listen(struct stories *sim, unsigned client)
{
    const struct fake_client *c = sim->w->clients[client];
    struct audience *a = &sim->audiences[client];
    if (a->seen == 0)
        a->last = -1;
    for (; a->seen < c->n_frames; a->seen++) {
        const struct fake_frame *f = &c->frames[a->seen];
        if (a->last < 0 && c->resumed_id[0])
            a->last = c->resumed_seq;
        if (f->s >= 0)
            compare_frame(sim, c, a, f);
    }
}

void stories_look(struct stories *sim)
{
    struct story *y, *next;
    DL_FOREACH(sim->list, y)
    y->seen = false;
    for (unsigned confirmed = 2; confirmed-- > 0;) /* who has a session, then who is about to */
        for (unsigned g = 0; g < sim->w->n_gateways; g++) {
            struct session *x;
            if (sim->w->gateways[g].hub)
                DL_FOREACH(sim->w->gateways[g].hub->sessions, x)
            if ((!x->arrival) == confirmed && (x->arrival || x->state == SESSION_OPEN))
                look_at(sim, x, g);
        }
    DL_FOREACH_SAFE(sim->list, y, next)
    {
        y->alive = y->seen && !y->draft;
        if (y->draft && !y->seen)
            end(sim, y);
    }
    for (unsigned i = 0; i < sim->w->n_clients; i++)
        listen(sim, i);
}

/* ---- What they had to be told ---------------------------------------------------------------------------------------
 */

/* The number at which the user left after start, or the guild was deleted; else the head. */
static uint64_t segment_end(const struct stories *sim, const struct story *y, const struct segment *g)
{
    const struct fake_feed *f = &sim->w->guilds[g->guild].feed;
    for (uint64_t i = g->start; i < f->head; i++) {
        const Hubbub__V1__Event *e = f->entries[i].entry->event;
        if (e->guild_delete || (e->member_remove && e->member_remove->user->id == fake_user_id(y->user)))
            return i + 1;
    }
    return f->head;
}

/* Complete: a segment that was ended by GUILD_DELETE, or that of a session which is alive at the end. */
static void check_segment(struct stories *sim, const struct story *y, const struct segment *g)
{
    const struct fake_feed *f = &sim->w->guilds[g->guild].feed;
    uint64_t end = segment_end(sim, y, g);
    unsigned n = 0;
    for (uint64_t i = g->start; i < end; i++) {
        if (!(f->entries[i].viewers >> y->user & 1))
            continue;
        if (n < g->n)
            EXPECT(sim, g->seqs[n] == i + 1, "user %u, guild %u from %" PRIu64 ": %" PRIu64 " instead of %" PRIu64,
                   y->user, g->guild, g->start, g->seqs[n], i + 1);
        n++;
    }
    EXPECT(sim, g->n <= n, "user %u, guild %u: a message after the end", y->user, g->guild);
    EXPECT(sim, g->n == n || (g->open && !y->alive), "user %u, guild %u from %" PRIu64 " to %" PRIu64 ": %u of %u",
           y->user, g->guild, g->start, end, g->n, n);
}

static bool has_channel(const struct segment *g, uint64_t id)
{
    for (unsigned i = 0; i < g->n_channels; i++)
        if (g->channels[i] == id)
            return true;
    return false;
}

static void check_channels(struct stories *sim, const struct story *y, const struct segment *g)
{
    const struct fake_guild *guild = &sim->w->guilds[g->guild];
    unsigned n = 0;
    for (unsigned c = 0; c < guild->n_channels; c++) {
        if (!fake_can_view(sim->w, g->guild, c, y->user))
            continue;
        n++;
        EXPECT(sim, has_channel(g, guild->channels[c].id), "user %u does not know channel %" PRIu64, y->user,
               guild->channels[c].id);
    }
    EXPECT(sim, n == g->n_channels, "user %u knows %u channels of guild %u instead of %u", y->user, g->n_channels,
           g->guild, n);
}

/* From the first message on: all that was written while the user was in it. */
static void check_direct(struct stories *sim, const struct story *y, unsigned direct)
{
    const struct fake_feed *f = &sim->w->directs[direct].feed;
    unsigned n = 0, n_told = y->n_direct[direct];
    const uint64_t *seqs = y->direct[direct];
    for (uint64_t i = n_told ? seqs[0] - 1 : f->head; i < f->head; i++) {
        uint64_t next = n < n_told ? seqs[n] : f->head + 1;
        bool meant = f->entries[i].viewers >> y->user & 1;
        EXPECT(sim, meant || next != i + 1, "user %u, DM %u: %u from outside", y->user, direct, (unsigned)next);
        if (next == i + 1)
            n++;
        else if (meant && (n < n_told || y->alive))
            EXPECT(sim, false, "user %u, DM %u: %u is missing", y->user, direct, (unsigned)i + 1);
    }
}

static void check_story(struct stories *sim, struct story *y)
{
    for (unsigned d = 0; d < FAKE_DIRECTS; d++)
        check_direct(sim, y, d);
    for (unsigned i = 0; i < y->n_segments; i++)
        check_segment(sim, y, &y->segments[i]);
    for (unsigned g = 0; y->alive && g < FAKE_GUILDS; g++) {
        struct segment *open = open_segment(y, fake_guild_id(g));
        EXPECT(sim, !open == !sim->w->guilds[g].member[y->user], "user %u %s guild %u", y->user,
               open ? "still has" : "lacks", g);
        if (open)
            check_channels(sim, y, open);
    }
}

void stories_note_ticks(struct stories *sim, const char *session_id)
{
    struct story *y = find_story(sim, session_id);
    if (y)
        y->tick = INT64_MAX;
}

bool stories_went_back(const struct stories *sim, const char *session_id, int64_t s)
{
    const struct story *y = find_story(sim, session_id);
    return y && y->tick <= s;
}

bool stories_alive(const struct stories *sim, const char *session_id)
{
    const struct story *y = find_story(sim, session_id);
    return y && y->alive;
}

void stories_check(struct stories *sim)
{
    struct story *y;
    stories_look(sim);
    DL_FOREACH(sim->list, y)
    if (!y->draft)
        check_story(sim, y);
}

void stories_end(struct stories *sim)
{
    while (sim->list)
        end(sim, sim->list);
}
