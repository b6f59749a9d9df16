/* webhook_forms.c - what Slack's and GitHub's posters send, as messages. Texts that are too long are cut: the poster
 * cannot do better. */
#include "services/chat/message_content.h"
#include "services/chat/webhooks.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTENT_MAX = 2000,
    FIELD_NAME_MAX = 256,
    VALUE_MAX = 1024,
    TITLE_MAX = 256,
    DESCRIPTION_MAX = 2048,
    FOOTER_MAX = 2048
};
enum { EMBEDS_MAX = 10, FIELDS_MAX = 25, COMMITS_SHOWN = 5, BODY_SHOWN = 500, SUBJECT_SHOWN = 72, SHA_SHOWN = 7 };

/* At most n code points; NULL for none. */
static char *cut(struct arena *a, const char *text, size_t n)
{
    if (!text || !*text)
        return NULL;
    const char *end = text;
    for (; *end && n; n--)
        do
            end++;
        while ((*end & 0xc0) == 0x80);
    return arena_strndup(a, text, (size_t)(end - text));
}

static char *url(struct arena *a, const char *text)
{
    return text && (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7)) ? cut(a, text, 2048) : NULL;
}

static Hubbub__V1__EmbedMedia *picture(struct arena *a, const char *at)
{
    char *address = url(a, at);
    if (!address)
        return NULL;
    Hubbub__V1__EmbedMedia *m = PB_NEW(a, Hubbub__V1__EmbedMedia, hubbub__v1__embed_media);
    m->url = address;
    return m;
}

static Hubbub__V1__EmbedAuthor *author(struct arena *a, const char *name, const char *link, const char *icon)
{
    if (!name || !*name)
        return NULL;
    Hubbub__V1__EmbedAuthor *x = PB_NEW(a, Hubbub__V1__EmbedAuthor, hubbub__v1__embed_author);
    x->name = cut(a, name, FIELD_NAME_MAX);
    x->url = url(a, link);
    x->icon_url = url(a, icon);
    return x;
}

/* ---- Slack ------------------------------------------------------------------------------------------------------- */

/* "#abc", "#aabbcc", or one of Slack's three words. */
static bool read_color(const char *text, uint32_t *ret)
{
    static const struct {
        const char *word;
        uint32_t color;
    } words[] = {{"good", 0x2eb886}, {"warning", 0xdaa038}, {"danger", 0xa30200}};
    for (size_t i = 0; text && i < sizeof words / sizeof *words; i++)
        if (!strcmp(text, words[i].word)) {
            *ret = words[i].color;
            return true;
        }
    size_t n = text && *text == '#' ? strspn(text + 1, "0123456789abcdefABCDEF") : 0;
    if ((n != 3 && n != 6) || text[n + 1])
        return false;
    uint32_t v = (uint32_t)strtoul(text + 1, NULL, 16);
    *ret = n == 6 ? v : (v >> 8 & 15) * 0x110000 + (v >> 4 & 15) * 0x1100 + (v & 15) * 0x11;
    return true;
}

/* <https://a|text> becomes [text](https://a); <https://a> stays; &lt; &gt; &amp; are what they stand for. */
static char *from_mrkdwn(struct arena *a, const char *text)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
    if (!text)
        return NULL;
    char *out = arena_alloc(a, strlen(text) * 2 + 1), *to = out;
    while (*text) {
        const char *bar = NULL, *end = NULL;
        if (!strncmp(text, "<http", 5) && (end = strchr(text, '>')))
            bar = memchr(text, '|', (size_t)(end - text));
        if (bar) {
            to += sprintf(to, "[%.*s](%.*s)", (int)(end - bar - 1), bar + 1, (int)(bar - text - 1), text + 1);
            text = end + 1;
            continue;
        }
        size_t i = 0;
        while (i < 3 && strncmp(text, entities[i].entity, strlen(entities[i].entity)))
            i++;
        *to++ = i < 3 ? entities[i].c : *text;
        text += i < 3 ? strlen(entities[i].entity) : 1;
    }
    *to = '\0';
    return out;
}

static void read_slack_fields(struct arena *a, const Hubbub__V1__SlackAttachment *from, Hubbub__V1__Embed *to)
{
    to->fields = ARENA_ARRAY(a, Hubbub__V1__EmbedField *, from->n_fields);
    for (size_t i = 0; i < from->n_fields && to->n_fields < FIELDS_MAX; i++) {
        const Hubbub__V1__SlackField *f = from->fields[i];
        Hubbub__V1__EmbedField *field = PB_NEW(a, Hubbub__V1__EmbedField, hubbub__v1__embed_field);
        field->name = cut(a, f->title, FIELD_NAME_MAX);
        field->value = cut(a, from_mrkdwn(a, f->value), VALUE_MAX);
        PB_SET(field, inline_, f->short_);
        if (field->name && field->value)
            to->fields[to->n_fields++] = field;
    }
}

static Hubbub__V1__Embed *read_slack_embed(struct arena *a, const Hubbub__V1__SlackAttachment *from)
{
    Hubbub__V1__Embed *e = PB_NEW(a, Hubbub__V1__Embed, hubbub__v1__embed);
    uint32_t color;
    e->title = cut(a, from->title, TITLE_MAX);
    e->url = url(a, from->title_link);
    e->description = cut(a, from_mrkdwn(a, from->text && *from->text ? from->text : from->fallback), DESCRIPTION_MAX);
    e->author = author(a, from->author_name, from->author_link, from->author_icon);
    e->image = picture(a, from->image_url);
    e->thumbnail = picture(a, from->thumb_url);
    if (read_color(from->color, &color))
        PB_SET(e, color, color);
    if (from->footer && *from->footer) {
        e->footer = PB_NEW(a, Hubbub__V1__EmbedFooter, hubbub__v1__embed_footer);
        e->footer->text = cut(a, from->footer, FOOTER_MAX);
        e->footer->icon_url = url(a, from->footer_icon);
    }
    if (from->ts > 0 && from->ts < INT64_C(253402300800))
        PB_SET(e, timestamp, from->ts * 1000);
    read_slack_fields(a, from, e);
    return e;
}

/* The embeds that fit together. */
static void read_slack_embeds(struct arena *a, const Hubbub__V1__SlackRequest *req,
                              Hubbub__V1__ExecuteWebhookRequest *ret)
{
    ret->embeds = ARENA_ARRAY(a, Hubbub__V1__Embed *, EMBEDS_MAX);
    for (size_t i = 0; i < req->n_attachments && ret->n_embeds < EMBEDS_MAX; i++) {
        ret->embeds[ret->n_embeds] = read_slack_embed(a, req->attachments[i]);
        if (embeds_text_length(ret->embeds, ret->n_embeds + 1) > EMBED_TEXT_MAX)
            break;
        ret->n_embeds++;
    }
}

bool webhook_read_slack(struct arena *a, const Hubbub__V1__SlackRequest *req, Hubbub__V1__ExecuteWebhookRequest *ret)
{
    const char *text = req->text ? req->text : "", *before = req->n_attachments ? req->attachments[0]->pretext : NULL;
    if (before && *before)
        text = arena_printf(a, "%s%s%s", text, *text ? "\n" : "", before);
    ret->content = cut(a, from_mrkdwn(a, text), CONTENT_MAX);
    ret->username = req->username && *req->username ? req->username : NULL;
    ret->avatar_url = url(a, req->icon_url);
    read_slack_embeds(a, req, ret);
    return ret->content || ret->n_embeds;
}

/* ---- GitHub ------------------------------------------------------------------------------------------------------ */

struct github {
    struct arena *arena;
    const Hubbub__V1__GithubRequest *req;
    const char *repository, *sender;
    Hubbub__V1__Embed *embed;
};

static const char * or (const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static bool is(const char *text, const char *word)
{
    return text && !strcmp(text, word);
}

static void set_title(struct github *g, const char *rest, const char *link, const char *body)
{
    g->embed->title = cut(g->arena, arena_printf(g->arena, "[%s] %s", g->repository, rest), TITLE_MAX);
    g->embed->url = url(g->arena, link);
    g->embed->description = cut(g->arena, body, BODY_SHOWN);
}

/* Behind refs/heads/ or refs/tags/. */
static const char *short_ref(const char *ref)
{
    const char *last = ref && !strncmp(ref, "refs/", 5) ? strchr(ref + 5, '/') : NULL;
    return last ? last + 1 : or (ref, "");
}

static bool read_push(struct github *g)
{
    const Hubbub__V1__GithubRequest *r = g->req;
    if (!r->ref || !r->compare || !r->n_commits)
        return false;
    char *lines = "";
    for (size_t i = 0; i < r->n_commits && i < COMMITS_SHOWN; i++) {
        const Hubbub__V1__GithubCommit *k = r->commits[i];
        const char *message = or (k->message, ""), *who = k->author ? or (k->author->username, k->author->name) : NULL;
        char *subject = cut(g->arena, arena_strndup(g->arena, message, strcspn(message, "\r\n")), SUBJECT_SHOWN);
        lines = arena_printf(g->arena, "%s[`%.*s`](%s) %s - %s\n", lines, SHA_SHOWN, or (k->id, ""),
                             or (url(g->arena, k->url), ""), or (subject, ""), or (who, g->sender));
    }
    set_title(g,
              arena_printf(g->arena, "%s: %zu %scommit%s", short_ref(r->ref), r->n_commits,
                           r->forced ? "force-pushed " : "new ", r->n_commits == 1 ? "" : "s"),
              r->compare, NULL);
    g->embed->description = cut(g->arena, lines, DESCRIPTION_MAX);
    return true;
}

/* An issue or a pull request, or what was said of it. */
static bool read_thing(struct github *g)
{
    const Hubbub__V1__GithubRequest *r = g->req;
    const Hubbub__V1__GithubThing *on = r->pull_request ? r->pull_request : r->issue;
    const Hubbub__V1__GithubThing *said = r->comment ? r->comment : r->review;
    if (!on)
        return false;
    const char *kind = r->pull_request ? "Pull request" : "Issue";
    const char *title = or (on->title, "");
    const char *act = is(r->action, "closed") && on->merged ? "merged" : or (r->action, "changed");
    if (said)
        set_title(g,
                  arena_printf(g->arena, "New %s on %s #%" PRId64 ": %s", r->comment ? "comment" : "review",
                               r->pull_request ? "pull request" : "issue", on->number, title),
                  said->html_url, said->body);
    else
        set_title(g, arena_printf(g->arena, "%s %s: #%" PRId64 " %s", kind, act, on->number, title), on->html_url,
                  is(r->action, "opened") ? on->body : NULL);
    return true;
}

static bool read_release(struct github *g)
{
    const Hubbub__V1__GithubThing *x = g->req->release;
    if (!x || !is(g->req->action, "published"))
        return false;
    set_title(g, arena_printf(g->arena, "New release published: %s", or (x->name, or (x->tag_name, ""))), x->html_url,
              x->body);
    return true;
}

static bool read_fork(struct github *g)
{
    const Hubbub__V1__GithubRepository *f = g->req->forkee;
    if (!f)
        return false;
    set_title(g, arena_printf(g->arena, "Fork created: %s", or (f->full_name, "")), f->html_url, NULL);
    return true;
}

/* A branch or a tag that was made. */
static bool read_created(struct github *g)
{
    if (!g->req->ref_type || !g->req->ref)
        return false;
    set_title(g, arena_printf(g->arena, "New %s: %s", g->req->ref_type, g->req->ref), NULL, NULL);
    return true;
}

bool webhook_read_github(struct arena *a, const Hubbub__V1__GithubRequest *req, Hubbub__V1__ExecuteWebhookRequest *ret)
{
    static bool (*const readers[])(struct github *) = {read_push, read_release, read_thing, read_fork, read_created};
    struct github g = {.arena = a, .req = req};
    if (!req->repository || !req->sender)
        return false;
    g.repository = or (req->repository->full_name, "?");
    g.sender = or (req->sender->login, "?");
    g.embed = PB_NEW(a, Hubbub__V1__Embed, hubbub__v1__embed);
    g.embed->author = author(a, g.sender, req->sender->html_url, NULL);
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i](&g)) {
            ret->embeds = ARENA_ARRAY(a, Hubbub__V1__Embed *, 1);
            ret->embeds[ret->n_embeds++] = g.embed;
            return true;
        }
    return false;
}
