/* fanout.c - payloads, and who gets one. An event is encoded when the first session wants it, once per form: in full,
 * and without what only the MESSAGE_CONTENT intent shows. */
#include "hubbub/v1/feeds.hub.h"
#include "lib/permission/permission.h"
#include "services/gateway/core/state.h"

enum { INTENT_MESSAGE_CONTENT = 15 };

/* ---- Payloads -------------------------------------------------------------------------------------------------- */

static struct hub_payload *payload_of(struct buf *b)
{
    if (b->failed)
        log_fatal("an event of more than %zu bytes", b->len);
    struct hub_payload *p = memory_zeroed(sizeof *p + b->len);
    p->refs = 1;
    p->len = b->len;
    memcpy(p->data, b->data, b->len);
    buf_finish(b);
    return p;
}

struct hub_payload *payload_dispatch(const char *name, const struct wire_message *wire, const void *message)
{
    struct buf b = {0};
    buf_printf(&b, "{\"op\":0,\"t\":\"%s\",\"d\":", name);
    wire_write(&b, wire, message);
    buf_puts(&b, ",\"s\":");
    return payload_of(&b);
}

struct hub_payload *payload_dispatch_field(const char *name, const struct wire_message *wire, const void *message,
                                           const char *field)
{
    struct buf b = {0};
    buf_printf(&b, "{\"op\":0,\"t\":\"%s\",\"d\":", name);
    wire_write_field(&b, wire, message, field);
    buf_puts(&b, ",\"s\":");
    return payload_of(&b);
}

struct hub_payload *payload_frame(int op, const struct wire_message *wire, const void *message)
{
    struct buf b = {0};
    buf_printf(&b, "{\"op\":%d,\"d\":", op);
    wire_write(&b, wire, message);
    buf_puts(&b, ",\"s\":null,\"t\":null}");
    return payload_of(&b);
}

struct hub_payload *payload_frame_text(int op, const char *d)
{
    struct buf b = {0};
    buf_printf(&b, "{\"op\":%d,\"d\":%s,\"s\":null,\"t\":null}", op, d);
    return payload_of(&b);
}

void hub_payload_ref(struct hub_payload *p)
{
    p->refs++;
}

void hub_payload_unref(struct hub *h, struct hub_payload *p)
{
    if (!p || --p->refs > 0)
        return;
    if (p->edge_cache)
        h->io.payload_free(h->io.user, p->edge_cache);
    free(p);
}

/* ---- Views ----------------------------------------------------------------------------------------------------- */

struct view_class *hold_class(struct hold *hold)
{
    struct membership *m = hold->membership;
    struct replica *r = hold->scope->replica;
    if (m->class_version != r->version) {
        m->class = replica_class(r, hold->session->user->id, m->roles, m->n_roles);
        m->class_version = r->version;
    }
    return m->class;
}

bool hold_views(struct hold *hold, const struct replica_channel *c)
{
    return replica_views(hold->scope->replica, hold_class(hold), c);
}

bool hold_permits(struct hold *hold, uint64_t permission)
{
    const struct replica *r = hold->scope->replica;
    const Hubbub__V1__Member *m = replica_member(r, hold->session->user->id);
    uint64_t held = replica_permissions(r, hold_class(hold));
    if (m && m->communication_disabled_until && !(held & PERM_ADMINISTRATOR))
        held &= PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY;
    return !(permission & ~held);
}

/* ---- Fan-out --------------------------------------------------------------------------------------------------- */

bool session_has_intent(const struct session *x, int bit)
{
    return bit < 0 || !x->identity.bot || (x->intents >> bit & 1);
}

void fanout_begin(struct fanout *f, const Hubbub__V1__Event *event, uint64_t channel_id)
{
    *f = (struct fanout){.channel_id = channel_id};
    f->row = wire_event_field(&hubbub__v1__event__wire, &event->base, &f->message);
}

static bool mentions(const Hubbub__V1__Message *m, uint64_t user_id)
{
    for (size_t i = 0; i < m->n_mentions; i++)
        if (m->mentions[i]->id == user_id)
            return true;
    return false;
}

/* Whether the session must not see the content: PROTOCOL section 8, MESSAGE_CONTENT. */
static bool is_reduced(const struct fanout *f, const struct session *x)
{
    if (session_has_intent(x, INTENT_MESSAGE_CONTENT) || f->message->descriptor != &hubbub__v1__message__descriptor)
        return false;
    const Hubbub__V1__Message *m = (const Hubbub__V1__Message *)f->message;
    return m->guild_id && !(m->author && m->author->id == x->identity.user_id) && !mentions(m, x->identity.user_id);
}

static struct hub_payload *encode_reduced(struct fanout *f)
{
    Hubbub__V1__Message m = *(const Hubbub__V1__Message *)f->message;
    m.content = NULL;
    m.n_embeds = m.n_attachments = m.n_components = m.n_message_snapshots = 0;
    m.has_referenced_message = false; /* its content is hidden too */
    return payload_dispatch(f->row->dispatch, f->row->message, &m);
}

static struct hub_payload *form_for(struct fanout *f, const struct session *x)
{
    if (is_reduced(f, x)) {
        if (!f->reduced)
            f->reduced = encode_reduced(f);
        return f->reduced;
    }
    if (!f->full) {
        f->full = payload_dispatch(f->row->dispatch, f->row->message, f->message);
        f->full->ephemeral = f->ephemeral;
    }
    return f->full;
}

void fanout_send(struct hub *h, struct fanout *f, struct session *x)
{
    if (f->row && f->row->dispatch && x->state == SESSION_OPEN)
        session_dispatch(h, x, form_for(f, x));
}

void fanout_give(struct hub *h, struct fanout *f, struct hold *hold)
{
    if (!hold->catchup)
        fanout_send(h, f, hold->session);
    else if (f->row && f->row->dispatch && !f->ephemeral && hold->session->state == SESSION_OPEN)
        catchup_queue_payload(h, hold, form_for(f, hold->session));
}

static bool concerns(const struct fanout *f, struct hold *hold, const struct replica_channel *c)
{
    return session_has_intent(hold->session, f->row->intent) && (!c || hold_views(hold, c)) &&
           (!f->permission || hold_permits(hold, f->permission));
}

bool fanout_concerns(const struct fanout *f, struct hold *hold)
{
    struct replica_channel *c = f->channel_id ? replica_channel(hold->scope->replica, f->channel_id) : NULL;
    return f->row && f->row->dispatch && (c || !f->channel_id) && concerns(f, hold, c);
}

void fanout_all(struct hub *h, struct fanout *f, struct scope *s, const struct user *except)
{
    struct replica_channel *c = f->channel_id ? replica_channel(s->replica, f->channel_id) : NULL;
    if (!f->row || !f->row->dispatch || (f->channel_id && !c))
        return;
    struct hold *hold;
    DL_FOREACH(s->holds, hold)
    if (hold->attached && hold->session->user != except && concerns(f, hold, c))
        fanout_give(h, f, hold);
}

void fanout_end(struct hub *h, struct fanout *f)
{
    hub_payload_unref(h, f->full);
    hub_payload_unref(h, f->reduced);
}
