#include "services/chat/mentions.h"

size_t mention_targets(const Hubbub__V1__Message *m, uint64_t author_id, uint64_t scope_id, uint64_t *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_mentions; i++)
        if (m->mentions[i]->id != author_id)
            ret[n++] = m->mentions[i]->id;
    for (size_t i = 0; i < m->n_mention_roles; i++)
        ret[n++] = m->mention_roles[i];
    if (m->mention_everyone)
        ret[n++] = scope_id;
    return n;
}

status mentions_store(struct call *c, struct change *ch, const Hubbub__V1__Message *m, uint64_t scope_id)
{
    struct db_rows *r;
    uint64_t *targets = ARENA_ARRAY(call_arena(c), uint64_t, MENTION_TARGETS_MAX(m));
    size_t n = mention_targets(m, m->author->id, scope_id, targets);
    if (!n)
        return ST_OK;
    return change_query(ch, &r,
                        "INSERT INTO mentions (channel_id, message_id, target_id, author_id) SELECT $1, $2, t, $3 FROM "
                        "unnest($4::bigint[]) t",
                        DB_ID(m->channel_id), DB_ID(m->id), DB_ID(m->author->id), DB_IDS(targets, n));
}

status mentions_replace(struct call *c, struct change *ch, const Hubbub__V1__Message *m, uint64_t scope_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "DELETE FROM mentions WHERE channel_id = $1 AND message_id = $2",
                             DB_ID(m->channel_id), DB_ID(m->id));
    return st == ST_OK ? mentions_store(c, ch, m, scope_id) : st;
}
