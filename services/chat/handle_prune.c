/* handle_prune.c - the service Prunes: the members go who have been away for long and were given no role that keeps
 * them. Chunk by chunk, each a change of its own that asks again who is away, so none holds the guild for long and
 * nobody goes who came back or got a role meanwhile. Bots, the owner and the caller are never pruned. */
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PRUNE_AT_ONCE = 100, PRUNE_ROLES_MAX = 100, TRIES_MAX = 3 };
static const uint64_t BITS = PERM_KICK_MEMBERS | PERM_MANAGE_GUILD;

struct prune {
    uint64_t guild_id;
    int days;
    uint64_t roles[PRUNE_ROLES_MAX]; /* that do not keep their holders */
    size_t n_roles;
};

/* m, u, g: of the guild $1. $2: the caller, $3: days, $4: roles. Old enough in the guild, and not seen since. */
#define PRUNABLE                                                                                                       \
    "m.guild_id = $1 AND NOT u.bot AND m.user_id <> $2 AND m.user_id <> g.owner_id AND m.roles <@ $4::bigint[] AND "   \
    "greatest(m.joined_at, u.seen_at) < clock_timestamp() - make_interval(days => $3) AND NOT EXISTS (SELECT FROM "    \
    "tokens t WHERE t.user_id = u.id AND t.used_at >= clock_timestamp() - make_interval(days => $3))"
#define PRUNABLE_FROM                                                                                                  \
    " FROM members m JOIN users u ON u.id = m.user_id JOIN guilds g ON g.id = m.guild_id WHERE " PRUNABLE
#define PRUNABLE_PARAMS(c, p)                                                                                          \
    DB_ID((p)->guild_id), DB_ID(call_user(c)), DB_I64((p)->days), DB_IDS((p)->roles, (p)->n_roles)

/* ---- The request ------------------------------------------------------------------------------------------------- */

/* Digits between brackets, quotes, commas and spaces: what clients write for a list of ids. */
static bool read_ids(const char *text, struct prune *p)
{
    while (*(text += strspn(text, "[]\", "))) {
        char *end;
        if (!isdigit((unsigned char)*text) || p->n_roles == PRUNE_ROLES_MAX)
            return false;
        p->roles[p->n_roles++] = strtoull(text, &end, 10);
        text = end;
    }
    return true;
}

static status read_roles(struct call *c, const char *text_or_null, struct prune *p)
{
    if (!text_or_null || !strcmp(text_or_null, "null") || read_ids(text_or_null, p))
        return ST_OK;
    return call_fail_field(c, "include_roles", "LIST_TYPE_CONVERT", "Must be at most 100 ids of roles.");
}

static status read_count_wanted(struct call *c, const char *json_or_null, bool *ret)
{
    static const char *const yes[] = {"true", "\"true\"", "\"True\""}, *const no[] = {"false", "\"false\"",
                                                                                      "\"False\""};
    *ret = true;
    for (size_t i = 0; json_or_null && i < sizeof yes / sizeof *yes; i++) {
        if (!strcmp(json_or_null, yes[i]))
            return ST_OK;
        if (!strcmp(json_or_null, no[i])) {
            *ret = false;
            return ST_OK;
        }
    }
    return json_or_null
               ? call_fail_field(c, "compute_prune_count", "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
               : ST_OK;
}

/* ---- Rights ------------------------------------------------------------------------------------------------------ */

/* Each role that does not keep its holders is one of the guild and lies below the caller. */
static status check_roles(struct call *c, struct db *d, const struct access *a, const struct prune *p)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT r.position, q.id FROM unnest($2::bigint[]) q (id) LEFT JOIN roles r ON r.id = q.id "
                           "AND r.guild_id = $1 AND r.id <> $1",
                           DB_ID(a->guild_id), DB_IDS(p->roles, p->n_roles));
    for (unsigned i = 0; st == ST_OK && i < db_count(r); i++) {
        if (db_is_null(r, i, 0))
            st = call_fail(c, ST_INVALID_ROLE, "no role %" PRIu64 " in the guild", db_u64(r, i, 1));
        else if (!access_above_role(a, (int)db_i64(r, i, 0), db_u64(r, i, 1)))
            st = call_fail(c, ST_MISSING_PERMISSIONS, "role %" PRIu64 " is not below the caller", db_u64(r, i, 1));
    }
    return st;
}

static status check(struct call *c, struct db *d, const struct prune *p)
{
    struct access a;
    status st = access_guild(c, d, p->guild_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, BITS);
    return st == ST_OK ? check_roles(c, d, &a, p) : st;
}

/* ---- Count ------------------------------------------------------------------------------------------------------- */

static status count(struct call *c, const Hubbub__V1__CountPruneRequest *req, Hubbub__V1__PruneResponse *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    struct prune p = {.guild_id = req->guild_id, .days = req->days};
    status st = read_roles(c, req->include_roles, &p);
    if (st == ST_OK)
        st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = check(c, d, &p);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT count(*)" PRUNABLE_FROM, PRUNABLE_PARAMS(c, &p));
    if (st == ST_OK)
        PB_SET(resp, pruned, (int32_t)db_i64(r, 0, 0));
    return st;
}

/* ---- Prune ------------------------------------------------------------------------------------------------------- */

/* The next who are away, by id: those of a chunk, whose feeds the change is to hold. */
static status find_chunk(struct call *c, const struct prune *p, uint64_t after, uint64_t *ids, size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = check(c, d, p);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT m.user_id" PRUNABLE_FROM " AND m.user_id > $5 AND EXISTS (SELECT FROM feeds f WHERE "
                        "f.scope_id = m.user_id AND NOT f.closed) ORDER BY 1 LIMIT $6",
                        PRUNABLE_PARAMS(c, p), DB_ID(after), DB_I64(PRUNE_AT_ONCE));
    *ret_n = st == ST_OK ? db_count(r) : 0;
    for (unsigned i = 0; i < *ret_n; i++)
        ids[i] = db_u64(r, i, 0);
    return st;
}

/* Those of ids who are still away; *ret: rows of ROWS_USER. */
static status remove_rows(struct call *c, struct change *ch, const struct prune *p, const uint64_t *ids, size_t n,
                          struct db_rows **ret)
{
    return change_query(
        ch, ret,
        "WITH gone AS (DELETE FROM members x USING (SELECT m.user_id" PRUNABLE_FROM
        " AND m.user_id = ANY ($5::bigint[])) q WHERE x.guild_id = $1 AND x.user_id = q.user_id RETURNING "
        "x.user_id), counted AS (UPDATE guilds SET member_count = member_count - (SELECT count(*) FROM "
        "gone) WHERE id = $1) SELECT " ROWS_USER " FROM gone JOIN users u ON u.id = gone.user_id "
        "ORDER BY u.id",
        PRUNABLE_PARAMS(c, p), DB_IDS(ids, n));
}

static status audit_chunk(struct call *c, struct change *ch, const struct prune *p, unsigned n)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_MEMBER_PRUNE, 0);
    audit_options(c, e)->delete_member_days = arena_printf(call_arena(c), "%d", p->days);
    audit_options(c, e)->members_removed = arena_printf(call_arena(c), "%u", n);
    return audit_add(c, ch, p->guild_id, e);
}

/* ST_STALE: one of them has no feed any more. */
static status prune_chunk(struct call *c, const struct prune *p, const uint64_t *ids, size_t n, unsigned *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *gone;
    uint64_t scopes[PRUNE_AT_ONCE + 1];
    memcpy(scopes, ids, n * sizeof *ids);
    scopes[n] = p->guild_id;
    status st = change_begin(c, scopes, n + 1, ST_STALE, &ch);
    if (st == ST_OK)
        st = check(c, change_db(ch), p);
    if (st == ST_OK)
        st = remove_rows(c, ch, p, ids, n, &gone);
    if (st != ST_OK || !db_count(gone))
        return st;
    for (unsigned i = 0; i < db_count(gone); i++)
        rows_add_left(c, ch, p->guild_id, rows_user(call_arena(c), gone, i, 0));
    change_fence(ch, p->guild_id);
    st = audit_chunk(c, ch, p, db_count(gone));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = db_count(gone);
    return st;
}

static status prune_all(struct call *c, const struct prune *p, unsigned *ret_total)
{
    uint64_t ids[PRUNE_AT_ONCE], after = 0;
    size_t n;
    unsigned stale = 0;
    for (;;) {
        unsigned gone = 0;
        status st = find_chunk(c, p, after, ids, &n);
        if (st != ST_OK || !n)
            return st;
        st = prune_chunk(c, p, ids, n, &gone);
        if (st == ST_STALE && ++stale < TRIES_MAX)
            continue;
        if (st != ST_OK)
            return st;
        *ret_total += gone;
        after = ids[n - 1];
    }
}

static status prune(struct call *c, const Hubbub__V1__PruneRequest *req, Hubbub__V1__PruneResponse *resp)
{
    struct prune p = {.guild_id = req->guild_id, .days = req->days};
    unsigned total = 0;
    bool wanted;
    status st = read_roles(c, req->include_roles, &p);
    if (st == ST_OK)
        st = read_count_wanted(c, req->compute_prune_count, &wanted);
    if (st == ST_OK)
        st = prune_all(c, &p, &total);
    if (st == ST_OK && wanted)
        PB_SET(resp, pruned, (int32_t)total);
    return st;
}

const struct hubbub__v1__prunes__handlers prunes_handlers = {
    .count = count,
    .prune = prune,
};
