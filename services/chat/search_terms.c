#include "services/chat/search_terms.h"
#include "services/chat/message_rows.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static void add(struct search_terms *t, const char *term)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->items[i], term))
            return;
    if (t->n == SEARCH_TERMS_MAX)
        return;
    if (!t->items)
        t->items = ARENA_ARRAY(t->arena, const char *, SEARCH_TERMS_MAX);
    t->items[t->n++] = term;
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static bool is_east_asian(utf8proc_int32_t p)
{
    return (p >= 0x3040 && p <= 0x30ff) || (p >= 0x31f0 && p <= 0x31ff) || (p >= 0x3400 && p <= 0x4dbf) ||
           (p >= 0x4e00 && p <= 0x9fff) || (p >= 0xac00 && p <= 0xd7af) || (p >= 0xf900 && p <= 0xfaff) ||
           (p >= 0x20000 && p <= 0x3ffff) || p == 0x3005;
}

static bool is_of_word(utf8proc_int32_t p)
{
    utf8proc_category_t c = utf8proc_category(p);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
           (c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME) ||
           (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO);
}

/* A run of one kind of letters. */
struct run {
    const char *at;
    size_t bytes, letters;
    bool east_asian;
};

static size_t letter_bytes(const char *s)
{
    size_t n = 1;
    while ((s[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void add_pairs(struct search_terms *t, const struct run *r, bool whole)
{
    for (size_t at = 0; at < r->bytes;) {
        size_t one = letter_bytes(r->at + at), two = at + one < r->bytes ? letter_bytes(r->at + at + one) : 0;
        if (whole || r->letters == 1)
            add(t, arena_strndup(t->arena, r->at + at, one));
        if (two)
            add(t, arena_strndup(t->arena, r->at + at, one + two));
        at += one;
    }
}

static void add_run(struct search_terms *t, const struct run *r, bool whole)
{
    if (r->east_asian) {
        add_pairs(t, r, whole);
        return;
    }
    size_t n = r->bytes;
    if (n > SEARCH_WORD_BYTES_MAX)
        for (n = SEARCH_WORD_BYTES_MAX; (r->at[n] & 0xc0) == 0x80; n--)
            ;
    add(t, arena_strndup(t->arena, r->at, n));
}

static void cut(struct search_terms *t, const char *text, bool whole)
{
    struct run run = {0};
    for (const char *at = text; *at;) {
        utf8proc_int32_t p;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)at, -1, &p);
        if (n < 1)
            break;
        bool east_asian = is_east_asian(p), word = east_asian || is_of_word(p);
        if (run.bytes && (!word || east_asian != run.east_asian)) {
            add_run(t, &run, whole);
            run.bytes = run.letters = 0;
        }
        if (word && !run.bytes)
            run = (struct run){.at = at, .east_asian = east_asian};
        if (word) {
            run.bytes += (size_t)n;
            run.letters++;
        }
        at += n;
    }
    if (run.bytes)
        add_run(t, &run, whole);
}

void search_add_text(struct search_terms *t, const char *text, bool whole)
{
    if (!text || !*text)
        return;
    char *folded = (char *)utf8proc_NFKC_Casefold((const utf8proc_uint8_t *)text);
    if (folded)
        cut(t, folded, whole);
    free(folded);
}

/* ---- What it is -------------------------------------------------------------------------------------------------- */

void search_add_id(struct search_terms *t, char kind, uint64_t id)
{
    add(t, arena_printf(t->arena, "%c:%" PRIu64, kind, id));
}

void search_add_has(struct search_terms *t, const char *what)
{
    add(t, arena_printf(t->arena, "h:%s", what));
}

static void add_files(struct search_terms *t, const Hubbub__V1__Message *m)
{
    static const struct {
        const char *type, *has;
    } kinds[] = {{"image/", "image"}, {"video/", "video"}, {"audio/", "sound"}};
    size_t n;
    Hubbub__V1__Attachment **files = message_files(m, &n);
    for (size_t i = 0; i < n; i++) {
        search_add_has(t, "file");
        search_add_text(t, files[i]->filename, true);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (files[i]->content_type && !strncmp(files[i]->content_type, kinds[k].type, strlen(kinds[k].type)))
                search_add_has(t, kinds[k].has);
    }
}

static void add_embeds(struct search_terms *t, Hubbub__V1__Embed *const *embeds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        search_add_has(t, "embed");
        search_add_text(t, embeds[i]->title, true);
        search_add_text(t, embeds[i]->description, true);
    }
}

static void add_content(struct search_terms *t, const char *content)
{
    search_add_text(t, content, true);
    if (content && (strstr(content, "http://") || strstr(content, "https://")))
        search_add_has(t, "link");
}

void search_add_message(struct search_terms *t, const Hubbub__V1__Message *m)
{
    search_add_id(t, 'u', m->author->id);
    for (size_t i = 0; i < m->n_mentions; i++)
        search_add_id(t, 'm', m->mentions[i]->id);
    for (size_t i = 0; i < m->n_mention_roles; i++)
        search_add_id(t, 'r', m->mention_roles[i]);
    if (m->mention_everyone)
        search_add_has(t, "everyone");
    add_files(t, m);
    add_embeds(t, m->embeds, m->n_embeds);
    add_content(t, m->content);
    if (m->n_message_snapshots) {
        const Hubbub__V1__MessageContent *x = m->message_snapshots[0]->message;
        search_add_has(t, "snapshot");
        add_embeds(t, x->embeds, x->n_embeds);
        add_content(t, x->content);
    }
}
