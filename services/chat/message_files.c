#include "services/chat/message_files.h"
#include "services/chat/chat.h"
#include "services/chat/message_rows.h"

static const Hubbub__V1__AttachmentInput *input_of(const struct files_input *in, uint64_t id)
{
    for (size_t i = 0; i < in->n_inputs; i++)
        if (in->inputs[i]->id == id)
            return in->inputs[i];
    return NULL;
}

static uint64_t index_of(const struct files_input *in, size_t i)
{
    return i < in->n_index ? in->index[i] : i;
}

static bool names_something(const struct files_input *in, uint64_t id, const Hubbub__V1__Message *m)
{
    for (size_t i = 0; i < in->n_uploaded; i++)
        if (index_of(in, i) == id)
            return true;
    for (size_t i = 0; i < m->n_attachments; i++)
        if (m->attachments[i]->id == id)
            return true;
    return false;
}

static status check(struct call *c, const struct files_input *in, const Hubbub__V1__Message *m)
{
    if (m->n_attachments + in->n_uploaded > MESSAGE_FILES_MAX)
        return call_fail(c, ST_MAX_ATTACHMENTS, "%zu files", m->n_attachments + in->n_uploaded);
    for (size_t i = 0; i < in->n_inputs; i++)
        if (!names_something(in, in->inputs[i]->id, m))
            return call_fail(c, ST_UPLOAD_MISSING, "attachment %zu names no file", i);
    return ST_OK;
}

static char *text_or(char *given, char *otherwise)
{
    return given && *given ? given : otherwise;
}

void files_keep(struct arena *a, const struct files_input *in, Hubbub__V1__Message *m)
{
    Hubbub__V1__Attachment **kept = ARENA_ARRAY(a, Hubbub__V1__Attachment *, m->n_attachments);
    size_t n = 0;
    for (size_t i = 0; i < m->n_attachments; i++) {
        const Hubbub__V1__AttachmentInput *named = input_of(in, m->attachments[i]->id);
        if (!named)
            continue;
        kept[n] = arena_memdup(a, m->attachments[i], sizeof *kept[n]);
        kept[n]->description = text_or(named->description, kept[n]->description);
        kept[n]->title = text_or(named->title, kept[n]->title);
        n++;
    }
    m->attachments = kept;
    m->n_attachments = n;
}

static Hubbub__V1__Attachment *attachment_of(struct arena *a, const struct files_input *in, size_t i, uint64_t id)
{
    Hubbub__V1__Attachment *file = arena_memdup(a, in->uploaded[i], sizeof *in->uploaded[i]);
    const Hubbub__V1__AttachmentInput *named = input_of(in, index_of(in, i));
    PB_SET(file, id, id);
    if (named) {
        file->filename = text_or(named->filename, file->filename);
        file->description = text_or(named->description, file->description);
        file->title = text_or(named->title, file->title);
    }
    return file;
}

status files_add(struct call *c, struct db *d, const struct files_input *in, Hubbub__V1__Message *m)
{
    struct db_rows *r;
    struct arena *a = call_arena(c);
    status st = check(c, in, m);
    if (st != ST_OK || !in->n_uploaded)
        return st;
    st = chat_query(c, d, &r, "SELECT next_id() FROM generate_series(1, $1)", DB_I64(in->n_uploaded));
    if (st != ST_OK)
        return st;
    Hubbub__V1__Attachment **all = ARENA_ARRAY(a, Hubbub__V1__Attachment *, m->n_attachments + in->n_uploaded);
    for (size_t i = 0; i < m->n_attachments; i++)
        all[i] = m->attachments[i];
    m->attachments = all;
    for (size_t i = 0; i < in->n_uploaded; i++)
        all[m->n_attachments++] = attachment_of(a, in, i, db_u64(r, (unsigned)i, 0));
    message_set_urls(a, m, chat_public_url(c));
    return ST_OK;
}

static status insert_file(struct change *ch, const Hubbub__V1__Message *m, const Hubbub__V1__Attachment *f)
{
    struct db_rows *r;
    return change_query(ch, &r,
                        "INSERT INTO attachments (id, channel_id, message_id, filename, content_type, size, width, "
                        "height, store_key) VALUES ($1, $2, $3, $4, $5, $6, nullif($7::int, 0), nullif($8::int, 0), $9)"
                        " ON CONFLICT (id) DO NOTHING",
                        DB_ID(f->id), DB_ID(m->channel_id), DB_ID(m->id), DB_TEXT(f->filename ? f->filename : ""),
                        DB_TEXT(f->content_type ? f->content_type : ""), DB_I64(f->size), DB_I64(f->width),
                        DB_I64(f->height), DB_TEXT(f->store_key ? f->store_key : ""));
}

status files_save(struct change *ch, struct arena *a, const Hubbub__V1__Message *m)
{
    struct db_rows *r;
    uint64_t *kept = ARENA_ARRAY(a, uint64_t, m->n_attachments);
    for (size_t i = 0; i < m->n_attachments; i++)
        kept[i] = m->attachments[i]->id;
    status st = change_query(
        ch, &r, "DELETE FROM attachments WHERE channel_id = $1 AND message_id = $2 AND id <> ALL($3::bigint[])",
        DB_ID(m->channel_id), DB_ID(m->id), DB_IDS(kept, m->n_attachments));
    for (size_t i = 0; st == ST_OK && i < m->n_attachments; i++)
        st = insert_file(ch, m, m->attachments[i]);
    return st;
}
