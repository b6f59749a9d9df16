/* Seeded schedules: up to three gateways, a bus that drops, doubles and reorders for each of them, answers that come
 * late, fail or are lost, transactions that commit late, truncation, new generations, revocations, joins; sockets that
 * break or hang and resume at any gateway, gateways that are killed, hang, drain and start anew, a Redis that is away
 * or wiped. Whatever happens: each session is given every message that its user may see exactly once and in order, from
 * the position of its GUILD_CREATE on; it ends up with the guilds and channels that are its own; and a client that
 * resumes sees the same stream as one that was never cut.
 *
 * Of RELIABILITY's invariants: I3 (order), I4 (nobody is told what they may not view), I5 and I6 (RESUME: no gap,
 * nothing twice but what came after the last tick of a gateway that was killed), I7 (everything, once faults have
 * ended). DMs too: from the first message that a session was told in one, every message of the time in which its user
 * was in it. And who looks at a member list has that of the guild in the end, over all moves, though people are
 * renamed, get roles, join, leave, come and go. What a session was told is gathered and judged by story.c.
 *
 *   simulation                 100 seeds, or this shard's part of 1,000 under Bazel
 *   simulation SEED            that one
 *   simulation FROM TO         up to the first that fails */
#include "lib/permission/permission.h"
#include "services/gateway/core/fake_list.h"
#include "tests/sim/story.h"
#include <check.h>
#include <stdio.h>

enum { STEPS = 1500, LIVE_CLIENTS_MAX = 12, DRAIN_MS = 500, BEAT_MS = 10000, TOWN_PEOPLE = 8, LOOKS_MAX = 4 };

/* A client without a socket that will come back: what it had seen of its session. */
struct waiting {
    struct fake_client *client;
    int64_t seq;
};
/* A session that looks at the member list of a channel of guild 0. */
struct looking {
    struct looker *looker; /* NULL: nobody */
    uint64_t channel_id;
    char session_id[80];
    int64_t since; /* the session's s */
};
struct simulation {
    uint64_t seed;
    struct fake_world *w;
    struct stories stories;
    uint64_t late_xid[FAKE_GUILDS];               /* a running transaction holds the guild */
    bool bus_down, hung, draining[FAKE_GATEWAYS]; /* hung: a gateway, once at least */
    unsigned n_live, n_waiting, looked;
    struct fake_client *live[LIVE_CLIENTS_MAX];
    struct waiting waiting[LIVE_CLIENTS_MAX];
    int64_t beat_at;
    struct looking looks[LOOKS_MAX];
    /* How a run is: what happens in all of them at one rate hides what needs a calm time to happen at all. */
    unsigned answers;      /* questions that are answered in each step, besides */
    unsigned view_changes; /* one of so many changes of members, channels and roles is made, the others are messages */
    unsigned cuts;         /* percent of the steps */
};

static unsigned below(struct simulation *sim, unsigned n)
{
    return (unsigned)(fake_random(sim->w) % n);
}

static void look(struct fake_world *w)
{
    stories_look(&((struct simulation *)w->on_turn_user)->stories);
}

/* ---- What people do -------------------------------------------------------------------------------------------------
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
    if ((what < 13 || below(sim, sim->view_changes)) && g->n_channels)
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

static bool anybody_hangs(const struct simulation *sim)
{
    for (unsigned g = 0; g < sim->w->n_gateways; g++)
        if (sim->w->gateways[g].hung_since)
            return true;
    return false;
}

/* Presence is told as it comes and not read back, so it is only while everybody can hear it. */
static void come_or_go(struct simulation *sim, unsigned resident)
{
    bool online = !sim->w->town[resident].online;
    if (sim->bus_down || anybody_hangs(sim))
        return;
    for (unsigned g = 0; g < sim->w->n_gateways; g++) {
        fake_use(sim->w, g);
        if (sim->w->hub)
            fake_presence(sim->w, 0, TOWN + resident, online);
    }
}

static void change_town(struct simulation *sim)
{
    static const char *const names[] = {"Ann", "ann", "Zed", "bea"};
    unsigned resident = below(sim, TOWN_PEOPLE), what = below(sim, 8);
    if (what < 5)
        come_or_go(sim, resident);
    else if (sim->late_xid[0])
        return;
    else if (what < 7)
        fake_resident_set(sim->w, resident, names[below(sim, 4)], below(sim, 1 << FAKE_ROLES));
    else if (sim->view_changes == 1) { /* it looks like one */
        unsigned role = 1 + below(sim, FAKE_ROLES - 1);
        fake_hoist(sim->w, 0, role, below(sim, 2) ? (int)role : 0);
    }
}

/* ---- What is between chat and gateways ------------------------------------------------------------------------------
 */

static void carry(struct simulation *sim)
{
    struct fake_bus *b = sim->w->bus;
    for (unsigned skip = below(sim, 4); b && skip > 0 && b->next; skip--)
        b = b->next;
    unsigned to = 0;
    for (unsigned g = 0; g < sim->w->n_gateways; g++)
        to |= (unsigned)(below(sim, 5) != 0) << g;
    if (b)
        fake_bus_deliver_to(sim->w, b, sim->bus_down ? 0 : to, below(sim, 8) == 0);
}

static void answer(struct simulation *sim)
{
    struct fake_question *q = sim->w->questions;
    for (unsigned skip = below(sim, 5); q && skip > 0 && q->next; skip--)
        q = q->next;
    if (!q)
        return;
    if (sim->w->gateways[q->gateway].hung_since)
        return;
    if (!q->served)
        fake_serve(sim->w, q, below(sim, 10) == 0 ? ST_UNAVAILABLE : ST_OK);
    if (below(sim, 20) == 0)
        fake_lose(q);
    if (below(sim, 3))
        fake_deliver(sim->w, q);
}

/* ---- Clients --------------------------------------------------------------------------------------------------------
 */

static void drop_live(struct simulation *sim, unsigned i)
{
    sim->live[i] = sim->live[--sim->n_live];
}

/* Has seen its session up to seq, and will resume it. */
static void wait_for_socket(struct simulation *sim, struct fake_client *c, int64_t seq)
{
    if (c->session_id[0] && !c->invalid && sim->n_waiting < LIVE_CLIENTS_MAX)
        sim->waiting[sim->n_waiting++] = (struct waiting){c, seq};
}

static bool is_there(const struct simulation *sim, unsigned gateway)
{
    return sim->w->gateways[gateway].hub && !sim->w->gateways[gateway].hung_since;
}

/* Some gateway that lives; one that drains rarely. */
static unsigned choose_gateway(struct simulation *sim)
{
    unsigned g = below(sim, sim->w->n_gateways), n = sim->w->n_gateways;
    for (unsigned i = 0; i < 2 * n; i++, g = (g + 1) % n)
        if (is_there(sim, g) && (i >= n || !sim->draining[g] || below(sim, 8) == 0))
            break;
    return g;
}

/* The channel's index in guild 0 when the user views it; -1: not any longer. */
static int find_viewed(const struct simulation *sim, uint64_t channel_id, unsigned user)
{
    const struct fake_guild *g = &sim->w->guilds[0];
    for (unsigned c = 0; c < g->n_channels; c++)
        if (g->channels[c].id == channel_id)
            return fake_can_view(sim->w, 0, c, user) ? (int)c : -1;
    return -1;
}

static void stop_looking(struct looking *l)
{
    if (l->looker)
        looker_end(l->looker);
    free(l->looker);
    *l = (struct looking){0};
}

/* Who may not view it any longer has to ask again. */
static void attend_looks(struct simulation *sim)
{
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        struct looking *l = &sim->looks[i];
        int channel = l->looker ? find_viewed(sim, l->channel_id, l->looker->user) : -1;
        if (channel < 0)
            stop_looking(l);
        else
            l->looker->channel = (unsigned)channel;
    }
}

/* Whether the session was told of everything that decides who views what, so that it is not refused for the past. */
static bool may_look(const struct simulation *sim, const struct fake_client *c, uint64_t channel_id)
{
    const struct session *x = c->close_code || !is_there(sim, c->gateway) ? NULL : c->connection->session;
    struct hold *hold = x && x->state == SESSION_OPEN && !x->arrival ? session_find_hold(x, fake_guild_id(0)) : NULL;
    return hold && hold->attached && !hold->catchup && hold->scope->state == SCOPE_LIVE &&
           hold->scope->applied == sim->w->guilds[0].feed.head && strcmp(x->id, c->session_id) == 0 &&
           find_viewed(sim, channel_id, c->user) >= 0;
}

static void begin_to_look(struct simulation *sim)
{
    const struct fake_guild *g = &sim->w->guilds[0];
    if (!sim->n_live || !g->n_channels)
        return;
    struct fake_client *c = sim->live[below(sim, sim->n_live)];
    uint64_t channel_id = g->channels[below(sim, g->n_channels)].id;
    struct looking *l = &sim->looks[below(sim, LOOKS_MAX)];
    for (unsigned i = 0; i < LOOKS_MAX; i++) /* a session looks at one */
        if (strcmp(sim->looks[i].session_id, c->session_id) == 0)
            l = &sim->looks[i];
    if (!may_look(sim, c, channel_id))
        return;
    stop_looking(l);
    l->looker = memory_zeroed(sizeof *l->looker);
    *l->looker = (struct looker){.client = c,
                                 .user = c->user,
                                 .channel = (unsigned)find_viewed(sim, channel_id, c->user),
                                 .ranges = {{0, below(sim, 8)}, {8, 8 + below(sim, 20)}},
                                 .n_ranges = 2,
                                 .seen = c->n_frames};
    l->channel_id = channel_id;
    snprintf(l->session_id, sizeof l->session_id, "%s", c->session_id);
    l->since = c->connection->session->s;
    stories_note_ticks(&sim->stories, l->session_id);
    looker_subscribe(sim->w, l->looker);
}

/* It goes on by another socket: all of it is told anew there. */
static void look_from(struct simulation *sim, struct fake_client *c)
{
    for (unsigned i = 0; i < LOOKS_MAX; i++)
        if (sim->looks[i].looker && strcmp(sim->looks[i].session_id, c->session_id) == 0) {
            sim->looks[i].looker->client = c;
            sim->looks[i].looker->seen = 0;
        }
}

static bool is_live(const struct simulation *sim, const struct fake_client *c)
{
    for (unsigned i = 0; i < sim->n_live; i++)
        if (sim->live[i] == c)
            return true;
    return false;
}

static void check_looks(struct simulation *sim)
{
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        struct looking *l = &sim->looks[i];
        const struct fake_client *c = l->looker ? l->looker->client : NULL;
        const char *wrong = NULL;
        if (c && is_live(sim, c) && strcmp(c->session_id, l->session_id) == 0 &&
            stories_alive(&sim->stories, l->session_id) && !stories_went_back(&sim->stories, l->session_id, l->since)) {
            wrong = looker_wrong(sim->w, l->looker, false);
            sim->looked++;
        }
        EXPECT(sim, !wrong, "user %u looks at channel %u: %s", c->user, (unsigned)l->channel_id, wrong);
        stop_looking(l);
    }
}

static void connect_client(struct simulation *sim)
{
    if (sim->n_live == LIVE_CLIENTS_MAX || sim->w->n_clients == FAKE_CLIENTS)
        return;
    fake_use(sim->w, choose_gateway(sim));
    struct fake_client *c = fake_connect(sim->w);
    sim->live[sim->n_live++] = c;
    if (sim->n_waiting > 0 && below(sim, 4)) {
        struct waiting w = sim->waiting[--sim->n_waiting];
        fake_resume(c, w.client, w.seq);
        look_from(sim, c);
    } else {
        fake_identify(c, below(sim, FAKE_USERS));
    }
}

/* What was on its way to it is lost, but it has what it resumed with. */
static int64_t seen_of(struct simulation *sim, const struct fake_client *c)
{
    int64_t unseen = below(sim, 2) ? below(sim, 3) : 0, from = c->resumed_id[0] ? c->resumed_seq : 1;
    if (strcmp(c->resumed_id, c->session_id) != 0)
        from = 1;
    return c->seq - unseen > from ? c->seq - unseen : from;
}

/* A socket breaks; or it hangs, and only the client knows. */
static void cut_client(struct simulation *sim)
{
    if (sim->n_live == 0)
        return;
    unsigned i = below(sim, sim->n_live);
    struct fake_client *c = sim->live[i];
    bool known = c->ready || c->resumed_id[0];
    int64_t seq = known ? seen_of(sim, c) : 0;
    drop_live(sim, i);
    if (below(sim, 4) && is_there(sim, c->gateway))
        fake_cut(c, below(sim, 4) == 0 ? 1000 : 0);
    if (known && !c->close_code)
        wait_for_socket(sim, c, seq);
}

/* Of those that a gateway closes: whether the client resumes. */
static bool is_resumable(unsigned code)
{
    return code != 4004 && code != 4007 && code != 4009;
}

/* Clients answer for themselves: closed sockets come back, invalid sessions identify again, hearts beat. */
static void attend_clients(struct simulation *sim)
{
    for (unsigned i = sim->n_live; i-- > 0;) {
        struct fake_client *c = sim->live[i];
        if (!is_there(sim, c->gateway) && c->open)
            continue;
        if (c->close_code || c->sent_away || !c->open) {
            drop_live(sim, i);
            fake_cut(c, 0);
            if (is_resumable(c->close_code))
                wait_for_socket(sim, c, c->seq);
        } else if (c->invalid) {
            c->session_id[0] = c->resumed_id[0] = '\0';
            c->ready = false;
            fake_identify(c, c->user);
        }
    }
    if (sim->w->now - sim->beat_at < BEAT_MS)
        return;
    sim->beat_at = sim->w->now;
    for (unsigned i = 0; i < sim->n_live; i++)
        if (is_there(sim, sim->live[i]->gateway))
            fake_send(sim->live[i], "{\"op\":1,\"d\":%lld}", (long long)sim->live[i]->seq);
}

/* ---- Gateways -------------------------------------------------------------------------------------------------------
 */

static unsigned count_alive(const struct simulation *sim)
{
    unsigned n = 0;
    for (unsigned g = 0; g < sim->w->n_gateways; g++)
        n += is_there(sim, g) && !sim->draining[g];
    return n;
}

static void revive(struct simulation *sim, unsigned gateway)
{
    fake_revive(sim->w, gateway);
    sim->draining[gateway] = false;
    fake_use(sim->w, gateway);
    if (sim->bus_down)
        hub_on_bus_state(sim->w->hub, false, sim->w->now);
    look(sim->w);
}

/* kill -9, or the end of a drain: what was not taken goes on from its tick. */
static void kill_gateway(struct simulation *sim, unsigned gateway)
{
    fake_kill(sim->w, gateway);
    look(sim->w);
}

/* SIGSTOP; often for so long that the others take it for dead, and claim what it has. */
static void hang_gateway(struct simulation *sim, unsigned gateway)
{
    sim->hung = true;
    fake_hang(sim->w, gateway, true);
    bool is_long = below(sim, 2);
    for (int64_t end = sim->w->now + FAKE_GONE_MS; is_long && sim->w->now < end;) {
        fake_tick(sim->w, 50);
        answer(sim);
        carry(sim);
        attend_clients(sim);
    }
}

static void disturb_gateway(struct simulation *sim)
{
    unsigned g = below(sim, sim->w->n_gateways);
    if (!sim->w->gateways[g].hub) {
        revive(sim, g);
    } else if (sim->w->gateways[g].hung_since) {
        fake_hang(sim->w, g, false);
    } else if (count_alive(sim) > 1 && !sim->draining[g] && below(sim, 3) == 0) {
        hang_gateway(sim, g);
    } else if (sim->draining[g]) {
        kill_gateway(sim, g);
    } else if (count_alive(sim) > 1 && below(sim, 2)) {
        kill_gateway(sim, g);
    } else if (count_alive(sim) > 1) {
        sim->draining[g] = true;
        fake_use(sim->w, g);
        hub_drain(sim->w->hub, DRAIN_MS, 1000, sim->w->now);
        look(sim->w);
    }
}

static void set_bus(struct simulation *sim, bool down)
{
    sim->bus_down = down;
    for (unsigned g = 0; g < sim->w->n_gateways; g++) {
        fake_use(sim->w, g);
        if (is_there(sim, g))
            hub_on_bus_state(sim->w->hub, !down, sim->w->now);
    }
    look(sim->w);
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
        set_bus(sim, !sim->bus_down);
        break;
    case 6:
        sim->w->redis_away = !sim->w->redis_away;
        break;
    case 7:
        if (below(sim, 4) == 0 && !sim->hung) /* a hang and a wipe together: nobody is left who knows of a claim */
            fake_wipe(sim->w);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        disturb_gateway(sim);
        break;
    }
}

/* ---- A run ----------------------------------------------------------------------------------------------------------
 */

static void step(struct simulation *sim)
{
    unsigned what = below(sim, 100);
    if (what < 18)
        change(sim);
    else if (what < 22)
        change_direct(sim);
    else if (what < 23)
        change_user(sim);
    else if (what < 25)
        change_town(sim);
    else if (what < 28)
        begin_to_look(sim);
    else if (what < 46)
        carry(sim);
    else if (what < 72)
        answer(sim);
    else if (what < 92)
        fake_tick(sim->w, 1 + below(sim, 30));
    else if (what < 95)
        connect_client(sim);
    else if (what < 95 + sim->cuts)
        cut_client(sim);
    else
        disturb(sim);
    for (unsigned i = 0; i < sim->answers; i++)
        answer(sim);
    attend_clients(sim);
    attend_looks(sim);
}

/* Everything works again: what was lost is healed within seconds. */
static void heal(struct simulation *sim)
{
    for (unsigned g = 0; g < FAKE_GUILDS; g++)
        if (sim->late_xid[g])
            fake_commit_as(sim->w, sim->late_xid[g]);
    sim->w->committing = 0;
    sim->w->redis_away = false;
    for (unsigned g = 0; g < sim->w->n_gateways; g++) {
        fake_hang(sim->w, g, false);
        if (sim->w->gateways[g].hub && sim->draining[g])
            kill_gateway(sim, g);
        if (!sim->w->gateways[g].hub)
            revive(sim, g);
    }
    set_bus(sim, false);
    for (int i = 0; i < 80; i++) {
        fake_run(sim->w, 100);
        attend_clients(sim);
        while (i < 30 && sim->n_waiting > 0 && sim->n_live < LIVE_CLIENTS_MAX && sim->w->n_clients < FAKE_CLIENTS)
            connect_client(sim);
    }
}

static void print_run(const struct simulation *sim)
{
    struct hub_stats st, all = {0};
    for (unsigned g = 0; g < sim->w->n_gateways; g++) {
        hub_stats(sim->w->gateways[g].hub, &st);
        all.dispatched += st.dispatched, all.identified += st.identified, all.resumed += st.resumed;
        all.reads += st.reads, all.resets += st.resets, all.invalid_sessions += st.invalid_sessions;
    }
    printf("seed %llu, of the gateways that are there at the end: %llu dispatched, %llu identified, %llu resumed, %llu "
           "reads, %llu resets, %llu invalid; of all: %u moved, %u claims, %u looked\n",
           (unsigned long long)sim->seed, (unsigned long long)all.dispatched, (unsigned long long)all.identified,
           (unsigned long long)all.resumed, (unsigned long long)all.reads, (unsigned long long)all.resets,
           (unsigned long long)all.invalid_sessions, sim->stories.moved, sim->stories.claimed, sim->looked);
}

static void run_seed(uint64_t seed)
{
    static struct simulation sim;
    sim = (struct simulation){.seed = seed, .w = fake_create(seed)};
    sim.stories = (struct stories){.seed = seed, .w = sim.w};
    fake_settle_town(sim.w, TOWN_PEOPLE, TOWN_PEOPLE);
    sim.w->on_turn = look;
    sim.w->on_turn_user = &sim;
    sim.w->read_limit = 1 + below(&sim, 6);
    sim.answers = below(&sim, 4);
    sim.view_changes = 1 + below(&sim, 3) * 10;
    sim.cuts = 1 + below(&sim, 3);
    for (unsigned more = below(&sim, FAKE_GATEWAYS); more > 0; more--)
        fake_add_gateway(sim.w);
    sim.beat_at = sim.w->now;
    for (unsigned i = 0; i < STEPS; i++)
        step(&sim);
    heal(&sim);
    stories_check(&sim.stories);
    check_looks(&sim);
    for (unsigned i = 0; i < sim.n_live; i++)
        EXPECT(&sim, sim.live[i]->seq > 0, "user %u is not ready at the end: invalid %d, closed %u, last frame %s",
               sim.live[i]->user, sim.live[i]->invalid, sim.live[i]->close_code,
               sim.live[i]->frames[sim.live[i]->n_frames - 1].text);
    if (getenv("SIMULATION_VERBOSE"))
        print_run(&sim);
    stories_end(&sim.stories);
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
