/* The service Messages against a real PostgreSQL: who may do what, what is refused and how, pages by the primary key,
 * mentions, replies, files, edits and deletions, and the entries that each of them writes. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/message_rows.h"
#include "services/chat/testing/fixture.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static struct call *call; /* of the last request */

static void set_up(void)
{
    fixture_init(&fixture);
}

static void tear_down(void)
{
    call_fake_destroy(call);
    call = NULL;
    fixture_finish(&fixture);
}

/* The answers live until the next request. */
static struct call *as(uint64_t user_id)
{
    call_fake_destroy(call);
    return call = fixture_call(&fixture, user_id);
}

static Hubbub__V1__CreateMessageRequest request(const char *content)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    req.content = (char *)content;
    return req;
}

static status create(uint64_t user, const Hubbub__V1__CreateMessageRequest *req, Hubbub__V1__Message *ret)
{
    hubbub__v1__message__init(ret);
    return messages_handlers.create(as(user), req, ret);
}

static uint64_t send(uint64_t user, const char *content)
{
    uint64_t id = 0;
    ck_assert_int_eq(fixture_send(&fixture, user, FIXTURE_CHANNEL, content, NULL, &id), ST_OK);
    return id;
}

/* The event of the last request: its only entry. */
static const Hubbub__V1__Event *event(void)
{
    Hubbub__V1__FeedEntry *const *entries;
    ck_assert_uint_eq(call_fake_entries(call, &entries, NULL), 1);
    ck_assert_uint_eq(entries[0]->scope_id, FIXTURE_GUILD);
    ck_assert_uint_eq(entries[0]->topic, FIXTURE_CHANNEL);
    return entries[0]->event;
}

START_TEST(a_message_is_answered_and_told)
{
    Hubbub__V1__CreateMessageRequest req = request("  hello  ");
    Hubbub__V1__Message m;
    req.nonce = "n1";
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_str_eq(m.content, "hello");
    ck_assert_str_eq(m.nonce, "n1");
    ck_assert_uint_eq(m.author->id, FIXTURE_MEMBER);
    ck_assert_ptr_null(m.member);
    ck_assert(!m.has_guild_id);
    ck_assert_int_lt(llabs(m.timestamp - clock_wall_ms()), 5000);
    ck_assert_int_eq(m.timestamp, snowflake_ms(m.id));
    const Hubbub__V1__Message *e = event()->message_create;
    ck_assert_uint_eq(e->id, m.id);
    ck_assert_str_eq(e->nonce, "n1");
    ck_assert_uint_eq(e->guild_id, FIXTURE_GUILD);
    ck_assert_str_eq(e->member->nick, "nick");
    ck_assert_ptr_null(e->member->user);
}
END_TEST

static const struct refusal {
    uint64_t user, channel;
    const char *content;
    status st;
} refusals[] = {
    {FIXTURE_MEMBER, FIXTURE_CHANNEL, "", ST_EMPTY_MESSAGE},
    {FIXTURE_MEMBER, FIXTURE_CHANNEL, " \n ", ST_EMPTY_MESSAGE},
    {FIXTURE_MEMBER, FIXTURE_CHANNEL, NULL, ST_EMPTY_MESSAGE},
    {FIXTURE_MEMBER, FIXTURE_CATEGORY, "text", ST_NON_TEXT_CHANNEL},
    {FIXTURE_MEMBER, 999, "text", ST_UNKNOWN_CHANNEL},
    {FIXTURE_STRANGER, FIXTURE_CHANNEL, "text", ST_MISSING_ACCESS},
};

START_TEST(what_may_not_be_sent_is_refused)
{
    const struct refusal *r = &refusals[_i];
    Hubbub__V1__CreateMessageRequest req = request(r->content);
    Hubbub__V1__Message m;
    req.channel_id = r->channel;
    ck_assert_int_eq(create(r->user, &req, &m), r->st);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 0);
}
END_TEST

START_TEST(permissions_decide)
{
    Hubbub__V1__CreateMessageRequest req = request("text");
    Hubbub__V1__Message m;
    Hubbub__V1__Attachment file = HUBBUB__V1__ATTACHMENT__INIT, *files[] = {&file};
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024 WHERE id = 1000");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK);
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|2048 WHERE id = 1000");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    req.uploaded = files;
    req.n_uploaded = 1;
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_MISSING_PERMISSIONS); /* ATTACH_FILES */
    req.n_uploaded = 0;
    fixture_exec(&fixture, "UPDATE roles SET permissions = 0 WHERE id = 1000");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(too_much_embed_text_is_refused)
{
    Hubbub__V1__CreateMessageRequest req = request(NULL);
    Hubbub__V1__Message m;
    char text[4001];
    memset(text, 'x', 4000);
    text[4000] = '\0';
    Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT, *embeds[] = {&e, &e};
    e.description = text;
    req.embeds = embeds;
    req.n_embeds = 2;
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_INVALID_FORM);
    ck_assert_str_eq(call_fake_leaf(call), "embeds MAX_EMBED_SIZE_EXCEEDED");
    req.n_embeds = 1;
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_embeds, 1);
}
END_TEST

START_TEST(mentions_need_their_right)
{
    Hubbub__V1__CreateMessageRequest req = request("<@101> <@999> <@&1005> <@&1006> @everyone");
    Hubbub__V1__Message m;
    fixture_exec(&fixture, "INSERT INTO roles (id, guild_id, name, mentionable) VALUES (1005, 1000, 'open', true), "
                           "(1006, 1000, 'shut', false)");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_mentions, 1);
    ck_assert_str_eq(m.mentions[0]->username, "owner");
    ck_assert_uint_eq(m.n_mention_roles, 1);
    ck_assert_uint_eq(m.mention_roles[0], 1005);
    ck_assert(!m.mention_everyone);
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_mention_roles, 2);
    ck_assert(m.mention_everyone);
    Hubbub__V1__AllowedMentions none = HUBBUB__V1__ALLOWED_MENTIONS__INIT;
    req.allowed_mentions = &none;
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK);
    ck_assert(!m.n_mentions && !m.n_mention_roles && !m.mention_everyone);
    char *parse[] = {"users"};
    uint64_t users[] = {101};
    none.parse = parse;
    none.n_parse = 1;
    none.users = users;
    none.n_users = 1;
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_INVALID_FORM);
}
END_TEST

START_TEST(a_reply_names_a_message_of_the_channel)
{
    uint64_t target = send(FIXTURE_OWNER, "question");
    Hubbub__V1__CreateMessageRequest req = request("answer");
    Hubbub__V1__MessageReference ref = HUBBUB__V1__MESSAGE_REFERENCE__INIT;
    Hubbub__V1__Message m;
    req.message_reference = &ref;
    PB_SET(&ref, message_id, target);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_int_eq(m.type, 19);
    ck_assert_uint_eq(m.message_reference->message_id, target);
    ck_assert_uint_eq(m.message_reference->guild_id, FIXTURE_GUILD);
    ck_assert_uint_eq(m.n_mentions, 1); /* whose message it is */
    ck_assert_uint_eq(m.mentions[0]->id, FIXTURE_OWNER);
    ref.message_id = 12345;
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_INVALID_FORM);
    ck_assert_str_eq(call_fake_leaf(call), "message_reference MESSAGE_REFERENCE_UNKNOWN_MESSAGE");
    PB_SET(&ref, fail_if_not_exists, false);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_int_eq(m.type, 0);
    ck_assert_ptr_null(m.message_reference);
    uint64_t elsewhere;
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_OWNER, FIXTURE_OTHER_CHANNEL, "there", NULL, &elsewhere), ST_OK);
    ref.message_id = elsewhere;
    ref.fail_if_not_exists = true;
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_INVALID_FORM);
}
END_TEST

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static Hubbub__V1__ListMessagesRequest page_request(int limit)
{
    Hubbub__V1__ListMessagesRequest req = HUBBUB__V1__LIST_MESSAGES_REQUEST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, limit, limit);
    return req;
}

/* The contents of a page, "c,b,a": each is one letter. */
static const char *page(uint64_t user, const Hubbub__V1__ListMessagesRequest *req)
{
    static char letters[64];
    Hubbub__V1__MessagePage p = HUBBUB__V1__MESSAGE_PAGE__INIT;
    ck_assert_int_eq(messages_handlers.list(as(user), req, &p), ST_OK);
    char *json = arena_strndup(call_arena(call), (const char *)p.messages.data, p.messages.len), *at = letters;
    for (const char *s = json; (s = strstr(s, "\"content\":\"")); s += 11)
        at += sprintf(at, "%s%c", at == letters ? "" : ",", s[11]);
    *at = '\0';
    ck_assert_int_eq(json[0], '[');
    ck_assert_int_eq(json[p.messages.len - 1], ']');
    return letters;
}

START_TEST(pages_are_newest_first)
{
    uint64_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = send(FIXTURE_MEMBER, (const char[]){(char)('a' + i), '\0'});
    Hubbub__V1__ListMessagesRequest req = page_request(50);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "e,d,c,b,a");
    req = page_request(2);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "e,d");
    PB_SET(&req, before, ids[2]);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "b,a");
    req = page_request(2);
    PB_SET(&req, after, ids[1]);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "d,c"); /* the two that follow, newest first */
    req = page_request(3);
    PB_SET(&req, around, ids[2]);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "d,c,b");
    req.limit = 1;
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "c");
    req = page_request(2);
    PB_SET(&req, before, UINT64_MAX);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "e,d");
    PB_SET(&req, after, 1);
    Hubbub__V1__MessagePage p = HUBBUB__V1__MESSAGE_PAGE__INIT;
    ck_assert_int_eq(messages_handlers.list(as(FIXTURE_MEMBER), &req, &p), ST_INVALID_FORM);
}
END_TEST

START_TEST(history_needs_its_right)
{
    uint64_t id = send(FIXTURE_MEMBER, "a");
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|2048 WHERE id = 1000");
    Hubbub__V1__ListMessagesRequest req = page_request(50);
    ck_assert_str_eq(page(FIXTURE_MEMBER, &req), "");
    Hubbub__V1__MessageRequest one = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&one, channel_id, FIXTURE_CHANNEL);
    PB_SET(&one, message_id, id);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_MEMBER), &one, &m), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_OWNER), &one, &m), ST_OK);
    ck_assert_str_eq(m.content, "a");
    one.message_id = 5;
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_OWNER), &one, &m), ST_UNKNOWN_MESSAGE);
    Hubbub__V1__MessagePage p = HUBBUB__V1__MESSAGE_PAGE__INIT;
    ck_assert_int_eq(messages_handlers.list(as(FIXTURE_STRANGER), &req, &p), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(pages_go_by_the_primary_key)
{
    fixture_exec(&fixture, "INSERT INTO messages (channel_id, id, author_id, content) SELECT 1001 + n % 40, n, 102, "
                           "'text' FROM generate_series(1, 40000) n; ANALYZE messages");
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    static const char *const prepare[] = {
        "PREPARE page (bigint, bigint, int) AS " MESSAGE_PAGE_SQL("<", "DESC"),
        "PREPARE page (bigint, bigint, int) AS " MESSAGE_PAGE_SQL("<=", "DESC"),
        "PREPARE page (bigint, bigint, int) AS " MESSAGE_PAGE_SQL(">", "ASC"),
    };
    ck_assert_int_eq(db_lease(fixture.chat->db, clock_mono_ms() + 2000, &d), ST_OK);
    for (size_t i = 0; i < sizeof prepare / sizeof *prepare; i++) {
        bool by_key = false;
        ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, prepare[i]), ST_OK);
        ck_assert_int_eq(db_run(d, fixture.arena, clock_mono_ms() + 2000, &r, "EXPLAIN EXECUTE page (1001, 20000, 50)"),
                         ST_OK);
        for (unsigned row = 0; row < db_count(r); row++) {
            ck_assert_ptr_null(strstr(db_text(r, row, 0), "Seq Scan on messages"));
            by_key |= strstr(db_text(r, row, 0), "_pkey on messages") != NULL;
        }
        ck_assert(by_key);
        ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "DEALLOCATE page"), ST_OK);
    }
}
END_TEST

/* ---- Edit, delete, files ----------------------------------------------------------------------------------------- */

static status edit(uint64_t user, uint64_t id, const char *content, int64_t flags, Hubbub__V1__Message *m)
{
    Hubbub__V1__EditMessageRequest req = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    uint32_t present[2];
    req.present = present;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, id);
    if (content) {
        req.content = (char *)content;
        present[req.n_present++] = 3;
    }
    if (flags >= 0) {
        PB_SET(&req, flags, (uint64_t)flags);
        present[req.n_present++] = 6;
    }
    hubbub__v1__message__init(m);
    return messages_handlers.edit(as(user), &req, m);
}

START_TEST(authors_edit_and_moderators_hide_embeds)
{
    uint64_t id = send(FIXTURE_MEMBER, "before");
    Hubbub__V1__Message m;
    ck_assert_int_eq(edit(FIXTURE_MEMBER, id, "after <@101>", -1, &m), ST_OK);
    ck_assert_str_eq(m.content, "after <@101>");
    ck_assert_uint_eq(m.n_mentions, 1);
    ck_assert(m.has_edited_timestamp);
    ck_assert_str_eq(event()->message_update->content, "after <@101>");
    ck_assert_str_eq(event()->message_update->member->nick, "nick");
    ck_assert_int_eq(edit(FIXTURE_OWNER, id, "mine", -1, &m), ST_NOT_AUTHOR);
    ck_assert_int_eq(edit(FIXTURE_OWNER, id, NULL, 4, &m), ST_OK); /* the owner may manage messages */
    ck_assert_uint_eq(m.flags, 4);
    ck_assert_str_eq(m.content, "after <@101>");
    uint64_t other = send(FIXTURE_OWNER, "the owner's");
    ck_assert_int_eq(edit(FIXTURE_MEMBER, other, NULL, 4, &m), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(edit(FIXTURE_MEMBER, id, "", -1, &m), ST_EMPTY_MESSAGE);
    ck_assert_int_eq(edit(FIXTURE_MEMBER, 5, "text", -1, &m), ST_UNKNOWN_MESSAGE);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT head FROM feeds WHERE scope_id = 1000"), 4);
}
END_TEST

static status delete (uint64_t user, uint64_t id)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, id);
    return messages_handlers.delete(as(user), &req, &empty);
}

START_TEST(authors_and_moderators_delete)
{
    uint64_t mine = send(FIXTURE_MEMBER, "a"), second = send(FIXTURE_MEMBER, "b"), owners = send(FIXTURE_OWNER, "c");
    ck_assert_int_eq(delete (FIXTURE_MEMBER, owners), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 3);
    ck_assert_int_eq(delete (FIXTURE_STRANGER, mine), ST_MISSING_ACCESS);
    ck_assert_int_eq(delete (FIXTURE_MEMBER, mine), ST_OK);
    ck_assert_uint_eq(event()->message_delete->id, mine);
    ck_assert_int_eq(delete (FIXTURE_MEMBER, mine), ST_UNKNOWN_MESSAGE);
    ck_assert_int_eq(delete (FIXTURE_OWNER, second), ST_OK);
    fixture_exec(&fixture, "UPDATE messages SET type = 3");
    ck_assert_int_eq(delete (FIXTURE_OWNER, owners), ST_SYSTEM_MESSAGE);
}
END_TEST

static status resolve(uint64_t channel, uint64_t id, Hubbub__V1__Attachment *ret)
{
    Hubbub__V1__ResolveAttachmentRequest req = HUBBUB__V1__RESOLVE_ATTACHMENT_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, attachment_id, id);
    hubbub__v1__attachment__init(ret);
    return messages_handlers.resolve_attachment(as(0), &req, ret);
}

START_TEST(files_live_as_long_as_their_message)
{
    Hubbub__V1__CreateMessageRequest req = request(NULL);
    Hubbub__V1__Message m;
    Hubbub__V1__Attachment file = HUBBUB__V1__ATTACHMENT__INIT, *files[] = {&file}, found;
    Hubbub__V1__AttachmentInput input = HUBBUB__V1__ATTACHMENT_INPUT__INIT, *inputs[] = {&input};
    uint32_t index[] = {0};
    file.filename = "a picture?.png";
    file.content_type = "image/png";
    file.store_key = "0a0b";
    PB_SET(&file, size, 77);
    PB_SET(&file, width, 3);
    PB_SET(&file, height, 4);
    PB_SET(&input, id, 0);
    input.description = "what it shows";
    req.uploaded = files;
    req.n_uploaded = 1;
    req.uploaded_index = index;
    req.n_uploaded_index = 1;
    req.attachments = inputs;
    req.n_attachments = 1;
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_uint_eq(m.n_attachments, 1);
    ck_assert_str_eq(m.attachments[0]->description, "what it shows");
    char url[200];
    uint64_t id = m.attachments[0]->id, message_id = m.id;
    snprintf(url, sizeof url, "http://hub.test/attachments/1001/%llu/a%%20picture%%3F.png", (unsigned long long)id);
    ck_assert_str_eq(m.attachments[0]->url, url);
    ck_assert_int_eq(resolve(FIXTURE_CHANNEL, id, &found), ST_OK);
    ck_assert_str_eq(found.store_key, "0a0b");
    ck_assert_uint_eq(found.size, 77);
    ck_assert_uint_eq(found.width, 3);
    ck_assert_int_eq(resolve(FIXTURE_OTHER_CHANNEL, id, &found), ST_UNKNOWN_ASSET);
    Hubbub__V1__MessageRequest one = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    PB_SET(&one, channel_id, FIXTURE_CHANNEL);
    PB_SET(&one, message_id, message_id);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_MEMBER), &one, &m), ST_OK);
    ck_assert_str_eq(m.attachments[0]->url, url);
    ck_assert_int_eq(delete (FIXTURE_MEMBER, message_id), ST_OK);
    ck_assert_int_eq(resolve(FIXTURE_CHANNEL, id, &found), ST_UNKNOWN_ASSET);
    PB_SET(&input, id, 5);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_UPLOAD_MISSING);
}
END_TEST

static status type(uint64_t user, uint64_t channel_id)
{
    Hubbub__V1__TypingRequest req = HUBBUB__V1__TYPING_REQUEST__INIT;
    Hubbub__V1__Empty nothing = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, channel_id);
    return messages_handlers.typing(as(user), &req, &nothing);
}

START_TEST(typing_needs_the_right_to_send)
{
    ck_assert_int_eq(type(FIXTURE_MEMBER, FIXTURE_CHANNEL), ST_OK);
    ck_assert_int_eq(type(FIXTURE_STRANGER, FIXTURE_CHANNEL), ST_MISSING_ACCESS);
    ck_assert_int_eq(type(FIXTURE_MEMBER, FIXTURE_CATEGORY), ST_NON_TEXT_CHANNEL);
    ck_assert_int_eq(type(FIXTURE_MEMBER, 5), ST_UNKNOWN_CHANNEL);
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024 WHERE id = 1000");
    ck_assert_int_eq(type(FIXTURE_MEMBER, FIXTURE_CHANNEL), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(type(FIXTURE_OWNER, FIXTURE_CHANNEL), ST_OK);
}
END_TEST

/* ---- Replies, bulk deletes, slow mode ---------------------------------------------------------------------------- */

static uint64_t reply(uint64_t user, uint64_t to, status expected, Hubbub__V1__Message *m)
{
    Hubbub__V1__CreateMessageRequest req = request("answer");
    Hubbub__V1__MessageReference ref = HUBBUB__V1__MESSAGE_REFERENCE__INIT;
    PB_SET(&ref, message_id, to);
    req.message_reference = &ref;
    ck_assert_int_eq(create(user, &req, m), expected);
    return m->id;
}

static bool refers(const Hubbub__V1__Message *m, const char *text)
{
    const char *json =
        arena_strndup(fixture.arena, (const char *)m->referenced_message.data, m->referenced_message.len);
    return m->has_referenced_message && strstr(json, text);
}

START_TEST(a_reply_shows_what_it_answers)
{
    uint64_t target = send(FIXTURE_OWNER, "question");
    Hubbub__V1__Message m;
    uint64_t id = reply(FIXTURE_MEMBER, target, ST_OK, &m);
    ck_assert(refers(&m, "\"content\":\"question\""));
    ck_assert(refers(event()->message_create, "question"));
    Hubbub__V1__MessageRequest one = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    PB_SET(&one, channel_id, FIXTURE_CHANNEL);
    PB_SET(&one, message_id, id);
    hubbub__v1__message__init(&m);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_MEMBER), &one, &m), ST_OK);
    ck_assert(refers(&m, "question"));
    Hubbub__V1__ReadFeedRequest read = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    Hubbub__V1__ReadFeedResponse told = HUBBUB__V1__READ_FEED_RESPONSE__INIT;
    PB_SET(&read, scope_id, FIXTURE_GUILD);
    PB_SET(&read, after, 1);
    ck_assert_int_eq(feeds_handlers.read(as(0), &read, &told), ST_OK);
    ck_assert(refers(told.entries[0]->event->message_create, "question"));
    ck_assert_int_eq(delete (FIXTURE_OWNER, target), ST_OK);
    hubbub__v1__message__init(&m);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_MEMBER), &one, &m), ST_OK);
    ck_assert(refers(&m, "null"));
    one.message_id = send(FIXTURE_OWNER, "no reply");
    hubbub__v1__message__init(&m);
    ck_assert_int_eq(messages_handlers.get(as(FIXTURE_MEMBER), &one, &m), ST_OK);
    ck_assert(!m.has_referenced_message);
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|2048 WHERE id = 1000");
    reply(FIXTURE_MEMBER, one.message_id, ST_REPLY_NEEDS_HISTORY, &m);
}
END_TEST

static status bulk(uint64_t user, uint64_t *ids, size_t n)
{
    Hubbub__V1__BulkDeleteRequest req = HUBBUB__V1__BULK_DELETE_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    req.messages = ids;
    req.n_messages = n;
    return messages_handlers.bulk_delete(as(user), &req, &empty);
}

START_TEST(many_are_deleted_at_once)
{
    uint64_t ids[101];
    for (int i = 0; i < 101; i++)
        ids[i] = i < 5 ? send(FIXTURE_MEMBER, "text") : ids[i - 1] + 1;
    ck_assert_int_eq(bulk(FIXTURE_MEMBER, ids, 2), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, ids, 1), ST_BULK_DELETE_COUNT);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, ids, 101), ST_BULK_DELETE_COUNT);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, (uint64_t[]){ids[0], 5}, 2), ST_BULK_DELETE_TOO_OLD);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, (uint64_t[]){ids[0], ids[0]}, 2), ST_INVALID_FORM);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 5);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, (uint64_t[]){ids[3], ids[1]}, 2), ST_OK);
    Hubbub__V1__FeedEntry *const *entries;
    ck_assert_uint_ge(call_fake_entries(call, &entries, NULL), 1);
    const Hubbub__V1__MessagesDeleted *gone = entries[0]->event->message_delete_bulk;
    ck_assert_uint_eq(entries[0]->topic, FIXTURE_CHANNEL);
    ck_assert_uint_eq(gone->n_ids, 2);
    ck_assert_uint_eq(gone->ids[0], ids[1]);
    ck_assert_uint_eq(gone->ids[1], ids[3]);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, ids, 100), ST_OK);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 0);
    ck_assert_int_eq(bulk(FIXTURE_OWNER, ids, 2), ST_OK);
    ck_assert_uint_eq(call_fake_entries(call, NULL, NULL), 0); /* none was there */
}
END_TEST

START_TEST(slow_mode_takes_one_at_a_time)
{
    Hubbub__V1__CreateMessageRequest req = request("text");
    Hubbub__V1__Message m;
    fixture_exec(&fixture, "UPDATE channels SET rate_limit_per_user = 60 WHERE id = 1001");
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "text", "one", NULL), ST_OK);
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "text", "one", NULL), ST_OK); /* resent */
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 1);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_SLOW_MODE);
    ck_assert_int_gt(call_fake_retry_after(call), 50000);
    ck_assert_int_le(call_fake_retry_after(call), 60000);
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK);
    ck_assert_int_eq(create(FIXTURE_OWNER, &req, &m), ST_OK); /* holds BYPASS_SLOWMODE, as all else */
    fixture_exec(&fixture, "UPDATE last_sends SET at = at - interval '61 seconds'");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_SLOW_MODE);
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|2048|(1::bigint<<52) WHERE id = 1000");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
}
END_TEST

START_TEST(a_nonce_does_not_evade_slow_mode)
{
    Hubbub__V1__CreateMessageRequest req = request("text");
    Hubbub__V1__Message m;
    req.nonce = "n";
    PB_SET(&req, enforce_nonce, true);
    fixture_exec(&fixture, "UPDATE channels SET rate_limit_per_user = 3600 WHERE id = 1001");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK);
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_OK); /* the same message again */
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 1);
    fixture_exec(&fixture, "UPDATE messages SET id = id - (700000::bigint << 22);"
                           "UPDATE send_keys SET message_id = message_id - (700000::bigint << 22)");
    ck_assert_int_eq(create(FIXTURE_MEMBER, &req, &m), ST_SLOW_MODE); /* the nonce is free, the hour is not over */
}
END_TEST

static status raced[10];
static void *send_beside(void *user)
{
    status *st = user;
    *st = fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "text", NULL, NULL);
    return NULL;
}

START_TEST(slow_mode_is_exact_in_a_race)
{
    pthread_t threads[10];
    int ok = 0;
    fixture_exec(&fixture, "UPDATE channels SET rate_limit_per_user = 60 WHERE id = 1001");
    for (int i = 0; i < 10; i++)
        pthread_create(&threads[i], NULL, send_beside, &raced[i]);
    for (int i = 0; i < 10; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(raced[i] == ST_OK || raced[i] == ST_SLOW_MODE);
        ok += raced[i] == ST_OK;
    }
    ck_assert_int_eq(ok, 1);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 1);
}
END_TEST

int main(void)
{
    log_init("handle_messages_test", "error");
    postgres_start();
    TCase *t = tcase_create("messages");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_message_is_answered_and_told);
    tcase_add_loop_test(t, what_may_not_be_sent_is_refused, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(t, permissions_decide);
    tcase_add_test(t, too_much_embed_text_is_refused);
    tcase_add_test(t, mentions_need_their_right);
    tcase_add_test(t, a_reply_names_a_message_of_the_channel);
    tcase_add_test(t, pages_are_newest_first);
    tcase_add_test(t, history_needs_its_right);
    tcase_add_test(t, pages_go_by_the_primary_key);
    tcase_add_test(t, authors_edit_and_moderators_hide_embeds);
    tcase_add_test(t, authors_and_moderators_delete);
    tcase_add_test(t, files_live_as_long_as_their_message);
    tcase_add_test(t, a_reply_shows_what_it_answers);
    tcase_add_test(t, many_are_deleted_at_once);
    tcase_add_test(t, slow_mode_takes_one_at_a_time);
    tcase_add_test(t, a_nonce_does_not_evade_slow_mode);
    tcase_add_test(t, slow_mode_is_exact_in_a_race);
    tcase_add_test(t, typing_needs_the_right_to_send);
    Suite *s = suite_create("services/chat messages");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
