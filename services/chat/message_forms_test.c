/* What a message may be made of, and what becomes of it: embeds and their addresses, files that an edit keeps and adds,
 * forwards, replies that are not there, and what the system writes when somebody joins or a group is named. */
#include "lib/base/log.h"
#include "services/chat/access.h"
#include "services/chat/message_content.h"
#include "services/chat/testing/world.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint64_t owner, ben, stranger, guild, room;
} cast;

static void set_up(void)
{
    world_clear();
    cast.owner = world_quick_person("owner");
    cast.ben = world_quick_person("ben");
    cast.stranger = world_quick_person("stranger");
    cast.guild = world_guild(cast.owner);
    cast.room = world_text_channel(cast.guild);
    world_join(cast.guild, cast.ben);
}

static void permissions_of_all(uint64_t bits)
{
    world_number("WITH u AS (UPDATE roles SET permissions = $2 WHERE id = $1 RETURNING 1) SELECT count(*) FROM u",
                 cast.guild, bits);
}

static Hubbub__V1__CreateMessageRequest request(uint64_t channel, const char *content)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = (char *)content;
    return req;
}

static status send(uint64_t user, const Hubbub__V1__CreateMessageRequest *req, Hubbub__V1__Message *m)
{
    hubbub__v1__message__init(m);
    return DO(user, messages, create, req, m);
}

static status say(uint64_t user, uint64_t channel, const char *text, Hubbub__V1__Message *m)
{
    Hubbub__V1__CreateMessageRequest req = request(channel, text);
    return send(user, &req, m);
}

static status read_one(uint64_t user, uint64_t channel, uint64_t id, Hubbub__V1__Message *m)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, message_id, id);
    hubbub__v1__message__init(m);
    return DO(user, messages, get, &req, m);
}

static status remove_one(uint64_t user, uint64_t channel, uint64_t id)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty nothing = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, message_id, id);
    return DO(user, messages, delete, &req, &nothing);
}

/* ---- Embeds ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *path, *url, *leaf; /* NULL: it is fine */
} addresses[] = {
    {"url", "https://example.org/a?b#c", NULL},
    {"url", "HTTP://example.org", NULL},
    {"url", "ftp://example.org", "embeds.0.url URL_TYPE_INVALID_SCHEME"},
    {"url", "attachment://a.png", "embeds.0.url URL_TYPE_INVALID_SCHEME"},
    {"url", "example.org", "embeds.0.url URL_TYPE_INVALID_URL"},
    {"url", "https:///path", "embeds.0.url URL_TYPE_INVALID_URL"},
    {"url", "https://a b", "embeds.0.url URL_TYPE_INVALID_URL"},
    {"image", "attachment://a.png", NULL},
    {"image", "attachment://", "embeds.0.image.url URL_TYPE_INVALID_SCHEME"},
    {"image", "javascript:alert(1)", "embeds.0.image.url URL_TYPE_INVALID_URL"},
    {"thumbnail", "data://x", "embeds.0.thumbnail.url URL_TYPE_INVALID_SCHEME"},
    {"footer", "file:///etc", "embeds.0.footer.icon_url URL_TYPE_INVALID_SCHEME"},
    {"author", "x", "embeds.0.author.icon_url URL_TYPE_INVALID_URL"},
    {"author url", "x", "embeds.0.author.url URL_TYPE_INVALID_URL"},
};

START_TEST(addresses_of_embeds_are_checked)
{
    const char *path = addresses[_i].path, *leaf = addresses[_i].leaf;
    char *url = (char *)addresses[_i].url;
    Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT, *embeds[] = {&e};
    Hubbub__V1__EmbedMedia media = HUBBUB__V1__EMBED_MEDIA__INIT;
    Hubbub__V1__EmbedFooter footer = HUBBUB__V1__EMBED_FOOTER__INIT;
    Hubbub__V1__EmbedAuthor author = HUBBUB__V1__EMBED_AUTHOR__INIT;
    Hubbub__V1__CreateMessageRequest req = request(cast.room, NULL);
    Hubbub__V1__Message m;
    media.url = footer.icon_url = url;
    footer.text = author.name = "text";
    e.title = "title";
    if (!strcmp(path, "author url"))
        author.url = url;
    else
        author.icon_url = url;
    e.url = !strcmp(path, "url") ? url : NULL;
    e.image = !strcmp(path, "image") ? &media : NULL;
    e.thumbnail = !strcmp(path, "thumbnail") ? &media : NULL;
    e.footer = !strcmp(path, "footer") ? &footer : NULL;
    e.author = !strncmp(path, "author", 6) ? &author : NULL;
    req.embeds = embeds;
    req.n_embeds = 1;
    ck_assert_int_eq(send(cast.owner, &req, &m), leaf ? ST_INVALID_FORM : ST_OK);
    if (leaf)
        ck_assert_str_eq(LEAF, leaf);
}
END_TEST

START_TEST(an_embed_needs_its_right_and_something_to_show)
{
    Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT, *embeds[] = {&e};
    Hubbub__V1__CreateMessageRequest req = request(cast.room, NULL);
    Hubbub__V1__Message m;
    req.embeds = embeds;
    req.n_embeds = 1;
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_EMPTY_MESSAGE);
    e.description = "words";
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_OK);
    ck_assert_int_eq(read_one(cast.ben, cast.room, m.id, &m), ST_OK);
    ck_assert_str_eq(m.embeds[0]->description, "words");
    permissions_of_all(PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES);
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_MISSING_PERMISSIONS);
    permissions_of_all(PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES | PERM_EMBED_LINKS);
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_OK);
}
END_TEST

START_TEST(only_some_flags_are_set)
{
    Hubbub__V1__CreateMessageRequest req = request(cast.room, "quiet");
    Hubbub__V1__Message m;
    PB_SET(&req, flags, UINT64_MAX);
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_OK);
    ck_assert_uint_eq(m.flags, FLAG_SUPPRESS_EMBEDS | FLAG_SUPPRESS_NOTIFICATIONS);
    ck_assert_uint_eq(world_entry(0)->event->message_create->flags, m.flags);
}
END_TEST

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static Hubbub__V1__Attachment file_of(const char *name)
{
    Hubbub__V1__Attachment f = HUBBUB__V1__ATTACHMENT__INIT;
    f.filename = (char *)name;
    f.content_type = "text/plain";
    f.store_key = "0a0b";
    PB_SET(&f, size, 7);
    return f;
}

static uint64_t send_files(uint64_t user, size_t n, uint64_t *ret_ids)
{
    Hubbub__V1__Attachment one = file_of("one.txt"),
                           *files[10] = {&one, &one, &one, &one, &one, &one, &one, &one, &one, &one};
    Hubbub__V1__CreateMessageRequest req = request(cast.room, "with files");
    Hubbub__V1__Message m;
    req.uploaded = files;
    req.n_uploaded = n;
    ck_assert_int_eq(send(user, &req, &m), ST_OK);
    for (size_t i = 0; i < n; i++)
        ret_ids[i] = m.attachments[i]->id;
    return m.id;
}

static int64_t stored_files(uint64_t message)
{
    return world_number("SELECT count(*) FROM attachments WHERE message_id = $1 OR $2 = 1", message, 0);
}

enum { EDIT_CONTENT = 3, EDIT_ATTACHMENTS = 7 };

static Hubbub__V1__EditMessageRequest edit_of(uint64_t id, uint32_t *present, uint32_t field)
{
    Hubbub__V1__EditMessageRequest req = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, cast.room);
    PB_SET(&req, message_id, id);
    *present = field;
    req.present = present;
    req.n_present = field ? 1 : 0;
    return req;
}

static status edit(uint64_t user, const Hubbub__V1__EditMessageRequest *req, Hubbub__V1__Message *m)
{
    hubbub__v1__message__init(m);
    return DO(user, messages, edit, req, m);
}

START_TEST(an_edit_keeps_removes_and_adds_files)
{
    uint64_t ids[3], message = send_files(cast.ben, 3, ids);
    uint32_t present, index[] = {0};
    Hubbub__V1__EditMessageRequest req = edit_of(message, &present, EDIT_ATTACHMENTS);
    Hubbub__V1__AttachmentInput kept = HUBBUB__V1__ATTACHMENT_INPUT__INIT, added = kept, *inputs[] = {&kept, &added};
    Hubbub__V1__Attachment more = file_of("more.txt"), *files[] = {&more};
    Hubbub__V1__Message m;
    PB_SET(&kept, id, ids[1]);
    kept.description = "the second";
    PB_SET(&added, id, 0);
    added.filename = "renamed.txt";
    req.attachments = inputs;
    req.n_attachments = 2;
    req.uploaded = files;
    req.n_uploaded = 1;
    req.uploaded_index = index;
    req.n_uploaded_index = 1;
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_attachments, 2);
    ck_assert_uint_eq(m.attachments[0]->id, ids[1]);
    ck_assert_str_eq(m.attachments[0]->description, "the second");
    ck_assert_str_eq(m.attachments[1]->filename, "renamed.txt");
    ck_assert_uint_eq(world_entry(0)->event->message_update->n_attachments, 2);
    ck_assert_int_eq(stored_files(message), 2);
    PB_SET(&kept, id, ids[0]); /* gone by now */
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_UPLOAD_MISSING);
    req = edit_of(message, &present, 0); /* `attachments` absent: everything stays */
    req.uploaded = files;
    req.n_uploaded = 1;
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_attachments, 3);
    ck_assert_int_eq(edit(cast.owner, &req, &m), ST_NOT_AUTHOR);
    permissions_of_all(PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES);
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(stored_files(message), 3);
}
END_TEST

START_TEST(ten_files_and_no_more)
{
    uint64_t ids[10], message = send_files(cast.ben, 9, ids);
    uint32_t present;
    Hubbub__V1__EditMessageRequest req = edit_of(message, &present, 0);
    Hubbub__V1__Attachment more = file_of("more.txt"), *files[] = {&more};
    Hubbub__V1__Message m;
    req.uploaded = files;
    req.n_uploaded = 1;
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_OK);
    ck_assert_int_eq(edit(cast.ben, &req, &m), ST_MAX_ATTACHMENTS);
    ck_assert_int_eq(stored_files(message), 10);
}
END_TEST

/* ---- References -------------------------------------------------------------------------------------------------- */

static Hubbub__V1__MessageReference refer(int type, uint64_t channel, uint64_t message)
{
    Hubbub__V1__MessageReference ref = HUBBUB__V1__MESSAGE_REFERENCE__INIT;
    PB_SET(&ref, type, type);
    PB_SET(&ref, message_id, message);
    if (channel)
        PB_SET(&ref, channel_id, channel);
    return ref;
}

static status forward(uint64_t user, uint64_t to, uint64_t from, uint64_t message, Hubbub__V1__Message *m)
{
    Hubbub__V1__CreateMessageRequest req = request(to, NULL);
    Hubbub__V1__MessageReference ref = refer(1, from, message);
    req.message_reference = &ref;
    return send(user, &req, m);
}

static status resolve(uint64_t channel, uint64_t id)
{
    Hubbub__V1__ResolveAttachmentRequest req = HUBBUB__V1__RESOLVE_ATTACHMENT_REQUEST__INIT;
    Hubbub__V1__Attachment found = HUBBUB__V1__ATTACHMENT__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, attachment_id, id);
    return DO(0, messages, resolve_attachment, &req, &found);
}

START_TEST(a_forward_keeps_what_it_showed)
{
    uint64_t file, source = send_files(cast.ben, 1, &file), other;
    Hubbub__V1__Message m, again;
    other = world_channel(cast.guild, cast.owner, "other", 0, 0);
    ck_assert_int_eq(forward(cast.owner, other, cast.room, source, &m), ST_OK);
    ck_assert_int_eq(m.type, MESSAGE_DEFAULT);
    ck_assert_uint_eq(m.flags, FLAG_HAS_SNAPSHOT);
    ck_assert_int_eq(m.message_reference->type, 1);
    ck_assert_uint_eq(m.message_reference->message_id, source);
    ck_assert_uint_eq(world_entry(0)->event->message_create->n_message_snapshots, 1);
    ck_assert_int_eq(remove_one(cast.ben, cast.room, source), ST_OK);
    ck_assert_int_eq(resolve(cast.room, file), ST_UNKNOWN_ASSET);
    ck_assert_int_eq(read_one(cast.ben, other, m.id, &again), ST_OK);
    ck_assert_uint_eq(again.n_message_snapshots, 1);
    const Hubbub__V1__MessageContent *x = again.message_snapshots[0]->message;
    ck_assert_str_eq(x->content, "with files");
    ck_assert_uint_eq(x->n_attachments, 1);
    ck_assert_uint_ne(x->attachments[0]->id, file);
    ck_assert_ptr_nonnull(strstr(x->attachments[0]->url, "/one.txt"));
    ck_assert_int_eq(resolve(other, x->attachments[0]->id), ST_OK);
    uint64_t first = m.id;
    ck_assert_int_eq(forward(cast.owner, cast.room, other, first, &m), ST_OK); /* of a forward */
    ck_assert_str_eq(m.message_snapshots[0]->message->content, "with files");
    ck_assert_uint_eq(m.message_reference->message_id, first);
    ck_assert_int_eq(remove_one(cast.owner, other, first), ST_OK);
    ck_assert_int_eq(resolve(cast.room, m.message_snapshots[0]->message->attachments[0]->id), ST_OK);
    uint32_t present;
    Hubbub__V1__EditMessageRequest req = edit_of(m.id, &present, EDIT_CONTENT);
    req.content = "mine";
    ck_assert_int_eq(edit(cast.owner, &req, &m), ST_SYSTEM_MESSAGE);
}
END_TEST

START_TEST(who_may_forward_what)
{
    Hubbub__V1__Message m;
    ck_assert_int_eq(say(cast.owner, cast.room, "text", &m), ST_OK);
    uint64_t source = m.id, hidden = world_channel(cast.guild, cast.owner, "hidden", 0, 0), theirs;
    world_number("WITH i AS (INSERT INTO overwrites (channel_id, target_id, type, allow, deny) VALUES ($1, $2, 0, 0, "
                 "65536) RETURNING 1) SELECT count(*) FROM i",
                 hidden, cast.guild); /* no READ_MESSAGE_HISTORY */
    ck_assert_int_eq(say(cast.owner, hidden, "not for all", &m), ST_OK);
    theirs = m.id;
    ck_assert_int_eq(forward(cast.ben, cast.room, hidden, theirs, &m), ST_FORWARD_UNREADABLE);
    ck_assert_int_eq(forward(cast.owner, cast.room, hidden, theirs, &m), ST_OK);
    uint64_t elsewhere = world_text_channel(world_guild(cast.stranger));
    ck_assert_int_eq(say(cast.stranger, elsewhere, "far", &m), ST_OK);
    ck_assert_int_eq(forward(cast.ben, cast.room, elsewhere, m.id, &m), ST_FORWARD_UNREADABLE);
    ck_assert_int_eq(forward(cast.ben, cast.room, 5, source, &m), ST_FORWARD_UNREADABLE);
    ck_assert_int_eq(forward(cast.ben, cast.room, cast.room, 5, &m), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "message_reference MESSAGE_REFERENCE_UNKNOWN_MESSAGE");
    ck_assert_int_eq(forward(cast.ben, cast.room, 0, source, &m), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "message_reference.channel_id BASE_TYPE_REQUIRED");
    Hubbub__V1__CreateMessageRequest req = request(cast.room, "and more");
    Hubbub__V1__MessageReference ref = refer(1, cast.room, source);
    req.message_reference = &ref;
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "message_reference MESSAGE_REFERENCE_FORWARD_WITH_CONTENT");
    world_number("WITH u AS (UPDATE messages SET type = 6 WHERE id = $1 OR $2 = 1 RETURNING 1) SELECT count(*) FROM u",
                 source, 0);
    ck_assert_int_eq(forward(cast.ben, cast.room, cast.room, source, &m), ST_SYSTEM_MESSAGE);
}
END_TEST

/* 0: here, 1: gone, 2: in another channel, 3: the request names another guild, 4: the system's, 5: a greeting. */
START_TEST(a_reply_is_one_or_is_refused)
{
    int what = _i % 6;
    bool strict = _i < 6;
    Hubbub__V1__Message m;
    ck_assert_int_eq(say(cast.owner, cast.room, "question", &m), ST_OK);
    uint64_t other = world_channel(cast.guild, cast.owner, "other", 0, 0), id = m.id;
    if (what == 2)
        ck_assert_int_eq(say(cast.owner, other, "elsewhere", &m), ST_OK);
    Hubbub__V1__MessageReference ref = refer(0, what == 2 ? other : 0, what == 1 ? 5 : m.id);
    if (what == 3)
        PB_SET(&ref, guild_id, 7);
    if (what >= 4)
        world_number("WITH u AS (UPDATE messages SET type = $2 WHERE id = $1 RETURNING 1) SELECT count(*) FROM u", id,
                     what == 4 ? MESSAGE_CHANNEL_PINNED_MESSAGE : MESSAGE_USER_JOIN);
    if (!strict)
        PB_SET(&ref, fail_if_not_exists, false);
    Hubbub__V1__CreateMessageRequest req = request(cast.room, "answer");
    req.message_reference = &ref;
    bool there = what == 0 || what == 5;
    status st = send(cast.ben, &req, &m);
    ck_assert_int_eq(st, there || (!strict && what != 4) ? ST_OK : ST_INVALID_FORM);
    if (st == ST_OK) {
        ck_assert_int_eq(m.type, there ? MESSAGE_REPLY : MESSAGE_DEFAULT);
        ck_assert_int_eq(m.message_reference != NULL, there);
        ck_assert_uint_eq(m.n_mentions, there);
    } else {
        ck_assert_str_eq(LEAF, what == 4 ? "message_reference REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE"
                                         : "message_reference MESSAGE_REFERENCE_UNKNOWN_MESSAGE");
    }
}
END_TEST

START_TEST(an_edited_reply_goes_on_mentioning)
{
    Hubbub__V1__Message m;
    uint32_t present;
    ck_assert_int_eq(say(cast.owner, cast.room, "question", &m), ST_OK);
    Hubbub__V1__CreateMessageRequest req = request(cast.room, "answer");
    Hubbub__V1__MessageReference ref = refer(0, 0, m.id);
    Hubbub__V1__AllowedMentions none = HUBBUB__V1__ALLOWED_MENTIONS__INIT;
    req.message_reference = &ref;
    ck_assert_int_eq(send(cast.ben, &req, &m), ST_OK);
    Hubbub__V1__EditMessageRequest change = edit_of(m.id, &present, EDIT_CONTENT);
    change.content = "a better answer";
    ck_assert_int_eq(edit(cast.ben, &change, &m), ST_OK);
    ck_assert_uint_eq(m.n_mentions, 1);
    ck_assert_uint_eq(m.mentions[0]->id, cast.owner);
    change.allowed_mentions = &none;
    ck_assert_int_eq(edit(cast.ben, &change, &m), ST_OK);
    ck_assert_uint_eq(m.n_mentions, 0);
    change.allowed_mentions = NULL;
    ck_assert_int_eq(edit(cast.ben, &change, &m), ST_OK);
    ck_assert_uint_eq(m.n_mentions, 0);
    PB_SET(&none, replied_user, true);
    change.allowed_mentions = &none;
    ck_assert_int_eq(edit(cast.ben, &change, &m), ST_OK);
    ck_assert_uint_eq(m.n_mentions, 1);
}
END_TEST

/* ---- The system -------------------------------------------------------------------------------------------------- */

static void accept_invite(uint64_t user)
{
    Hubbub__V1__InviteRequest req = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite invite = HUBBUB__V1__INVITE__INIT;
    req.code = world_invite(cast.room, cast.owner, 0, 0);
    ck_assert_int_eq(DO(user, invites, accept, &req, &invite), ST_OK);
}

static void set_system_flags(uint64_t flags)
{
    Hubbub__V1__EditGuildRequest req = HUBBUB__V1__EDIT_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    uint32_t present[] = {40};
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, system_channel_flags, flags);
    req.present = present;
    req.n_present = 1;
    ck_assert_int_eq(DO(cast.owner, guilds, edit, &req, &g), ST_OK);
    ck_assert_uint_eq(g.system_channel_flags, flags);
}

START_TEST(who_joins_is_greeted_where_the_guild_says)
{
    accept_invite(cast.stranger);
    for (size_t i = 0; i < world_entries(); i++)
        ck_assert_ptr_null(world_entry(i)->event->message_create); /* the world's guilds are told of none */
    set_system_flags(62);
    uint64_t dora = world_quick_person("dora");
    accept_invite(dora);
    const Hubbub__V1__Message *m = world_entry(world_entries() - 1)->event->message_create;
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(m->type, MESSAGE_USER_JOIN);
    ck_assert_uint_eq(m->channel_id, cast.room);
    ck_assert_uint_eq(m->author->id, dora);
    ck_assert_str_eq(m->content, "");
    Hubbub__V1__Message read;
    ck_assert_int_eq(read_one(cast.ben, cast.room, m->id, &read), ST_OK);
    ck_assert_int_eq(read.type, MESSAGE_USER_JOIN);
    world_number("WITH u AS (UPDATE guilds SET system_channel_id = NULL WHERE id = $1 OR $2 = 1 RETURNING 1) "
                 "SELECT count(*) FROM u",
                 cast.guild, 0);
    accept_invite(world_quick_person("emil"));
    for (size_t i = 0; i < world_entries(); i++)
        ck_assert_ptr_null(world_entry(i)->event->message_create);
}
END_TEST

static status rename_channel(uint64_t user, uint64_t channel, char *name, Hubbub__V1__Channel *ret)
{
    Hubbub__V1__EditChannelRequest req = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    uint32_t present[] = {2};
    PB_SET(&req, channel_id, channel);
    req.name = name;
    req.present = present;
    req.n_present = 1;
    hubbub__v1__channel__init(ret);
    return DO(user, channels, edit, &req, ret);
}

static uint64_t open_dm(const uint64_t *others, size_t n)
{
    Hubbub__V1__OpenDirectRequest req = HUBBUB__V1__OPEN_DIRECT_REQUEST__INIT;
    Hubbub__V1__Channel ret = HUBBUB__V1__CHANNEL__INIT;
    req.recipients = (uint64_t *)others;
    req.n_recipients = n;
    ck_assert_int_eq(DO(cast.owner, directs, open, &req, &ret), ST_OK);
    return ret.id;
}

START_TEST(a_group_is_named_by_who_is_in_it)
{
    uint64_t carl = world_quick_person("carl");
    world_join(cast.guild, carl);
    const uint64_t others[] = {cast.ben, carl};
    uint64_t group = open_dm(others, 2), pair = open_dm(others, 1);
    Hubbub__V1__Channel x;
    ck_assert_int_eq(rename_channel(cast.stranger, group, "ours", &x), ST_MISSING_ACCESS);
    ck_assert_int_eq(rename_channel(cast.ben, pair, "ours", &x), ST_NOT_ON_DM);
    ck_assert_int_eq(rename_channel(cast.ben, group, "ours", &x), ST_OK);
    ck_assert_str_eq(x.name, "ours");
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_str_eq(world_entry(0)->event->channel_update->name, "ours");
    ck_assert_int_eq(world_entry(1)->event->message_create->type, MESSAGE_CHANNEL_NAME_CHANGE);
    ck_assert_str_eq(world_entry(1)->event->message_create->content, "ours");
    ck_assert_int_eq(rename_channel(cast.ben, group, "ours", &x), ST_OK); /* nothing changes */
    ck_assert_uint_eq(world_entries(), 0);
}
END_TEST

int main(void)
{
    log_init("message_forms_test", "error");
    world_start();
    TCase *t = tcase_create("forms");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_loop_test(t, addresses_of_embeds_are_checked, 0, sizeof addresses / sizeof *addresses);
    tcase_add_test(t, an_embed_needs_its_right_and_something_to_show);
    tcase_add_test(t, only_some_flags_are_set);
    tcase_add_test(t, an_edit_keeps_removes_and_adds_files);
    tcase_add_test(t, ten_files_and_no_more);
    tcase_add_test(t, a_forward_keeps_what_it_showed);
    tcase_add_test(t, who_may_forward_what);
    tcase_add_loop_test(t, a_reply_is_one_or_is_refused, 0, 12);
    tcase_add_test(t, an_edited_reply_goes_on_mentioning);
    tcase_add_test(t, who_joins_is_greeted_where_the_guild_says);
    tcase_add_test(t, a_group_is_named_by_who_is_in_it);
    Suite *s = suite_create("services/chat forms of messages");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    world_stop();
    return failed ? 1 : 0;
}
