/* The bounds of webhooks that are slow to reach from outside, followers, and what Slack's and GitHub's forms are cut
 * to. */
#include "services/chat/message_content.h"
#include "services/chat/testing/fixture.h"
#include "services/chat/testing/world.h"
#include "services/chat/webhooks.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t owner, guild, channel;

static void set_stage(void)
{
    world_clear();
    owner = world_quick_person("owner");
    guild = world_guild(owner);
    channel = world_text_channel(guild);
}

static status create(Hubbub__V1__Webhook *ret)
{
    Hubbub__V1__CreateWebhookRequest req = HUBBUB__V1__CREATE_WEBHOOK_REQUEST__INIT;
    *ret = (Hubbub__V1__Webhook)HUBBUB__V1__WEBHOOK__INIT;
    PB_SET(&req, channel_id, channel);
    req.name = "hook";
    return DO(owner, webhooks, create, &req, ret);
}

/* n webhooks by SQL, one each in a channel of its own that nobody has: $1 the guild, $2 the channel. */
static void add_rows(unsigned n)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "WITH c AS (INSERT INTO channels (id, guild_id, type, name) SELECT next_id(), $1, 0, 'c' FROM "
             "generate_series(1, %u) WHERE $2::bigint > 0 RETURNING id), w AS (INSERT INTO webhooks (id, guild_id, "
             "channel_id, name) "
             "SELECT next_id(), $1, c.id, 'w' FROM c RETURNING 1) SELECT count(*) FROM w",
             n);
    ck_assert_int_eq(world_number(sql, guild, channel), n);
}

START_TEST(a_guild_has_a_thousand)
{
    Hubbub__V1__Webhook w;
    set_stage();
    add_rows(WEBHOOKS_OF_GUILD_MAX - 1);
    ck_assert_int_eq(create(&w), ST_OK);
    ck_assert_int_eq(create(&w), ST_MAX_GUILD_WEBHOOKS);
}
END_TEST

/* What a channel that follows another is given. */
START_TEST(a_follower_has_a_source_and_no_token)
{
    Hubbub__V1__Webhook follower, *read;
    set_stage();
    ck_assert_int_eq(create(&follower), ST_OK);
    uint64_t id = follower.id;
    ck_assert_int_eq(
        world_number("WITH u AS (UPDATE webhooks SET type = 2, token = NULL, source_channel_id = channel_id, "
                     "source_guild_id = guild_id WHERE id = $1 RETURNING 1) SELECT count(*) + $2::bigint FROM u",
                     id, 0),
        1);
    struct call *c = world_call(owner, false);
    DB_LEASED struct db *d = NULL;
    ck_assert_int_eq(chat_lease(c, &d), ST_OK);
    ck_assert_int_eq(webhook_load(c, d, id, &read), ST_OK);
    ck_assert_int_eq(read->type, WEBHOOK_FOLLOWER);
    ck_assert_ptr_null(read->token);
    ck_assert_ptr_null(read->url);
    ck_assert_uint_eq(read->source_channel->id, channel);
    ck_assert_str_eq(read->source_channel->name, "general");
    ck_assert_uint_eq(read->source_guild->id, guild);
    ck_assert_int_eq(webhook_load_by_token(c, d, id, "", &read), ST_BAD_WEBHOOK_TOKEN);
}
END_TEST

/* n times the two bytes of one character. */
static char *long_text(struct arena *a, size_t n)
{
    char *text = arena_alloc(a, 2 * n + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, "é", 2);
    text[2 * n] = '\0';
    return text;
}

START_TEST(slack_is_cut_to_what_a_message_holds)
{
    enum { N = 12 };
    struct arena *a = arena_create(0);
    Hubbub__V1__SlackAttachment part = HUBBUB__V1__SLACK_ATTACHMENT__INIT, *parts[N];
    Hubbub__V1__SlackRequest req = HUBBUB__V1__SLACK_REQUEST__INIT;
    Hubbub__V1__ExecuteWebhookRequest m = HUBBUB__V1__EXECUTE_WEBHOOK_REQUEST__INIT;
    for (size_t i = 0; i < N; i++)
        parts[i] = &part;
    part.title = "t";
    part.color = "#0f8";
    part.image_url = "javascript:1";
    req.text = long_text(a, 2001);
    req.attachments = parts;
    req.n_attachments = N;
    ck_assert(webhook_read_slack(a, &req, &m));
    ck_assert_uint_eq(strlen(m.content), 2 * 2000);
    ck_assert_uint_eq(m.n_embeds, 10);
    ck_assert_uint_eq(m.embeds[0]->color, 0x00ff88);
    ck_assert_ptr_null(m.embeds[0]->image);
    part.text = long_text(a, 3000); /* two of them and more are over 6,000 */
    m.n_embeds = 0;
    ck_assert(webhook_read_slack(a, &req, &m));
    ck_assert_uint_eq(m.n_embeds, 2);
    ck_assert_uint_le(embeds_text_length(m.embeds, m.n_embeds), EMBED_TEXT_MAX);
    arena_destroy(a);
}
END_TEST

START_TEST(github_shows_the_first_commits)
{
    enum { N = 7 };
    struct arena *a = arena_create(0);
    Hubbub__V1__GithubCommit commit = HUBBUB__V1__GITHUB_COMMIT__INIT, *commits[N];
    Hubbub__V1__GithubUser sender = HUBBUB__V1__GITHUB_USER__INIT;
    Hubbub__V1__GithubRepository repository = HUBBUB__V1__GITHUB_REPOSITORY__INIT;
    Hubbub__V1__GithubRequest req = HUBBUB__V1__GITHUB_REQUEST__INIT;
    Hubbub__V1__ExecuteWebhookRequest m = HUBBUB__V1__EXECUTE_WEBHOOK_REQUEST__INIT;
    for (size_t i = 0; i < N; i++)
        commits[i] = &commit;
    commit.message = long_text(a, 100);
    req.sender = &sender; /* without a name, as nobody's JSON should be */
    req.repository = &repository;
    req.ref = "refs/heads/main";
    req.compare = "https://example.org";
    req.commits = commits;
    req.n_commits = N;
    ck_assert(webhook_read_github(a, &req, &m));
    ck_assert_str_eq(m.embeds[0]->title, "[?] main: 7 new commits");
    size_t lines = 0;
    for (const char *at = m.embeds[0]->description; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 5);
    ck_assert(!webhook_read_github(a, &(Hubbub__V1__GithubRequest)HUBBUB__V1__GITHUB_REQUEST__INIT, &m));
    arena_destroy(a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("webhooks");
    TCase *tc = tcase_create("webhooks");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_guild_has_a_thousand);
    tcase_add_test(tc, a_follower_has_a_source_and_no_token);
    tcase_add_test(tc, slack_is_cut_to_what_a_message_holds);
    tcase_add_test(tc, github_shows_the_first_commits);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* one PostgreSQL, threads of the service */
    world_start();
    srunner_run_all(r, CK_NORMAL);
    world_stop();
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
