#include "services/chat/mentions.h"
#include "lib/base/clock.h"
#include "lib/base/metric.h"
#include "services/chat/chat.h"
#include <string.h>

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static uint64_t negative(uint64_t user_id)
{
    return (uint64_t) - (int64_t)user_id;
}

size_t mention_targets(const Hubbub__V1__Message *m, const struct here *here, uint64_t author_id, uint64_t scope_id,
                       uint64_t *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_mentions; i++)
        if (m->mentions[i]->id != author_id)
            ret[n++] = m->mentions[i]->id;
    for (size_t i = 0; i < m->n_mention_roles; i++)
        ret[n++] = m->mention_roles[i];
    if (m->mention_everyone && !(here && here->known))
        ret[n++] = scope_id;
    for (size_t i = 0; here && here->known && i < here->n; i++)
        if (here->users[i] != author_id)
            ret[n++] = negative(here->users[i]);
    return n;
}

bool mentions_only_here(const Hubbub__V1__Message *m)
{
    return m->mention_everyone && !(m->content && strstr(m->content, "@everyone"));
}

static status store(struct call *c, struct change *ch, const Hubbub__V1__Message *m, const struct here *here,
                    uint64_t scope_id)
{
    struct db_rows *r;
    uint64_t *targets = ARENA_ARRAY(call_arena(c), uint64_t, MENTION_TARGETS_MAX(m, 0));
    size_t n = mention_targets(m, here, m->author->id, scope_id, targets);
    if (!n)
        return ST_OK;
    return change_query(ch, &r,
                        "INSERT INTO mentions (channel_id, message_id, target_id, author_id) SELECT $1, $2, t, $3 FROM "
                        "unnest($4::bigint[]) t",
                        DB_ID(m->channel_id), DB_ID(m->id), DB_ID(m->author->id), DB_IDS(targets, n));
}

status mentions_store(struct call *c, struct change *ch, const Hubbub__V1__Message *m, uint64_t scope_id)
{
    return store(c, ch, m, NULL, scope_id);
}

status mentions_replace(struct call *c, struct change *ch, const Hubbub__V1__Message *m, uint64_t scope_id)
{
    const struct here kept = {.known = mentions_only_here(m)};
    struct db_rows *r;
    status st =
        change_query(ch, &r,
                     "DELETE FROM mentions WHERE channel_id = $1 AND message_id = $2 AND NOT ($3 AND (target_id "
                     "< 0 OR target_id = $4))",
                     DB_ID(m->channel_id), DB_ID(m->id), DB_BOOL(kept.known), DB_ID(scope_id));
    return st == ST_OK ? store(c, ch, m, &kept, scope_id) : st;
}

/* ---- Who is here ------------------------------------------------------------------------------------------------- */

enum { HERE_WAIT_MS = 300, ASKED_AT_ONCE = 1000 };

static struct metric unknown = METRIC_COUNTER("hubbub_here_as_everyone_total",
                                              "Messages whose @here counts as @everyone: nobody said who is here", "");

void mentions_register(void)
{
    metric_register(&unknown);
}

static status list_members(struct call *c, uint64_t guild_id, uint64_t **ret, size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT user_id FROM members WHERE guild_id = $1 LIMIT $2", DB_ID(guild_id),
                        DB_I64(HERE_ASKED_MAX + 1));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(call_arena(c), uint64_t, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = db_u64(r, i, 0);
    return ST_OK;
}

/* Adds those of the members who are connected; false: not known, or too many. */
static bool ask(struct call *c, const uint64_t *members, size_t n, int64_t until_ms, uint64_t *found, size_t *n_found)
{
    uint64_t *connected;
    size_t n_connected;
    int64_t left = until_ms - clock_mono_ms();
    if (left <= 0 || !chat_of(c)->config.find_connected(members, n, left, call_arena(c), &connected, &n_connected) ||
        *n_found + n_connected > HERE_USERS_MAX)
        return false;
    for (size_t i = 0; i < n_connected; i++)
        found[(*n_found)++] = connected[i];
    return true;
}

void mentions_find_here(struct call *c, uint64_t guild_id, struct here *ret)
{
    int64_t until_ms = clock_mono_ms() + HERE_WAIT_MS;
    uint64_t *members, *found = ARENA_ARRAY(call_arena(c), uint64_t, HERE_USERS_MAX);
    size_t n = 0, n_found = 0;
    bool known =
        chat_of(c)->config.find_connected && list_members(c, guild_id, &members, &n) == ST_OK && n <= HERE_ASKED_MAX;
    for (size_t at = 0; known && at < n; at += ASKED_AT_ONCE)
        known = ask(c, members + at, n - at < ASKED_AT_ONCE ? n - at : ASKED_AT_ONCE, until_ms, found, &n_found);
    metric_add(&unknown, !known);
    *ret = (struct here){.known = known, .users = found, .n = known ? n_found : 0};
}
