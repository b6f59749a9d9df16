/* Seeded schedules: a bus that drops, doubles and reorders, answers that come late or fail, transactions that commit
 * late, truncation, new generations, revocations, joins, sockets that break and resume. Whatever happens: each session
 * is given every message that its user may see exactly once and in order, from the position of its GUILD_CREATE on; it
 * ends up with the guilds and channels that are its own; and a client that resumes sees the same stream as one that was
 * never cut.
 *
 * Of RELIABILITY's invariants: I3 (order), I4 (nobody is told what they may not view), I5 and I6 (RESUME: no gap,
 * nothing twice), I7 (everything, once faults have ended). DMs too: from the first message that a session was told in
 * one, every message of the time in which its user was in it.
 *
 *   simulation                 100 seeds, or this shard's part of 1,000 under Bazel
 *   simulation SEED            that one
 *   simulation FROM TO         up to the first that fails */
#include "lib/permission/permission.h"
#include "services/gateway/core/fake_world.h"
#include <check.h>
#include <stdio.h>

enum { STEPS = 1500, SEGMENTS_MAX = 64, LIVE_CLIENTS_MAX = 12 };

/* What a session was told of one guild, from GUILD_CREATE to GUILD_DELETE. */
struct segment {
    unsigned guild;
    uint64_t start;
    bool open;
    uint64_t *seqs;
    unsigned n, cap;
    uint64_t channels[256];
    unsigned n_channels;
};
/* All that one session was sent, gathered from its ring after every turn. */
struct story {
    char session_id[80];
    unsigned user;
    bool alive;
    int64_t s;
    char **texts; /* [s - 1] */
    struct segment segments[SEGMENTS_MAX];
    unsigned n_segments;
    uint64_t *direct[FAKE_DIRECTS]; /* the messages that were told */
    unsigned n_direct[FAKE_DIRECTS];
    struct story *prev, *next;
};
struct simulation {
    uint64_t seed;
    struct fake_world *w;
    struct story *stories;
    uint64_t late_xid[FAKE_GUILDS]; /* a running transaction holds the guild */
    bool bus_down;
    unsigned n_live;
    struct fake_client *live[LIVE_CLIENTS_MAX], *cut[LIVE_CLIENTS_MAX];
    unsigned n_cut;
    int64_t beat_at;
};

#define EXPECT(sim, condition, ...)                                                                                    \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "seed %llu: ", (unsigned long long)(sim)->seed);                                           \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            ck_abort_msg("seed %llu", (unsigned long long)(sim)->seed);                                                \
        }                                                                                                              \
    } while (0)

static unsigned below(struct simulation *sim, unsigned n)
{
    return (unsigned)(fake_random(sim->w) % n);
}

/* ---- What the sessions were told ------------------------------------------------------------------------------------
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

static void told_guild(struct simulation *sim, struct story *y, json_t *d)
{
    uint64_t id = id_of(d, "id");
    EXPECT(sim, !open_segment(y, id), "GUILD_CREATE twice");
    EXPECT(sim, y->n_segments < SEGMENTS_MAX, "too many segments");
    struct segment *g = &y->segments[y->n_segments++];
    *g = (struct segment){
        .guild = (unsigned)(id >> 22) - 1, .open = true, .start = scope_find(sim->w->hub, id)->applied};
    size_t i;
    json_t *channel;
    json_array_foreach(json_object_get(d, "channels"), i, channel) g->channels[g->n_channels++] = id_of(channel, "id");
}

static void told_guild_gone(struct simulation *sim, struct story *y, json_t *d)
{
    struct segment *g = open_segment(y, id_of(d, "id"));
    EXPECT(sim, g, "GUILD_DELETE of a guild that was not there");
    g->open = false;
}

static void told_direct_message(struct simulation *sim, struct story *y, json_t *d)
{
    uint64_t at = id_of(d, "channel_id") - fake_direct_id(0), id = id_of(d, "id");
    EXPECT(sim, at < FAKE_DIRECTS, "a message of no channel");
    unsigned n = y->n_direct[at]++;
    EXPECT(sim, n == 0 || y->direct[at][n - 1] < id, "user %u, DM %u: %u after %u", y->user, (unsigned)at, (unsigned)id,
           (unsigned)y->direct[at][n - 1]);
    y->direct[at] = memory_resized(y->direct[at], (n + 1) * sizeof id);
    y->direct[at][n] = id;
}

static void told_message(struct simulation *sim, struct story *y, json_t *d)
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

static void told_channel(struct simulation *sim, struct story *y, json_t *d)
{
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g, "a channel of a guild that was not there");
    EXPECT(sim, !drop_channel(g, id_of(d, "id")), "CHANNEL_CREATE twice");
    EXPECT(sim, g->n_channels < 256, "too many channels");
    g->channels[g->n_channels++] = id_of(d, "id");
}

static void told_channel_gone(struct simulation *sim, struct story *y, json_t *d)
{
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g && drop_channel(g, id_of(d, "id")), "CHANNEL_DELETE of a channel that was not there");
}

static void told_channel_changed(struct simulation *sim, struct story *y, json_t *d)
{
    struct segment *g = open_segment(y, id_of(d, "guild_id"));
    EXPECT(sim, g && drop_channel(g, id_of(d, "id")), "CHANNEL_UPDATE of a channel that was not there");
    g->channels[g->n_channels++] = id_of(d, "id");
}

static const struct {
    const char *name;
    void (*told)(struct simulation *, struct story *, json_t *);
} listeners[] = {
    {"GUILD_CREATE", told_guild},     {"GUILD_DELETE", told_guild_gone},     {"MESSAGE_CREATE", told_message},
    {"CHANNEL_CREATE", told_channel}, {"CHANNEL_DELETE", told_channel_gone}, {"CHANNEL_UPDATE", told_channel_changed},
};

/* DMs come and go by names of their own; what is checked of them is their messages. */
static bool is_of_direct(const char *name, json_t *d)
{
    return strncmp(name, "CHANNEL_", 8) == 0 && !json_object_get(d, "guild_id");
}

static void told(void *user, struct hub_payload *p, int64_t s)
{
    struct simulation *sim = ((void **)user)[0];
    struct story *y = ((void **)user)[1];
    EXPECT(sim, s == y->s + 1, "s %lld after %lld", (long long)s, (long long)y->s);
    y->s = s;
    y->texts = memory_resized(y->texts, (size_t)s * sizeof *y->texts);
    y->texts[s - 1] = memory_zeroed(p->len + 16);
    snprintf(y->texts[s - 1], p->len + 16, "%.*s%10lld}", (int)p->len, p->data, (long long)s);
    json_t *root = json_loads(y->texts[s - 1], 0, NULL);
    const char *name = json_string_value(json_object_get(root, "t"));
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
        if (strcmp(name, listeners[i].name) == 0)
            if (!is_of_direct(listeners[i].name, json_object_get(root, "d")))
                listeners[i].told(sim, y, json_object_get(root, "d"));
    json_decref(root);
}

static struct story *find_story(struct simulation *sim, const char *session_id)
{
    struct story *y;
    DL_FOREACH(sim->stories, y)
    if (strcmp(y->session_id, session_id) == 0)
        return y;
    return NULL;
}

static struct story *story_of(struct simulation *sim, const struct session *x)
{
    struct story *y = find_story(sim, x->id);
    if (y)
        return y;
    y = memory_zeroed(sizeof *y);
    snprintf(y->session_id, sizeof y->session_id, "%s", x->id);
    y->user = (unsigned)(x->user->id - fake_user_id(0));
    DL_APPEND(sim->stories, y);
    return y;
}

static void look(struct fake_world *w)
{
    struct simulation *sim = w->on_turn_user;
    struct story *y;
    DL_FOREACH(sim->stories, y)
    y->alive = false;
    struct session *x;
    DL_FOREACH(w->hub->sessions, x)
    {
        if (x->state != SESSION_OPEN)
            continue;
        y = story_of(sim, x);
        y->alive = true;
        void *both[2] = {sim, y};
        ring_replay(&x->ring, y->s, told, both);
    }
}

/* ---- What they had to be told ---------------------------------------------------------------------------------------
 */

/* The number at which the user left after start, or the guild was deleted; else the head. */
static uint64_t segment_end(const struct simulation *sim, const struct story *y, const struct segment *g)
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
static void check_segment(struct simulation *sim, const struct story *y, const struct segment *g)
{
    const struct fake_feed *f = &sim->w->guilds[g->guild].feed;
    uint64_t end = segment_end(sim, y, g);
    unsigned n = 0;
    for (uint64_t i = g->start; i < end; i++) {
        if (!(f->entries[i].viewers >> y->user & 1))
            continue;
        if (n < g->n)
            EXPECT(sim, g->seqs[n] == i + 1, "user %u, guild %u from %llu: %llu instead of %llu", y->user, g->guild,
                   (unsigned long long)g->start, (unsigned long long)g->seqs[n], (unsigned long long)i + 1);
        n++;
    }
    EXPECT(sim, g->n <= n, "user %u, guild %u: a message after the end", y->user, g->guild);
    EXPECT(sim, g->n == n || (g->open && !y->alive), "user %u, guild %u from %llu to %llu: %u messages of %u", y->user,
           g->guild, (unsigned long long)g->start, (unsigned long long)end, g->n, n);
}

static bool has_channel(const struct segment *g, uint64_t id)
{
    for (unsigned i = 0; i < g->n_channels; i++)
        if (g->channels[i] == id)
            return true;
    return false;
}

static void check_channels(struct simulation *sim, const struct story *y, const struct segment *g)
{
    const struct fake_guild *guild = &sim->w->guilds[g->guild];
    unsigned n = 0;
    for (unsigned c = 0; c < guild->n_channels; c++) {
        if (!fake_can_view(sim->w, g->guild, c, y->user))
            continue;
        n++;
        EXPECT(sim, has_channel(g, guild->channels[c].id), "user %u does not know channel %llu", y->user,
               (unsigned long long)guild->channels[c].id);
    }
    EXPECT(sim, n == g->n_channels, "user %u knows %u channels of guild %u instead of %u", y->user, g->n_channels,
           g->guild, n);
}

/* From the first message on: all that was written while the user was in it. */
static void check_direct(struct simulation *sim, const struct story *y, unsigned direct)
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

static void check_story(struct simulation *sim, struct story *y)
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

/* The client's frames are those of its session, without a hole. */
static void check_client(struct simulation *sim, const struct fake_client *c)
{
    int64_t last = c->resumed_seq;
    struct story *y = find_story(sim, c->resumed_id);
    for (unsigned i = 0; y && i < c->n_frames; i++) {
        const struct fake_frame *f = &c->frames[i];
        if (f->s < 0)
            continue;
        if (f->s == 1) {
            y = NULL; /* a later session on the same socket */
            for (struct story *z = sim->stories; z && !y; z = z->next)
                if (z->s > 0 && strcmp(z->texts[0], f->text) == 0)
                    y = z;
            last = 0;
            EXPECT(sim, y, "a READY of no session");
        }
        EXPECT(sim, last == 0 || f->s == last + 1, "a client was sent %lld after %lld", (long long)f->s,
               (long long)last);
        if (f->s > y->s) /* sent in the very turn in which the session ended */
            EXPECT(sim, !y->alive, "a client was sent more than its session");
        else
            EXPECT(sim, strcmp(f->text, y->texts[f->s - 1]) == 0, "a replay differs: %s", f->text);
        last = f->s;
    }
}

/* ---- What happens ---------------------------------------------------------------------------------------------------
 */

static void change_member(struct simulation *sim, unsigned guild)
{
    struct fake_guild *g = &sim->w->guilds[guild];
    unsigned user = below(sim, FAKE_USERS);
    if (!g->member[user])
        fake_join(sim->w, guild, user);
    else if (below(sim, 2) && fake_user_id(user) != g->owner)
        fake_leave(sim->w, guild, user);
    else
        fake_set_roles(sim->w, guild, user, below(sim, 1 << FAKE_ROLES));
}

static void change_channel(struct simulation *sim, unsigned guild)
{
    struct fake_guild *g = &sim->w->guilds[guild];
    if (g->n_channels == 0 || (g->n_channels < FAKE_CHANNELS && below(sim, 4) == 0 && sim->w->last_channel < 4000))
        fake_add_channel(sim->w, guild);
    else if (below(sim, 6) == 0)
        fake_remove_channel(sim->w, guild, below(sim, g->n_channels));
    else if (below(sim, 3) == 0)
        fake_show_to_user(sim->w, guild, below(sim, g->n_channels), below(sim, FAKE_USERS));
    else
        fake_set_channel(sim->w, guild, below(sim, g->n_channels), below(sim, 2), below(sim, FAKE_ROLES));
}

static void change_guild(struct simulation *sim, unsigned guild)
{
    struct fake_guild *g = &sim->w->guilds[guild];
    unsigned what = below(sim, 20);
    if (what < 13 && g->n_channels)
        fake_message(sim->w, guild, below(sim, g->n_channels), below(sim, FAKE_USERS));
    else if (what < 16)
        change_member(sim, guild);
    else if (what < 18)
        change_channel(sim, guild);
    else if (what == 18)
        fake_set_role_permissions(sim->w, guild, below(sim, FAKE_ROLES),
                                  (below(sim, 3) ? PERM_VIEW_CHANNEL : 0) | (below(sim, 8) ? 0 : PERM_ADMINISTRATOR));
    else if (guild == 2 && below(sim, 40) == 0)
        fake_delete_guild(sim->w, guild);
}

/* A transaction holds its guild from begin to commit. */
static void change(struct simulation *sim)
{
    unsigned guild = below(sim, FAKE_GUILDS);
    if (sim->w->guilds[guild].deleted)
        return;
    if (sim->late_xid[guild]) {
        if (below(sim, 4))
            return;
        fake_commit_as(sim->w, sim->late_xid[guild]);
        sim->late_xid[guild] = 0;
        change_guild(sim, guild);
        sim->w->committing = 0;
    } else if (below(sim, 8) == 0) {
        sim->late_xid[guild] = fake_begin(sim->w);
    } else {
        change_guild(sim, guild);
    }
}

static void change_direct(struct simulation *sim)
{
    unsigned direct = below(sim, FAKE_DIRECTS), user = below(sim, FAKE_USERS), what = below(sim, 12);
    const struct fake_direct *d = &sim->w->directs[direct];
    if (what < 8 && d->in[user])
        fake_direct_message(sim->w, direct, user);
    else if (what < 9 && d->in[user])
        fake_expel(sim->w, direct, user);
    else if (what < 10 && d->shown[user])
        fake_close_direct(sim->w, direct, user);
    else if (!d->shown[user])
        fake_show_direct(sim->w, direct, user);
    else
        fake_direct_update(sim->w, direct);
}

static void change_user(struct simulation *sim)
{
    unsigned user = below(sim, FAKE_USERS);
    if (below(sim, 4))
        fake_rename_user(sim->w, user);
    else
        fake_revoke(sim->w, user);
}

static void carry(struct simulation *sim)
{
    struct fake_bus *b = sim->w->bus;
    for (unsigned skip = below(sim, 4); b && skip > 0 && b->next; skip--)
        b = b->next;
    if (b)
        fake_bus_deliver(sim->w, b, sim->bus_down || below(sim, 5) == 0, below(sim, 8) == 0);
}

static void answer(struct simulation *sim)
{
    struct fake_question *q = sim->w->questions;
    for (unsigned skip = below(sim, 5); q && skip > 0 && q->next; skip--)
        q = q->next;
    if (!q)
        return;
    if (!q->served)
        fake_serve(sim->w, q, below(sim, 10) == 0 ? ST_UNAVAILABLE : ST_OK);
    if (below(sim, 3))
        fake_deliver(sim->w, q);
}

static void drop_live(struct simulation *sim, unsigned i)
{
    sim->live[i] = sim->live[--sim->n_live];
}

static void connect_client(struct simulation *sim)
{
    if (sim->n_live == LIVE_CLIENTS_MAX || sim->w->n_clients == FAKE_CLIENTS)
        return;
    struct fake_client *c = fake_connect(sim->w);
    sim->live[sim->n_live++] = c;
    if (sim->n_cut > 0 && below(sim, 2)) {
        struct fake_client *old = sim->cut[--sim->n_cut];
        fake_resume(c, old, old->seq > 3 && below(sim, 2) ? old->seq - below(sim, 3) : old->seq);
    } else {
        fake_identify(c, below(sim, FAKE_USERS));
    }
}

static void cut_client(struct simulation *sim)
{
    if (sim->n_live == 0)
        return;
    unsigned i = below(sim, sim->n_live);
    struct fake_client *c = sim->live[i];
    drop_live(sim, i);
    fake_cut(c, below(sim, 4) == 0 ? 1000 : 0);
    if (c->session_id[0] && !c->close_code && !c->invalid && sim->n_cut < LIVE_CLIENTS_MAX)
        sim->cut[sim->n_cut++] = c;
}

/* Clients answer for themselves: closed sockets go, invalid sessions identify again, hearts beat. */
static void attend_clients(struct simulation *sim)
{
    for (unsigned i = sim->n_live; i-- > 0;) {
        struct fake_client *c = sim->live[i];
        if (c->close_code) {
            drop_live(sim, i);
            fake_cut(c, 0);
        } else if (c->invalid) {
            c->session_id[0] = '\0';
            c->ready = false;
            fake_identify(c, c->user);
        }
    }
    if (sim->w->now - sim->beat_at < 10000)
        return;
    sim->beat_at = sim->w->now;
    for (unsigned i = 0; i < sim->n_live; i++)
        fake_send(sim->live[i], "{\"op\":1,\"d\":%lld}", (long long)sim->live[i]->seq);
}

static void disturb(struct simulation *sim)
{
    switch (below(sim, 40)) {
    case 0:
        fake_truncate(sim->w, &sim->w->guilds[below(sim, FAKE_GUILDS)].feed);
        break;
    case 1:
        fake_truncate(sim->w, &sim->w->users[below(sim, FAKE_USERS)].feed);
        break;
    case 2:
        fake_new_generation(sim->w);
        break;
    case 3:
    case 4:
    case 5:
        sim->bus_down = !sim->bus_down;
        hub_on_bus_state(sim->w->hub, !sim->bus_down, sim->w->now);
        look(sim->w);
        break;
    }
}

static void step(struct simulation *sim)
{
    unsigned what = below(sim, 100);
    if (what < 18)
        change(sim);
    else if (what < 22)
        change_direct(sim);
    else if (what < 24)
        change_user(sim);
    else if (what < 45)
        carry(sim);
    else if (what < 72)
        answer(sim);
    else if (what < 92)
        fake_tick(sim->w, 1 + below(sim, 30));
    else if (what < 95)
        connect_client(sim);
    else if (what < 97)
        cut_client(sim);
    else
        disturb(sim);
    attend_clients(sim);
}

/* Everything works again: what was lost is healed within seconds. */
static void heal(struct simulation *sim)
{
    for (unsigned g = 0; g < FAKE_GUILDS; g++)
        if (sim->late_xid[g])
            fake_commit_as(sim->w, sim->late_xid[g]);
    sim->w->committing = 0;
    hub_on_bus_state(sim->w->hub, true, sim->w->now);
    look(sim->w);
    for (int i = 0; i < 50; i++) {
        fake_run(sim->w, 100);
        attend_clients(sim);
    }
}

static void end_story(struct simulation *sim, struct story *y)
{
    DL_DELETE(sim->stories, y);
    for (int64_t s = 0; s < y->s; s++)
        free(y->texts[s]);
    free(y->texts);
    for (unsigned d = 0; d < FAKE_DIRECTS; d++)
        free(y->direct[d]);
    for (unsigned i = 0; i < y->n_segments; i++)
        free(y->segments[i].seqs);
    free(y);
}

static void run_seed(uint64_t seed)
{
    struct simulation sim = {.seed = seed};
    sim.w = fake_create(seed);
    sim.w->on_turn = look;
    sim.w->on_turn_user = &sim;
    sim.w->read_limit = 1 + below(&sim, 6);
    sim.beat_at = sim.w->now;
    for (unsigned i = 0; i < STEPS; i++)
        step(&sim);
    heal(&sim);
    struct story *y;
    DL_FOREACH(sim.stories, y)
    check_story(&sim, y);
    for (unsigned i = 0; i < sim.w->n_clients; i++)
        check_client(&sim, sim.w->clients[i]);
    for (unsigned i = 0; i < sim.n_live; i++)
        EXPECT(&sim, sim.live[i]->seq > 0, "user %u is not ready at the end: invalid %d, closed %u, last frame %s",
               sim.live[i]->user, sim.live[i]->invalid, sim.live[i]->close_code,
               sim.live[i]->frames[sim.live[i]->n_frames - 1].text);
    if (getenv("SIMULATION_VERBOSE")) {
        struct hub_stats st;
        hub_stats(sim.w->hub, &st);
        printf("seed %llu: %llu dispatched, %llu identified, %llu resumed, %llu reads, %llu resets, %llu invalid\n",
               (unsigned long long)seed, (unsigned long long)st.dispatched, (unsigned long long)st.identified,
               (unsigned long long)st.resumed, (unsigned long long)st.reads, (unsigned long long)st.resets,
               (unsigned long long)st.invalid_sessions);
    }
    while (sim.stories)
        end_story(&sim, sim.stories);
    fake_destroy(sim.w);
}

static uint64_t first_seed = 1, last_seed = 100;

START_TEST(sessions_get_everything_once_and_in_order)
{
    for (uint64_t seed = first_seed; seed <= last_seed; seed++)
        run_seed(seed);
}
END_TEST

enum { SEEDS = 1000 };

/* Bazel runs parts of the seeds at a time. */
static void take_shard(void)
{
    const char *index = getenv("TEST_SHARD_INDEX"), *total = getenv("TEST_TOTAL_SHARDS"),
               *said = getenv("TEST_SHARD_STATUS_FILE");
    if (!index || !total || atoi(total) < 1)
        return;
    FILE *f = said ? fopen(said, "w") : NULL;
    if (f)
        fclose(f);
    unsigned part = SEEDS / (unsigned)atoi(total);
    first_seed = (unsigned)atoi(index) * part + 1;
    last_seed = first_seed + part - 1;
}

int main(int argc, char **argv)
{
    take_shard();
    if (argc > 1)
        first_seed = last_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        last_seed = strtoull(argv[2], NULL, 10);
    Suite *s = suite_create("simulation");
    TCase *t = tcase_create("simulation");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, sessions_get_everything_once_and_in_order);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
