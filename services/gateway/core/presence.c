/* presence.c - what a session shows of its user, as its client gave it and within bounds; and whose presence it is told
 * of. In a guild of at most PRESENCE_MEMBERS_MAX members everybody is told of everybody. In a larger one bots are, and
 * people of those members whom they subscribed to (ops 14 and 37: whoever is on their screen). */
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "services/gateway/core/state.h"

enum {
    ACTIVITIES_MAX = 10,
    ACTIVITY_TYPES = 6,
    TYPE_STREAMING = 1,
    TYPE_CUSTOM = 4,
    TEXT_MAX = 128,
    URL_MAX = 512,
    BUTTONS_MAX = 2,
    BUTTON_MAX = 32,
    PARTY_SIZES = 2,
};

/* ---- Activities -------------------------------------------------------------------------------------------------- */

/* Cuts to so many code points. */
static char *cut(struct arena *a, const char *text, size_t points_max)
{
    size_t points = 0, n = 0;
    if (!text)
        return NULL;
    for (; text[n]; n++)
        if ((text[n] & 0xc0) != 0x80 && points++ == points_max)
            break;
    return arena_strndup(a, text, n);
}

static bool is_url(const char *url)
{
    return url && strlen(url) <= URL_MAX && (!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7));
}

static void cut_details(struct arena *a, Hubbub__V1__Activity *y)
{
    y->details = cut(a, y->details, TEXT_MAX);
    if (y->emoji)
        y->emoji->name = cut(a, y->emoji->name, TEXT_MAX);
    if (y->party) {
        y->party->id = cut(a, y->party->id, TEXT_MAX);
        y->party->n_size = y->party->n_size == PARTY_SIZES ? PARTY_SIZES : 0;
    }
    if (y->assets) {
        char **texts[] = {&y->assets->large_image, &y->assets->large_text, &y->assets->small_image,
                          &y->assets->small_text};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            *texts[i] = cut(a, *texts[i], URL_MAX);
    }
    if (y->n_buttons > BUTTONS_MAX)
        y->n_buttons = BUTTONS_MAX;
    char **buttons = ARENA_ARRAY(a, char *, BUTTONS_MAX);
    for (size_t i = 0; i < y->n_buttons; i++)
        buttons[i] = cut(a, y->buttons[i], BUTTON_MAX);
    y->buttons = buttons;
}

/* A bot may set the name, the type, the state, and where it streams. */
static void drop_details(Hubbub__V1__Activity *y)
{
    Hubbub__V1__Activity kept = HUBBUB__V1__ACTIVITY__INIT;
    kept.name = y->name;
    kept.has_type = true;
    kept.type = y->type;
    kept.state = y->state;
    kept.url = y->url;
    *y = kept;
}

static void copy_emoji_and_rest(struct arena *a, Hubbub__V1__Activity *y)
{
    if (y->emoji) {
        Hubbub__V1__ActivityEmoji *emoji = PB_NEW(a, Hubbub__V1__ActivityEmoji, hubbub__v1__activity_emoji);
        *emoji = *y->emoji;
        y->emoji = emoji;
    }
    if (y->party) {
        Hubbub__V1__ActivityParty *party = PB_NEW(a, Hubbub__V1__ActivityParty, hubbub__v1__activity_party);
        *party = *y->party;
        y->party = party;
    }
    if (y->assets) {
        Hubbub__V1__ActivityAssets *assets = PB_NEW(a, Hubbub__V1__ActivityAssets, hubbub__v1__activity_assets);
        *assets = *y->assets;
        y->assets = assets;
    }
}

/* As others see it; NULL when it shows nothing. */
static Hubbub__V1__Activity *trim(struct arena *a, const Hubbub__V1__Activity *given, bool bot)
{
    if (given->type < 0 || given->type >= ACTIVITY_TYPES)
        return NULL;
    Hubbub__V1__Activity *y = PB_NEW(a, Hubbub__V1__Activity, hubbub__v1__activity);
    *y = *given;
    y->name = y->type == TYPE_CUSTOM && (!y->name || !y->name[0]) ? (char *)"Custom Status" : cut(a, y->name, TEXT_MAX);
    if (!y->name || !y->name[0])
        return NULL;
    y->state = cut(a, y->state, TEXT_MAX);
    y->url = y->type == TYPE_STREAMING && is_url(y->url) ? y->url : NULL;
    copy_emoji_and_rest(a, y);
    if (bot)
        drop_details(y);
    else
        cut_details(a, y);
    return y;
}

void presence_write_activities(struct buf *b, const Hubbub__V1__PresenceInput *given, bool bot)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__PresenceInput shown = HUBBUB__V1__PRESENCE_INPUT__INIT;
    size_t n = given ? given->n_activities : 0;
    shown.activities = ARENA_ARRAY(a, Hubbub__V1__Activity *, ACTIVITIES_MAX);
    for (size_t i = 0; i < n && shown.n_activities < ACTIVITIES_MAX; i++) {
        Hubbub__V1__Activity *y = trim(a, given->activities[i], bot);
        if (y)
            shown.activities[shown.n_activities++] = y;
    }
    wire_write_field(b, &hubbub__v1__presence_input__wire, &shown.base, "activities");
    arena_destroy(a);
}

/* ---- Subscriptions ----------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool watches(const struct hold *hold, uint64_t user_id)
{
    return hold->n_watched && bsearch(&user_id, hold->watched, hold->n_watched, sizeof user_id, compare_ids);
}

bool presence_concerns(const struct hold *hold, uint64_t user_id)
{
    return hold->session->identity.bot || hold->scope->replica->member_count <= PRESENCE_MEMBERS_MAX ||
           watches(hold, user_id);
}

/* The presence of one member, with the guild it is told in. */
static void send_presence(struct hub *h, struct hold *hold, const Hubbub__V1__PresenceUpdated *known)
{
    Hubbub__V1__PresenceUpdated p = *known;
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    PB_SET(&p, guild_id, hold->scope_id);
    e.presence_update = &p;
    struct fanout f;
    fanout_begin(&f, &e, 0);
    f.ephemeral = true;
    fanout_give(h, &f, hold);
    fanout_end(h, &f);
}

/* Replaces the list of the guild, as far as the session's bound lets it. */
static void watch(struct hub *h, struct hold *hold, const Hubbub__V1__GuildSubscription *d)
{
    struct session *x = hold->session;
    size_t others = x->n_watched - hold->n_watched, n = d->n_members;
    if (n > WATCHED_MAX - others)
        n = WATCHED_MAX - others;
    h->stats.watched_refused += d->n_members - n;
    hold->watched = memory_resized(hold->watched, n * sizeof *hold->watched);
    if (n)
        memcpy(hold->watched, d->members, n * sizeof *hold->watched);
    qsort(hold->watched, n, sizeof *hold->watched, compare_ids);
    hold->n_watched = n;
    x->n_watched = (unsigned)(others + n);
}

enum { SUBSCRIPTION_MEMBERS = 2 }; /* field of GuildSubscription */

void presence_subscribe(struct hub *h, struct session *x, const Hubbub__V1__GuildSubscription *d)
{
    struct hold *hold = session_find_hold(x, d->guild_id);
    if (!hold || !hold->attached || !hold->membership || !WIRE_PRESENT_IN(d, SUBSCRIPTION_MEMBERS))
        return;
    const struct replica *r = hold->scope->replica;
    uint64_t *before = hold->watched;
    size_t n_before = hold->n_watched;
    hold->watched = NULL;
    watch(h, hold, d);
    bool large = !x->identity.bot && r->member_count > PRESENCE_MEMBERS_MAX;
    for (size_t i = 0; large && i < hold->n_watched && x->state == SESSION_OPEN; i++) {
        uint64_t id = hold->watched[i];
        const Hubbub__V1__PresenceUpdated *p = id == x->user->id ? NULL : replica_presence(r, id);
        if (p && !(n_before && bsearch(&id, before, n_before, sizeof id, compare_ids)))
            send_presence(h, hold, p);
    }
    free(before);
}
