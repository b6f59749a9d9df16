#define _GNU_SOURCE /* mempcpy */
#include "services/chat/message_content.h"
#include <stdlib.h>
#include <string.h>

static bool has_id(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void add_id(uint64_t *ids, size_t *n, uint64_t id)
{
    if (*n < MENTIONS_MAX && !has_id(ids, *n, id))
        ids[(*n)++] = id;
}

void mentions_add_user(struct mentions *m, uint64_t user_id)
{
    add_id(m->users, &m->n_users, user_id);
}

/* at: behind "<@". Snowflakes have at most 19 digits here. */
static void parse_angle(const char *at, struct mentions *ret)
{
    bool role = *at == '&';
    if (role || *at == '!')
        at++;
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 19 || at[digits] != '>')
        return;
    uint64_t id = strtoull(at, NULL, 10);
    if (id > INT64_MAX)
        return;
    if (role)
        add_id(ret->roles, &ret->n_roles, id);
    else
        add_id(ret->users, &ret->n_users, id);
}

void mentions_parse(const char *content, struct mentions *ret)
{
    *ret = (struct mentions){0};
    for (const char *at = strchr(content, '@'); at; at = strchr(at + 1, '@')) {
        if (at > content && at[-1] == '<')
            parse_angle(at + 1, ret);
        ret->everyone |= !strncmp(at, "@everyone", 9) || !strncmp(at, "@here", 5);
    }
}

static bool parses(const Hubbub__V1__AllowedMentions *a, const char *what)
{
    for (size_t i = 0; i < a->n_parse; i++)
        if (!strcmp(a->parse[i], what))
            return true;
    return false;
}

static size_t keep_listed(uint64_t *ids, size_t n, const uint64_t *allowed, size_t n_allowed)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (has_id(allowed, n_allowed, ids[i]))
            ids[kept++] = ids[i];
    return kept;
}

void mentions_allow(struct mentions *m, const Hubbub__V1__AllowedMentions *a)
{
    if (!a)
        return;
    if (!parses(a, "users"))
        m->n_users = keep_listed(m->users, m->n_users, a->users, a->n_users);
    if (!parses(a, "roles"))
        m->n_roles = keep_listed(m->roles, m->n_roles, a->roles, a->n_roles);
    m->everyone &= parses(a, "everyone");
}

bool mentions_replied_user(const Hubbub__V1__AllowedMentions *a)
{
    return !a || a->replied_user;
}

const char *mentions_conflict(const Hubbub__V1__AllowedMentions *a)
{
    if (a && a->n_users && parses(a, "users"))
        return "users";
    return a && a->n_roles && parses(a, "roles") ? "roles" : NULL;
}

/* ---- Custom emoji ------------------------------------------------------------------------------------------------ */

enum { EMOJI_NAME_MIN = 2, EMOJI_NAME_MAX = 32 };
#define EMOJI_NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

bool emoji_token_at(const char *at, struct emoji_token *ret)
{
    const char *name = at + (at[1] == 'a' ? 2 : 1);
    if (*name++ != ':')
        return false;
    size_t n = strspn(name, EMOJI_NAME);
    if (n < EMOJI_NAME_MIN || n > EMOJI_NAME_MAX || name[n] != ':')
        return false;
    const char *id = name + n + 1;
    size_t digits = strspn(id, "0123456789");
    if (digits == 0 || digits > 19 || id[digits] != '>')
        return false;
    *ret = (struct emoji_token){name, n, (size_t)(id + digits + 1 - at), strtoull(id, NULL, 10)};
    return true;
}

size_t emoji_tokens(const char *content, uint64_t *ret, size_t max)
{
    size_t n = 0;
    struct emoji_token t;
    for (const char *at = strchr(content, '<'); at && n < max; at = strchr(at + 1, '<'))
        if (emoji_token_at(at, &t) && !has_id(ret, n, t.id))
            ret[n++] = t.id;
    return n;
}

char *emoji_tokens_strip(struct arena *a, const char *content, const uint64_t *kept, size_t n)
{
    char *text = arena_alloc(a, strlen(content) + 1), *to = text;
    struct emoji_token t;
    for (const char *at = content; *at;) {
        if (*at != '<' || !emoji_token_at(at, &t) || has_id(kept, n, t.id)) {
            *to++ = *at++;
            continue;
        }
        *to++ = ':';
        to = mempcpy(to, t.name, t.name_len);
        *to++ = ':';
        at += t.len;
    }
    *to = 0;
    return text;
}

char *content_trim(struct arena *a, const char *s)
{
    static const char space[] = " \t\r\n\v\f";
    s = s ? s + strspn(s, space) : "";
    size_t n = strlen(s);
    while (n && strchr(space, s[n - 1]))
        n--;
    return arena_strndup(a, s, n);
}

static size_t code_points(const char *s)
{
    size_t n = 0;
    for (; s && *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

size_t embeds_text_length(Hubbub__V1__Embed *const *embeds, size_t n)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        const Hubbub__V1__Embed *e = embeds[i];
        length += code_points(e->title) + code_points(e->description);
        length += e->footer ? code_points(e->footer->text) : 0;
        length += e->author ? code_points(e->author->name) : 0;
        for (size_t f = 0; f < e->n_fields; f++)
            length += code_points(e->fields[f]->name) + code_points(e->fields[f]->value);
    }
    return length;
}

static bool embed_shows(const Hubbub__V1__Embed *e)
{
    return (e->title && *e->title) || (e->description && *e->description) || (e->url && *e->url) || e->footer ||
           e->image || e->thumbnail || e->author || e->n_fields || e->has_timestamp;
}

bool message_is_empty(const Hubbub__V1__Message *m)
{
    bool embeds = false;
    for (size_t i = 0; i < m->n_embeds; i++)
        embeds |= embed_shows(m->embeds[i]);
    return !(m->content && *m->content) && !embeds && !m->n_attachments && !m->n_message_snapshots;
}
