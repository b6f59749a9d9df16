/* recent.c - what a guild said lately that a count of unread mentions depends on.
 *
 * The counts of READY are those of chat's answer to OpenSession, which is of one number of the guild's feed; the
 * session is attached at a later one, the number that GUILD_CREATE tells. A message between the two would be in
 * neither. So the last entries that can matter - a message that mentions somebody, an edit, a removal - stay for a
 * while, and a session is given those in between behind its GUILD_CREATE. When they are not all here any more (there
 * were too many, or the guild was loaded later than that), the session asks anew. */
#include "services/gateway/core/state.h"

enum { RECENT_ENTRIES_MAX = 256, RECENT_BYTES_MAX = 256 * 1024 };

static bool matters(const Hubbub__V1__Event *e)
{
    const Hubbub__V1__Message *m = e->message_create;
    if (m)
        return m->mention_everyone || m->n_mentions || m->n_mention_roles;
    return e->message_update || e->message_delete || e->message_delete_bulk;
}

static void drop_oldest(struct recent *r)
{
    struct held_entry *e = r->entries.list;
    r->floor = e->seq;
    DL_DELETE(r->entries.list, e);
    r->entries.n--;
    r->entries.bytes -= e->n;
    free(e);
}

void recent_note(struct recent *r, const Hubbub__V1__FeedEntry *entry)
{
    if (!matters(entry->event))
        return;
    size_t n = hubbub__v1__feed_entry__get_packed_size(entry);
    struct held_entry *e = memory_zeroed(sizeof *e + n);
    e->seq = entry->seq;
    e->n = n;
    hubbub__v1__feed_entry__pack(entry, e->packed);
    DL_APPEND(r->entries.list, e);
    r->entries.n++;
    r->entries.bytes += n;
    while (r->entries.n > RECENT_ENTRIES_MAX || r->entries.bytes > RECENT_BYTES_MAX)
        drop_oldest(r);
}

void recent_begin(struct recent *r, uint64_t position)
{
    held_clear(&r->entries);
    r->floor = position;
}

bool recent_covers(const struct recent *r, uint64_t position)
{
    return position >= r->floor;
}

static void replay_one(struct hub *h, struct hold *hold, const struct held_entry *held)
{
    Hubbub__V1__FeedEntry *e = hubbub__v1__feed_entry__unpack(NULL, held->n, held->packed);
    struct fanout f;
    fanout_begin(&f, e->event, e->topic == hold->scope_id ? 0 : e->topic);
    if (fanout_concerns(&f, hold))
        fanout_send(h, &f, hold->session);
    fanout_end(h, &f);
    memory_free_message(e);
}

void recent_replay(struct hub *h, struct hold *hold, uint64_t position)
{
    const struct held_entry *e;
    if (!hold->session->identity.bot)
        DL_FOREACH(hold->scope->recent.entries.list, e)
    if (e->seq > position && hold->session->state == SESSION_OPEN)
        replay_one(h, hold, e);
}
