#include "services/chat/message_rows.h"
#include "lib/base/clock.h"
#include <inttypes.h>
#include <string.h>

/* A user whose row is gone: messages are kept. */
static Hubbub__V1__User *deleted_user(struct arena *a, uint64_t id)
{
    Hubbub__V1__User *u = PB_NEW(a, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(u, id, id);
    u->username = arena_printf(a, "deleted_user_%08" PRIx32, (uint32_t)(id >> 22));
    return u;
}

static Hubbub__V1__Message *unpack_extra(struct arena *a, const struct db_rows *r, unsigned row, unsigned col)
{
    size_t n;
    const uint8_t *packed = db_bytes(r, row, col, &n);
    Hubbub__V1__Message *m = n ? hubbub__v1__message__unpack(arena_protobuf(a), n, packed) : NULL;
    return m ? m : PB_NEW(a, Hubbub__V1__Message, hubbub__v1__message);
}

Hubbub__V1__Message *rows_message(struct arena *a, const struct db_rows *r, unsigned row, unsigned col,
                                  const char *public_url)
{
    Hubbub__V1__Message *m = unpack_extra(a, r, row, col + 6);
    PB_SET(m, id, db_u64(r, row, col));
    PB_SET(m, channel_id, db_u64(r, row, col + 1));
    PB_SET(m, type, (int32_t)db_i64(r, row, col + 2));
    PB_SET(m, flags, db_u64(r, row, col + 3));
    PB_SET(m, timestamp, snowflake_ms(m->id));
    if (!db_is_null(r, row, col + 4))
        PB_SET(m, edited_timestamp, db_i64(r, row, col + 4));
    m->content = (char *)db_text(r, row, col + 5);
    if (m->webhook_id && m->author)
        PB_SET(m->author, id, db_u64(r, row, col + 7));
    else
        m->author =
            db_is_null(r, row, col + 9) ? deleted_user(a, db_u64(r, row, col + 7)) : rows_user(a, r, row, col + 9);
    PB_SET(m, pinned, db_bool(r, row, col + 8));
    message_set_urls(a, m, public_url);
    return m;
}

/* The addresses are made when it is read. */
static Hubbub__V1__Attachment **without_urls(struct arena *a, Hubbub__V1__Attachment *const *files, size_t n)
{
    Hubbub__V1__Attachment **copies = ARENA_ARRAY(a, Hubbub__V1__Attachment *, n);
    for (size_t i = 0; i < n; i++) {
        copies[i] = arena_memdup(a, files[i], sizeof *files[i]);
        copies[i]->url = copies[i]->proxy_url = NULL;
    }
    return copies;
}

static void pack_snapshot(struct arena *a, const Hubbub__V1__Message *m, Hubbub__V1__Message *ret)
{
    Hubbub__V1__MessageContent *content =
        arena_memdup(a, m->message_snapshots[0]->message, sizeof *m->message_snapshots[0]->message);
    content->attachments = without_urls(a, content->attachments, content->n_attachments);
    ret->n_message_snapshots = 1;
    ret->message_snapshots = ARENA_ARRAY(a, Hubbub__V1__MessageSnapshot *, 1);
    ret->message_snapshots[0] = PB_NEW(a, Hubbub__V1__MessageSnapshot, hubbub__v1__message_snapshot);
    ret->message_snapshots[0]->message = content;
}

const void *message_pack_extra(struct arena *a, const Hubbub__V1__Message *m, size_t *ret_n)
{
    Hubbub__V1__Message x = HUBBUB__V1__MESSAGE__INIT;
    x.has_tts = m->tts;
    x.tts = m->tts;
    x.has_mention_everyone = m->mention_everyone;
    x.mention_everyone = m->mention_everyone;
    x.n_mentions = m->n_mentions;
    x.mentions = m->mentions;
    x.n_mention_roles = m->n_mention_roles;
    x.mention_roles = m->mention_roles;
    x.n_embeds = m->n_embeds;
    x.embeds = m->embeds;
    x.n_mention_channels = m->n_mention_channels;
    x.mention_channels = m->mention_channels;
    x.message_reference = m->message_reference;
    x.has_webhook_id = m->has_webhook_id;
    x.webhook_id = m->webhook_id;
    x.author = m->webhook_id ? m->author : NULL; /* as it called itself then */
    x.n_attachments = m->n_attachments;
    x.attachments = without_urls(a, m->attachments, m->n_attachments);
    if (m->n_message_snapshots)
        pack_snapshot(a, m, &x);
    *ret_n = hubbub__v1__message__get_packed_size(&x);
    if (*ret_n == 0)
        return NULL;
    uint8_t *packed = arena_alloc(a, *ret_n);
    hubbub__v1__message__pack(&x, packed);
    return packed;
}

/* Percent-encodes what may not stand in a path segment (RFC 3986, unreserved kept). */
static const char *encode_segment(struct arena *a, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = arena_alloc(a, strlen(s) * 3 + 1), *at = text;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c)) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return text;
}

Hubbub__V1__Attachment **message_files(const Hubbub__V1__Message *m, size_t *ret_n)
{
    if (m->n_message_snapshots) {
        *ret_n = m->message_snapshots[0]->message->n_attachments;
        return m->message_snapshots[0]->message->attachments;
    }
    *ret_n = m->n_attachments;
    return m->attachments;
}

char *message_file_url(struct arena *a, const char *folder, const Hubbub__V1__Attachment *f)
{
    return arena_printf(a, "%s/%s", folder, encode_segment(a, f->filename ? f->filename : ""));
}

void message_set_urls(struct arena *a, Hubbub__V1__Message *m, const char *public_url)
{
    size_t n;
    Hubbub__V1__Attachment **files = message_files(m, &n);
    for (size_t i = 0; i < n; i++) {
        Hubbub__V1__Attachment *f = files[i];
        f->url = message_file_url(
            a, arena_printf(a, "%s/attachments/%" PRIu64 "/%" PRIu64, public_url, m->channel_id, f->id), f);
        f->proxy_url = f->url;
    }
}

Hubbub__V1__Message *message_for_event(struct arena *a, const Hubbub__V1__Message *m, uint64_t guild_id,
                                       int channel_type, Hubbub__V1__Member *member)
{
    Hubbub__V1__Message *event = arena_memdup(a, m, sizeof *m);
    if (guild_id)
        PB_SET(event, guild_id, guild_id);
    else
        PB_SET(event, channel_type, channel_type);
    if (member) {
        event->member = arena_memdup(a, member, sizeof *member);
        event->member->user = NULL;
    }
    return event;
}
