/* A session's life as clients see it: HELLO to READY and guilds, heartbeats, RESUME replayed exactly, who gets which
 * event in which form, and the close code of each fault. */
#include "lib/permission/permission.h"
#include "services/gateway/core/fake_world.h"
#include <check.h>
#include <stdio.h>

static struct fake_world *w;

static void set_up(void)
{
    w = fake_create(1);
}

static void tear_down(void)
{
    fake_destroy(w);
}

static struct fake_client *identify(const char *d)
{
    struct fake_client *c = fake_connect(w);
    fake_run(w, 50);
    fake_send(c, "{\"op\":2,\"d\":%s}", d);
    fake_run(w, 100);
    return c;
}

static void become_bot(unsigned user, uint64_t flags)
{
    w->users[user].bot = true;
    w->users[user].application_flags = flags;
}

/* ---- Opening ------------------------------------------------------------------------------------------------------
 */

START_TEST(identify_gives_ready_then_each_guild)
{
    struct fake_client *c = fake_connect(w);
    ck_assert_uint_eq(fake_count_op(c, 10), 1);
    fake_identify(c, 0);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_ptr_nonnull(
        strstr(fake_dispatch(c, "READY", 0), "\"guilds\":[{\"id\":\"4194304\",\"unavailable\":true},{"));
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
    ck_assert_int_eq(c->frames[1].s, 1);
    ck_assert_int_eq(c->frames[2].s, 2);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_CREATE", 0), "\"name\":\"guild0\""));
    ck_assert_uint_eq(w->last_presence->n_guild_ids, 2);
}
END_TEST

START_TEST(identify_may_come_before_chat_answers_anything)
{
    w->quiet = true;
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    fake_run(w, 200);
    ck_assert_uint_eq(w->asked[QUESTION_OPEN], 0); /* no generation yet */
    fake_send(c, "{\"op\":1,\"d\":null}");
    ck_assert_uint_eq(fake_count_op(c, 11), 1);
    ck_assert(fake_answer(w, QUESTION_HEADS));
    fake_run(w, 50);
    ck_assert(fake_fail(w, QUESTION_OPEN, ST_UNAVAILABLE));
    fake_run(w, 200);
    ck_assert(fake_answer(w, QUESTION_OPEN));
    fake_run(w, 50);
    ck_assert(fake_fail(w, QUESTION_SNAPSHOT, ST_UNAVAILABLE));
    ck_assert(fake_answer(w, QUESTION_SNAPSHOT));
    fake_run(w, 200);
    ck_assert(!c->ready);
    ck_assert(fake_answer(w, QUESTION_SNAPSHOT));
    fake_run(w, 400); /* presences are waited for a while only */
    ck_assert(c->ready);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
}
END_TEST

START_TEST(patience_ends_with_4000)
{
    w->quiet = true;
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    fake_answer(w, QUESTION_HEADS);
    for (int i = 0; i < 310; i++) {
        fake_run(w, 100);
        fake_fail(w, QUESTION_OPEN, ST_UNAVAILABLE);
    }
    ck_assert_uint_eq(c->close_code, 4000);
}
END_TEST

START_TEST(a_guild_that_is_gone_is_left_out)
{
    w->quiet = true;
    struct fake_client *c = fake_connect(w);
    fake_answer(w, QUESTION_HEADS);
    fake_identify(c, 0);
    fake_answer(w, QUESTION_OPEN);
    fake_delete_guild(w, 1);
    w->quiet = false;
    fake_run(w, 200);
    ck_assert(c->ready);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 1);
    ck_assert_ptr_null(strstr(fake_dispatch(c, "READY", 0), "\"8388608\""));
}
END_TEST

/* Opens as user 2, whom chat's answer finds before two messages of guild 0, one of which mentions. */
static struct fake_client *open_around_a_mention(bool loaded, uint64_t *ret_mention)
{
    if (loaded)
        fake_open(w, 2); /* keeps the guild loaded, and the user known */
    w->quiet = true;
    struct fake_client *c = fake_connect(w);
    fake_run(w, 20);
    while (fake_answer(w, QUESTION_HEADS))
        ;
    fake_identify(c, 2);
    fake_run(w, 50);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    ck_assert_ptr_nonnull(open);
    fake_serve(w, open, ST_OK);
    fake_message(w, 0, 0, 1);
    *ret_mention = fake_mention(w, 0, 0, 1);
    fake_run(w, 50); /* the scope, when it is loaded, has them before the answer comes */
    fake_deliver(w, open);
    w->quiet = false;
    fake_run(w, 500);
    return c;
}

START_TEST(a_mention_while_a_session_opens_is_told_behind_its_guild)
{
    uint64_t mention, later;
    char want[50];
    struct fake_client *c = open_around_a_mention(true, &mention);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_uint_eq(w->asked[QUESTION_OPEN], 2); /* once for each session */
    snprintf(want, sizeof want, "%llu", (unsigned long long)mention);
    ck_assert_str_eq(fake_messages(c, 0), want);
    unsigned guild = 0, message = 0;
    for (unsigned i = 0; i < c->n_frames; i++) {
        if (strstr(c->frames[i].text, "GUILD_CREATE") && strstr(c->frames[i].text, "guild0"))
            guild = i;
        if (strstr(c->frames[i].text, "MESSAGE_CREATE"))
            message = i;
    }
    ck_assert_uint_gt(message, guild);
    later = fake_mention(w, 0, 0, 1);
    fake_run(w, 50);
    snprintf(want, sizeof want, "%llu %llu", (unsigned long long)mention, (unsigned long long)later);
    ck_assert_str_eq(fake_messages(c, 0), want);
}
END_TEST

START_TEST(a_guild_that_was_loaded_behind_the_counts_has_them_asked_anew)
{
    uint64_t mention;
    struct fake_client *c = open_around_a_mention(false, &mention);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_uint_eq(w->asked[QUESTION_OPEN], 2); /* the second answer counts the mention */
    ck_assert_str_eq(fake_messages(c, 0), "");
}
END_TEST

START_TEST(bots_have_no_counts_to_keep)
{
    become_bot(2, 0);
    w->users[2].application_flags = 0;
    struct fake_client *c = fake_connect(w);
    w->quiet = true;
    fake_run(w, 20);
    while (fake_answer(w, QUESTION_HEADS))
        ;
    fake_send(c, "{\"op\":2,\"d\":{\"token\":\"Bot token-2-0\",\"intents\":513}}");
    fake_run(w, 50);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_mention(w, 0, 0, 1);
    fake_deliver(w, open);
    w->quiet = false;
    fake_run(w, 500);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_uint_eq(w->asked[QUESTION_OPEN], 1);
    ck_assert_str_eq(fake_messages(c, 0), "");
}
END_TEST

START_TEST(shards_take_their_own_guilds)
{
    become_bot(0, 0);
    struct fake_client *c = identify("{\"token\":\"Bot token-0-0\",\"intents\":513,\"shard\":[1,2]}");
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 1);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "READY", 0), "\"shard\":[1,2]"));
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_CREATE", 0), "\"id\":\"4194304\""));
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "READY", 0), "\"application\":{\"id\":\"100\""));
}
END_TEST

/* ---- Close codes ----------------------------------------------------------------------------------------------------
 */

static const struct close_case {
    const char *send; /* NULL: only time passes */
    int state;        /* 0: connected; 1: a user's session is open; 2: a bot's */
    int64_t wait_ms;
    uint16_t code;
} close_cases[] = {
    {"not json", 0, 0, 4002},
    {"[]", 0, 0, 4002},
    {"{\"d\":1}", 0, 0, 4002},
    {"{\"op\":\"1\"}", 0, 0, 4002},
    {"{\"op\":1,\"d\":\"x\"}", 0, 0, 4002},
    {"{\"op\":2}", 0, 0, 4002},
    {"{\"op\":2,\"d\":{}}", 0, 0, 4002},
    {"{\"op\":2,\"d\":7}", 0, 0, 4002},
    {"{\"op\":6,\"d\":{\"token\":\"a\"}}", 0, 0, 4002},
    {"{\"op\":3,\"d\":{\"status\":\"purple\"}}", 1, 0, 4002},
    {"{\"op\":8,\"d\":{}}", 1, 0, 4002},
    {"{\"op\":12,\"d\":null}", 0, 0, 4001},
    {"{\"op\":-1,\"d\":null}", 1, 0, 4001},
    {"{\"op\":101,\"d\":null}", 1, 0, 4001},
    {"{\"op\":3,\"d\":{}}", 0, 0, 4003},
    {"{\"op\":8,\"d\":{}}", 0, 0, 4003},
    {"{\"op\":100,\"d\":{}}", 0, 0, 4003},
    {"{\"op\":14,\"d\":{}}", 0, 0, 4003},
    {NULL, 0, 15200, 4003},
    {"{\"op\":2,\"d\":{\"token\":\"\"}}", 0, 0, 4004},
    {"{\"op\":2,\"d\":{\"token\":\"wrong\"}}", 0, 100, 4004},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-9\"}}", 0, 100, 4004},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\"}}", 1, 0, 4005},
    {"{\"op\":6,\"d\":{\"token\":\"a\",\"session_id\":\"b\",\"seq\":1}}", 1, 0, 4005},
    {NULL, 1, 45200, 4009},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"shard\":[2,2]}}", 0, 0, 4010},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"shard\":[-1,2]}}", 0, 0, 4010},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"shard\":[0,0]}}", 0, 0, 4010},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"shard\":[0]}}", 0, 0, 4010},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"shard\":\"x\"}}", 0, 0, 4010},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\"}}", 0, 100, 4013},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":-1}}", 0, 100, 4013},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":131072}}", 0, 100, 4013},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":\"x\"}}", 0, 100, 4013},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":2}}", 0, 100, 4014},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":256}}", 0, 100, 4014},
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":32768}}", 0, 100, 4014},
    /* and what is no fault */
    {"{\"op\":2,\"d\":{\"token\":\"token-4-0\",\"intents\":53575421}}", 0, 100, 0},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"intents\":-1}}", 0, 100, 0},
    {"{\"op\":2,\"d\":{\"token\":\"Bot token-4-0\",\"intents\":0,\"shard\":[0,1],\"compress\":null}}", 0, 100, 0},
    {"{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"compress\":\"zlib-stream\"}}", 0, 100, 0},
    {"{\"op\":1,\"d\":null}", 0, 0, 0},
    {"{\"op\":1,\"d\":251}", 1, 0, 0},
    {"{\"op\":40,\"d\":{\"seq\":3,\"qos\":{}}}", 1, 0, 0},
    {"{\"op\":4,\"d\":{}}", 1, 0, 0},
    {"{\"op\":14,\"d\":{}}", 1, 0, 0},
    {"{\"op\":37,\"d\":{}}", 1, 0, 0},
    {"{\"op\":5,\"d\":null}", 1, 0, 0},
    {"{\"op\":41}", 1, 0, 0},
    {"{\"op\":100,\"d\":{}}", 1, 0, 0},
    {"{\"op\":3,\"d\":{\"status\":\"dnd\",\"activities\":[],\"since\":null,\"afk\":false}}", 1, 0, 0},
};

START_TEST(each_fault_has_its_close_code)
{
    const struct close_case *t = &close_cases[_i];
    become_bot(4, 0);
    struct fake_client *c = t->state == 1 ? fake_open(w, 0) : fake_connect(w);
    if (t->send)
        fake_send(c, "%s", t->send);
    fake_run(w, t->wait_ms);
    ck_assert_msg(c->close_code == t->code, "%s: closed with %u, not %u", t->send ? t->send : "time", c->close_code,
                  t->code);
}
END_TEST

START_TEST(compression_is_the_wish_of_a_session)
{
    static const struct {
        const char *wish;
        bool wanted;
    } cases[] = {{"true", true}, {"false", false}, {"null", false}, {"\"zlib-stream\"", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_client *c = fake_connect(w);
        ck_assert(!hub_wants_compression(c->connection));
        fake_send(c, "{\"op\":2,\"d\":{\"token\":\"token-0-0\",\"compress\":%s}}", cases[i].wish);
        fake_run(w, 100);
        ck_assert(c->ready);
        ck_assert(hub_wants_compression(c->connection) == cases[i].wanted);
    }
}
END_TEST

static void send_padded(struct fake_client *c, int op, int n)
{
    char frame[20000];
    int used = snprintf(frame, sizeof frame, "{\"op\":%d,\"d\":{\"pad\":\"", op);
    memset(frame + used, 'x', (size_t)(n - used - 3));
    strcpy(frame + n - 3, "\"}}");
    fake_send(c, "%s", frame);
}

START_TEST(frames_have_a_size_limit)
{
    become_bot(1, 0);
    struct fake_client *user = fake_open(w, 0), *bot = identify("{\"token\":\"token-1-0\",\"intents\":0}");
    send_padded(user, 14, 16384);
    send_padded(bot, 100, 16384);
    send_padded(bot, 14, 4096);
    ck_assert_uint_eq(user->close_code, 0);
    ck_assert_uint_eq(bot->close_code, 0);
    ck_assert_uint_eq(w->commands, 1);
    send_padded(bot, 14, 4097);
    send_padded(user, 14, 16385);
    ck_assert_uint_eq(user->close_code, 4002);
    ck_assert_uint_eq(bot->close_code, 4002);
}
END_TEST

START_TEST(frames_have_a_rate_limit)
{
    struct fake_client *c = fake_connect(w);
    for (int i = 0; i < 120; i++)
        fake_send(c, "{\"op\":1,\"d\":null}");
    ck_assert_uint_eq(c->close_code, 0);
    fake_send(c, "{\"op\":1,\"d\":null}");
    ck_assert_uint_eq(c->close_code, 4008);
    ck_assert_uint_eq(fake_count_op(c, 11), 120);
}
END_TEST

START_TEST(a_user_has_at_most_fifty_sessions)
{
    for (int i = 0; i < 50; i++)
        fake_open(w, 0);
    struct fake_client *c = identify("{\"token\":\"token-0-0\"}");
    ck_assert_uint_eq(c->close_code, 4015);
}
END_TEST

START_TEST(a_seat_is_a_persons_socket)
{
    struct fake_client *a = fake_open(w, 0);
    ck_assert_uint_eq(w->seats_taken, 0); /* it was counted as it opened */
    fake_run(w, 19000);
    ck_assert_uint_eq(w->seats_taken, 0);
    fake_send(a, "{\"op\":1,\"d\":null}");
    fake_run(w, 2000);
    ck_assert_uint_eq(w->seats_taken, 1);
    fake_cut(a, 0);
    ck_assert_uint_eq(w->seats_left, 1);
    fake_run(w, 25000);
    ck_assert_uint_eq(w->seats_taken, 1);
    struct fake_client *b = fake_connect(w);
    fake_resume(b, a, a->seq);
    fake_run(w, 500);
    ck_assert_uint_eq(w->seats_taken, 2);
    fake_cut(b, 1000);
    ck_assert_uint_eq(w->seats_left, 2);
    become_bot(1, 0);
    struct fake_client *bot = identify("{\"token\":\"token-1-0\",\"intents\":0}");
    fake_run(w, 21000);
    fake_cut(bot, 1000);
    ck_assert_uint_eq(w->seats_taken + w->seats_left, 4);
}
END_TEST

START_TEST(fifty_sessions_are_counted_while_they_open)
{
    struct fake_client *all[60];
    for (unsigned i = 0; i < 60; i++) {
        all[i] = fake_connect(w);
        fake_identify(all[i], 0);
    }
    fake_run(w, 500);
    unsigned refused = 0;
    for (unsigned i = 0; i < 60; i++)
        refused += all[i]->close_code == 4015;
    ck_assert_uint_eq(refused, 10);
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.refused_sessions, 10);
}
END_TEST

START_TEST(a_full_gateway_throttles_by_invalid_session)
{
    struct fake_client *c = NULL;
    w->hub->config.sessions_max = 1;
    fake_open(w, 0);
    c = identify("{\"token\":\"token-1-0\"}");
    ck_assert_uint_eq(fake_count_op(c, 9), 0); /* it would come again at once */
    fake_run(w, REFUSED_MAX_MS + 100);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    ck_assert_uint_eq(c->close_code, 0);
}
END_TEST

/* ---- RESUME ---------------------------------------------------------------------------------------------------------
 */

START_TEST(resume_replays_exactly)
{
    struct fake_client *a = fake_open(w, 0), *whole = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    fake_cut(a, 0);
    fake_message(w, 0, 0, 1);
    fake_message(w, 1, 0, 1);
    fake_run(w, 50);
    struct fake_client *b = fake_connect(w);
    fake_resume(b, a, a->seq - 1);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    ck_assert_int_eq(b->frames[1].s, a->seq);
    for (unsigned i = 2; i < b->n_frames; i++)
        ck_assert_int_eq(b->frames[i].s, b->frames[i - 1].s + 1);
    ck_assert_uint_eq(fake_count(b, "RESUMED"), 1);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 4);
    ck_assert_uint_eq(fake_count(b, "READY"), 0);
    ck_assert_str_eq(fake_messages(b, 0), fake_messages(whole, 0));
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.resumed, 1);
}
END_TEST

START_TEST(resume_of_what_is_not_there_is_invalid)
{
    struct fake_client *a = fake_open(w, 0), *b = fake_connect(w);
    fake_send(b, "{\"op\":6,\"d\":{\"token\":\"token-0-0\",\"session_id\":\"nobody\",\"seq\":1}}");
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
    fake_send(b, "{\"op\":6,\"d\":{\"token\":\"token-1-0\",\"session_id\":\"%s\",\"seq\":1}}", a->session_id);
    ck_assert_uint_eq(fake_count_op(b, 9), 2);
    ck_assert_uint_eq(b->close_code, 0);
    fake_identify(b, 1); /* on the same socket */
    fake_run(w, 100);
    ck_assert(b->ready);
    struct fake_client *d = fake_connect(w);
    fake_resume(d, a, a->seq + 1);
    ck_assert_uint_eq(d->close_code, 4007);
    struct fake_client *e = fake_connect(w);
    fake_resume(e, a, a->seq);
    ck_assert_uint_eq(fake_count(e, "RESUMED"), 1);
    ck_assert_uint_eq(a->close_code, 4000); /* the old socket */
}
END_TEST

START_TEST(resume_needs_the_ring_and_the_session)
{
    w->hub->config.ring_events_max = 4;
    struct fake_client *a = fake_open(w, 0), *ended = fake_open(w, 1);
    int64_t seq = a->seq;
    fake_cut(a, 0);
    for (int i = 0; i < 5; i++)
        fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    struct fake_client *b = fake_connect(w);
    fake_resume(b, a, seq);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
    fake_cut(ended, 1000);
    struct fake_client *c = fake_connect(w);
    fake_resume(c, ended, ended->seq);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
}
END_TEST

START_TEST(sessions_linger_and_then_end)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    fake_run(w, 9000);
    ck_assert(!w->last_presence->closed);
    fake_run(w, 2000);
    ck_assert(w->last_presence->closed); /* offline after a grace, though it can be resumed */
    fake_run(w, 165000);
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.sessions_detached, 1);
    fake_run(w, 20000);
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.sessions, 0);
    ck_assert_uint_eq(st.scopes, 0); /* nobody holds the guilds any longer */
}
END_TEST

/* ---- Who gets what
 * --------------------------------------------------------------------------------------------------- */

START_TEST(bots_get_what_they_have_intents_for)
{
    become_bot(1, 1 << 15 | 1 << 13);
    struct fake_client *messages = identify("{\"token\":\"token-1-0\",\"intents\":512}");
    struct fake_client *guilds = identify("{\"token\":\"token-1-0\",\"intents\":1}");
    struct fake_client *members = identify("{\"token\":\"token-1-0\",\"intents\":2}");
    fake_message(w, 0, 0, 0);
    fake_add_channel(w, 0);
    fake_join(w, 0, 5);
    fake_set_roles(w, 0, 1, 2);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(messages, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(fake_count(messages, "CHANNEL_CREATE") + fake_count(messages, "GUILD_CREATE"), 0);
    ck_assert_uint_eq(fake_count(guilds, "GUILD_CREATE"), 2);
    ck_assert_uint_eq(fake_count(guilds, "CHANNEL_CREATE"), 1);
    ck_assert_uint_eq(fake_count(guilds, "MESSAGE_CREATE") + fake_count(guilds, "GUILD_MEMBER_ADD"), 0);
    ck_assert_uint_eq(fake_count(members, "GUILD_MEMBER_ADD"), 1);
    ck_assert_uint_eq(fake_count(guilds, "GUILD_MEMBER_UPDATE"), 1); /* its own, always */
}
END_TEST

START_TEST(dms_are_for_shard_0_and_bots_with_the_intent)
{
    become_bot(1, 1 << 19);
    fake_show_direct(w, 0, 0);
    fake_show_direct(w, 0, 1);
    struct fake_client *person = fake_open(w, 0);
    struct fake_client *direct = identify("{\"token\":\"token-1-0\",\"intents\":20480,\"shard\":[0,2]}");
    struct fake_client *guilds = identify("{\"token\":\"token-1-0\",\"intents\":2561}");
    struct fake_client *other = identify("{\"token\":\"token-1-0\",\"intents\":20480,\"shard\":[1,2]}");
    fake_direct_message(w, 0, 0);
    fake_show_direct(w, 1, 1);
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    Hubbub__V1__TypingStarted typing = HUBBUB__V1__TYPING_STARTED__INIT;
    PB_SET(&typing, channel_id, fake_direct_id(0));
    e.typing_start = &typing;
    fake_run(w, 50);
    fake_ephemeral(w, &e);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(direct, "READY", 0), "\"private_channels\":[]"));
    ck_assert_ptr_nonnull(strstr(fake_dispatch(direct, "MESSAGE_CREATE", 0), "\"content\":\"text 1\""));
    ck_assert_uint_eq(fake_count(direct, "TYPING_START"), 1);
    ck_assert_uint_eq(fake_count(direct, "CHANNEL_CREATE"), 0);
    ck_assert_uint_eq(fake_count(person, "MESSAGE_CREATE") + fake_count(person, "TYPING_START"), 2);
    ck_assert_uint_eq(fake_count(guilds, "MESSAGE_CREATE") + fake_count(guilds, "TYPING_START"), 0);
    ck_assert_uint_eq(fake_count(other, "MESSAGE_CREATE") + fake_count(other, "TYPING_START"), 0);
    fake_run(w, 200);
    fake_direct_message(w, 1, 0); /* shown while it was open */
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(direct, "MESSAGE_CREATE"), 2);
}
END_TEST

START_TEST(a_group_is_shown_without_oneself)
{
    for (unsigned u = 0; u < 3; u++)
        fake_show_direct(w, 0, u);
    struct fake_client *c = fake_open(w, 1);
    fake_direct_update(w, 0);
    fake_run(w, 50);
    const char *update = fake_dispatch(c, "CHANNEL_UPDATE", 0);
    ck_assert_ptr_nonnull(strstr(update, "\"username\":\"user0\""));
    ck_assert_ptr_nonnull(strstr(update, "\"username\":\"user2\""));
    ck_assert_ptr_null(strstr(update, "\"username\":\"user1\""));
}
END_TEST

START_TEST(resume_replays_a_dm)
{
    fake_show_direct(w, 0, 0);
    struct fake_client *c = fake_open(w, 0), *again;
    fake_cut(c, 1006);
    fake_direct_message(w, 0, 1);
    fake_run(w, 100);
    again = fake_connect(w);
    fake_resume(again, c, c->seq);
    ck_assert_uint_eq(fake_count(again, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(fake_count(again, "RESUMED"), 1);
}
END_TEST

/* User 0 owns the guild; user 1 gets the right with a role, and loses it with the role's permission. */
START_TEST(some_entries_are_for_those_with_a_permission_only)
{
    struct fake_client *owner = identify("{\"token\":\"token-0-0\"}");
    struct fake_client *member = identify("{\"token\":\"token-1-0\"}");
    fake_audit(w, 0, PERM_VIEW_AUDIT_LOG);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(owner, "GUILD_AUDIT_LOG_ENTRY_CREATE"), 1);
    ck_assert_uint_eq(fake_count(member, "GUILD_AUDIT_LOG_ENTRY_CREATE"), 0);
    fake_set_role_permissions(w, 0, 1, PERM_VIEW_AUDIT_LOG);
    fake_set_roles(w, 0, 1, 2);
    fake_audit(w, 0, PERM_VIEW_AUDIT_LOG);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(member, "GUILD_AUDIT_LOG_ENTRY_CREATE"), 1);
    w->deaf = true; /* read back, not from the bus */
    fake_audit(w, 0, PERM_VIEW_AUDIT_LOG | PERM_MANAGE_ROLES);
    fake_set_role_permissions(w, 0, 1, 0);
    fake_audit(w, 0, PERM_VIEW_AUDIT_LOG);
    fake_run(w, 3000);
    ck_assert_uint_eq(fake_count(member, "GUILD_AUDIT_LOG_ENTRY_CREATE"), 1);
    ck_assert_uint_eq(fake_count(owner, "GUILD_AUDIT_LOG_ENTRY_CREATE"), 4);
}
END_TEST

START_TEST(content_is_for_those_with_the_intent)
{
    become_bot(1, 1 << 19);
    struct fake_client *without = identify("{\"token\":\"token-1-0\",\"intents\":512}");
    struct fake_client *with = identify("{\"token\":\"token-1-0\",\"intents\":33280}");
    fake_message(w, 0, 0, 0);
    fake_message(w, 0, 0, 1); /* its own */
    fake_run(w, 50);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(without, "MESSAGE_CREATE", 0), "\"content\":\"\""));
    ck_assert_ptr_nonnull(strstr(fake_dispatch(without, "MESSAGE_CREATE", 1), "\"content\":\"text"));
    ck_assert_ptr_nonnull(strstr(fake_dispatch(with, "MESSAGE_CREATE", 0), "\"content\":\"text"));
}
END_TEST

START_TEST(presence_and_typing_are_delivered_and_not_kept_for_long)
{
    struct fake_client *a = fake_open(w, 0), *b = fake_open(w, 1);
    Hubbub__V1__Event typing = HUBBUB__V1__EVENT__INIT, online = HUBBUB__V1__EVENT__INIT;
    Hubbub__V1__TypingStarted t = HUBBUB__V1__TYPING_STARTED__INIT;
    PB_SET(&t, guild_id, fake_guild_id(0));
    PB_SET(&t, channel_id, w->guilds[0].channels[0].id);
    PB_SET(&t, user_id, fake_user_id(0));
    typing.typing_start = &t;
    fake_ephemeral(w, &typing);
    ck_assert_uint_eq(fake_count(b, "TYPING_START"), 1);
    fake_set_channel(w, 0, 0, true, 0);
    fake_run(w, 50);
    fake_ephemeral(w, &typing);
    ck_assert_uint_eq(fake_count(b, "TYPING_START"), 1);
    Hubbub__V1__PresenceUpdated p = HUBBUB__V1__PRESENCE_UPDATED__INIT;
    Hubbub__V1__PresenceUser u = HUBBUB__V1__PRESENCE_USER__INIT;
    PB_SET(&u, id, fake_user_id(0));
    p.user = &u;
    PB_SET(&p, guild_id, fake_guild_id(0));
    p.status = (char *)"idle";
    online.presence_update = &p;
    fake_ephemeral(w, &online);
    ck_assert_uint_eq(fake_count(b, "PRESENCE_UPDATE"), 1);
    ck_assert_uint_eq(fake_count(a, "PRESENCE_UPDATE"), 0); /* never one's own */
    struct fake_client *c = fake_open(w, 2);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_CREATE", 0), "\"status\":\"idle\""));
}
END_TEST

START_TEST(a_presence_is_told_on_every_change)
{
    struct fake_client *c = identify(
        "{\"token\":\"token-0-0\",\"presence\":{\"status\":\"offline\"},\"properties\":{\"browser\":\"Discord iOS\"}}");
    ck_assert_str_eq(w->last_presence->status, "invisible");
    ck_assert_str_eq(w->last_presence->client, "mobile");
    fake_send(c, "{\"op\":3,\"d\":{\"status\":\"dnd\",\"activities\":[{\"name\":\"x\",\"type\":0}]}}");
    ck_assert_str_eq(w->last_presence->status, "dnd");
    ck_assert_uint_gt(w->last_presence->activities.len, 2);
    fake_leave(w, 1, 0);
    fake_run(w, 50);
    ck_assert_uint_eq(w->last_presence->n_guild_ids, 1);
    for (int i = 0; i < 10; i++)
        fake_send(c, "{\"op\":3,\"d\":{\"status\":\"%s\"}}", i < 4 ? "idle" : "online");
    ck_assert_str_eq(w->last_presence->status, "idle"); /* five in 20 s */
    fake_send(c, "{\"op\":3,\"d\":{\"status\":\"dnd\"}}");
    fake_run(w, 19000);
    ck_assert_str_eq(w->last_presence->status, "idle");
    fake_run(w, 1200);
    ck_assert_str_eq(w->last_presence->status, "dnd"); /* of more, the last is told then */
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.presences_late, 7);
    for (int i = 0; i < 5; i++) /* it was the first of five */
        fake_send(c, "{\"op\":3,\"d\":{\"status\":\"%s\"}}", i < 4 ? "online" : "idle");
    ck_assert_str_eq(w->last_presence->status, "online");
    fake_cut(c, 1001);
    ck_assert(w->last_presence->closed);
}
END_TEST

START_TEST(members_are_answered_in_chunks)
{
    struct fake_client *c = fake_open(w, 0);
    fake_send(c, "{\"op\":8,\"d\":{\"guild_id\":\"%llu\",\"query\":\"\",\"limit\":0,\"nonce\":\"n1\"}}",
              (unsigned long long)fake_guild_id(0));
    const char *chunk = fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 0);
    ck_assert_ptr_nonnull(strstr(chunk, "\"user2\""));
    ck_assert_ptr_nonnull(strstr(chunk, "\"chunk_index\":0,\"chunk_count\":1"));
    ck_assert_ptr_nonnull(strstr(chunk, "\"nonce\":\"n1\""));
    fake_send(c, "{\"op\":8,\"d\":{\"guild_id\":\"%llu\",\"user_ids\":[\"101\",\"555\"]}}",
              (unsigned long long)fake_guild_id(0));
    chunk = fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 1);
    ck_assert_ptr_nonnull(strstr(chunk, "\"not_found\":[\"555\"]"));
    ck_assert_ptr_null(strstr(chunk, "user2"));
    fake_send(c, "{\"op\":8,\"d\":{\"guild_id\":\"%llu\",\"query\":\"USER1\",\"limit\":5}}",
              (unsigned long long)fake_guild_id(0));
    chunk = fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 2);
    ck_assert_ptr_nonnull(strstr(chunk, "user1"));
    ck_assert_ptr_null(strstr(chunk, "user0"));
}
END_TEST

static void ask_members(struct fake_client *c, const char *what)
{
    fake_send(c, "{\"op\":8,\"d\":{\"guild_id\":\"%llu\",%s}}", (unsigned long long)fake_guild_id(0), what);
}

static void load_crowd(unsigned n)
{
    w->crowd = n;
    struct fake_client *c = fake_open(w, 1);
    scope_find(w->hub, fake_guild_id(0))->replica->member_count += n;
    ck_assert(c->ready);
}

START_TEST(members_of_a_large_guild_are_asked_from_chat_page_by_page)
{
    load_crowd(2500);
    become_bot(0, 1 << 14);
    struct fake_client *c = identify("{\"token\":\"Bot token-0-0\",\"intents\":3}");
    ask_members(c, "\"query\":\"\",\"limit\":0,\"nonce\":\"n1\"");
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 3);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 0), "\"chunk_index\":0,\"chunk_count\":3"));
    const char *last = fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 2);
    ck_assert_ptr_nonnull(strstr(last, "\"chunk_index\":2,\"chunk_count\":3"));
    ck_assert_ptr_nonnull(strstr(last, "\"crowd1002499\""));
    ask_members(c, "\"query\":\"\",\"limit\":0,\"nonce\":\"n2\"");
    const char *limited = fake_dispatch(c, "RATE_LIMITED", 0);
    ck_assert_ptr_nonnull(limited);
    ck_assert_ptr_nonnull(strstr(limited, "\"opcode\":8,\"retry_after\":2"));
    ck_assert_ptr_nonnull(strstr(limited, "\"nonce\":\"n2\""));
    ask_members(c, "\"user_ids\":[\"1000007\",\"555\"]");
    fake_run(w, 200);
    const char *chunk = fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 3);
    ck_assert_ptr_nonnull(strstr(chunk, "\"crowd1000007\""));
    ck_assert_ptr_nonnull(strstr(chunk, "\"not_found\":[\"555\"]"));
    fake_send(c, "{\"op\":8,\"d\":{\"guild_id\":[\"%llu\"],\"query\":\"crowd10000\",\"limit\":7}}",
              (unsigned long long)fake_guild_id(0));
    fake_run(w, 200);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 5);
    ask_members(c, "\"user_ids\":\"1000008\"");
    fake_run(w, 200);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 5), "\"crowd1000008\""));
    fake_run(w, 30000);
    fake_send(c, "{\"op\":1,\"d\":null}");
    ask_members(c, "\"query\":\"\",\"limit\":0");
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 9);
}
END_TEST

START_TEST(a_page_that_members_overtook_is_asked_again)
{
    load_crowd(1500);
    become_bot(0, 1 << 14);
    struct fake_client *c = identify("{\"token\":\"Bot token-0-0\",\"intents\":3}");
    w->quiet = true;
    ask_members(c, "\"query\":\"\",\"limit\":0");
    struct fake_question *q = fake_find(w, QUESTION_MEMBERS);
    ck_assert_ptr_nonnull(q);
    fake_serve(w, q, ST_OK);
    fake_push(w, &w->guilds[0].feed, fake_leave(w, 0, 2));
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBER_REMOVE"), 1);
    fake_deliver(w, q);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 0);
    fake_run(w, 50);
    ck_assert(fake_fail(w, QUESTION_MEMBERS, ST_UNAVAILABLE));
    fake_run(w, 200);
    ck_assert(fake_answer(w, QUESTION_MEMBERS));
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 1);
    ck_assert_ptr_null(strstr(fake_dispatch(c, "GUILD_MEMBERS_CHUNK", 0), "\"user2\""));
    fake_run(w, 200);
    fake_push(w, &w->guilds[0].feed, fake_leave(w, 0, 0)); /* who left gets no more */
    fake_answer(w, QUESTION_MEMBERS);
    fake_run(w, 200);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBERS_CHUNK"), 1);
    ck_assert_ptr_null(w->hub->members_asks);
}
END_TEST

START_TEST(everybody_is_not_told_to_everybody)
{
    struct fake_client *person = fake_open(w, 2); /* no right to manage members */
    ask_members(person, "\"query\":\"\",\"limit\":0");
    ck_assert_ptr_nonnull(strstr(fake_dispatch(person, "GUILD_MEMBERS_CHUNK", 0), "\"members\":[]"));
    ask_members(person, "\"query\":\"user\",\"limit\":0");
    ck_assert_ptr_nonnull(strstr(fake_dispatch(person, "GUILD_MEMBERS_CHUNK", 1), "\"user0\""));
    become_bot(1, 0);
    struct fake_client *bot = identify("{\"token\":\"Bot token-1-0\",\"intents\":1}");
    ask_members(bot, "\"query\":\"\",\"limit\":0");
    ck_assert_ptr_nonnull(strstr(fake_dispatch(bot, "GUILD_MEMBERS_CHUNK", 0), "\"members\":[]"));
}
END_TEST

static void tell_presence(unsigned user, const char *status)
{
    Hubbub__V1__PresenceUser id = HUBBUB__V1__PRESENCE_USER__INIT;
    Hubbub__V1__PresenceUpdated p = HUBBUB__V1__PRESENCE_UPDATED__INIT;
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    PB_SET(&id, id, fake_user_id(user));
    PB_SET(&p, guild_id, fake_guild_id(0));
    p.user = &id;
    p.status = (char *)status;
    e.presence_update = &p;
    fake_ephemeral(w, &e);
    fake_run(w, 50);
}

START_TEST(a_large_guild_tells_of_presences_to_bots_and_to_those_who_subscribed)
{
    load_crowd(250); /* user 1 */
    struct fake_client *person = fake_open(w, 0);
    become_bot(2, 1 << 12);
    struct fake_client *bot = identify("{\"token\":\"Bot token-2-0\",\"intents\":257}");
    tell_presence(1, "idle");
    ck_assert_uint_eq(fake_count(bot, "PRESENCE_UPDATE"), 1);
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 0);
    fake_send(person, "{\"op\":14,\"d\":{\"guild_id\":\"%llu\",\"typing\":true,\"members\":[\"%llu\"]}}",
              (unsigned long long)fake_guild_id(0), (unsigned long long)fake_user_id(1));
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 1); /* what is known, at once */
    tell_presence(1, "dnd");
    tell_presence(3, "dnd");
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 2);
    fake_send(person,
              "{\"op\":37,\"d\":{\"subscriptions\":{\"%llu\":{\"members\":[\"%llu\"]},\"77\":{\"members\":[]}}}}",
              (unsigned long long)fake_guild_id(0), (unsigned long long)fake_user_id(3));
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 3);
    tell_presence(1, "online");
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 3);
    tell_presence(3, "online");
    ck_assert_uint_eq(fake_count(person, "PRESENCE_UPDATE"), 4);
}
END_TEST

static const char *shown_activities(void)
{
    static char text[4096];
    snprintf(text, sizeof text, "%.*s", (int)w->last_presence->activities.len,
             (const char *)w->last_presence->activities.data);
    return text;
}

START_TEST(activities_are_shown_within_bounds)
{
    struct fake_client *c = fake_open(w, 0);
    fake_send(
        c,
        "{\"op\":3,\"d\":{\"status\":\"idle\",\"since\":5,\"afk\":true,\"activities\":[{\"type\":4,\"name\":\"\","
        "\"state\":"
        "\"at sea\",\"emoji\":{\"name\":\"\\u26f5\",\"id\":null}},{\"type\":9,\"name\":\"x\"},{\"type\":0},{\"type\":0,"
        "\"name\":\"chess\",\"url\":7,\"details\":null,\"secrets\":{\"join\":\"x\"}}]}}");
    ck_assert_str_eq(
        shown_activities(),
        "[{\"name\":\"Custom Status\",\"type\":4,\"state\":\"at sea\",\"emoji\":{\"name\":\"\xe2\x9b\xb5\"}},"
        "{\"name\":\"chess\",\"type\":0}]");
    fake_send(c, "{\"op\":3,\"d\":{\"status\":\"dnd\"}}");
    ck_assert_ptr_nonnull(strstr(shown_activities(), "chess")); /* not said: as they were */
    char name[200];
    memset(name, 'n', sizeof name);
    name[199] = 0;
    fake_send(c, "{\"op\":3,\"d\":{\"activities\":[{\"type\":0,\"name\":\"%s\"}]}}", name);
    ck_assert_uint_eq(w->last_presence->activities.len, strlen("[{\"name\":\"\",\"type\":0}]") + 128);
    fake_send(c, "{\"op\":3,\"d\":{\"activities\":[]}}");
    ck_assert_str_eq(shown_activities(), "[]");
    become_bot(1, 0);
    struct fake_client *bot = identify(
        "{\"token\":\"Bot "
        "token-1-0\",\"intents\":0,\"presence\":{\"status\":\"online\",\"activities\":[{\"type\":1,\"name\":\"it\","
        "\"state\":\"s\",\"url\":\"https://x.example\",\"details\":\"d\"}]}}");
    ck_assert_uint_eq(bot->close_code, 0);
    ck_assert_str_eq(shown_activities(),
                     "[{\"name\":\"it\",\"type\":1,\"url\":\"https://x.example\",\"state\":\"s\"}]");
    fake_send(c, "{\"op\":3,\"d\":{\"activities\":{}}}");
    ck_assert_uint_eq(c->close_code, 4002);
}
END_TEST

START_TEST(own_sessions_are_told_to_people_only)
{
    struct fake_client *person = fake_open(w, 0);
    become_bot(1, 0);
    struct fake_client *bot = identify("{\"token\":\"Bot token-1-0\",\"intents\":1}");
    Hubbub__V1__OwnSession one = HUBBUB__V1__OWN_SESSION__INIT, *sessions[] = {&one};
    Hubbub__V1__SessionsReplaced r = HUBBUB__V1__SESSIONS_REPLACED__INIT;
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    Hubbub__V1__Event *events[] = {&e};
    Hubbub__V1__BusMessage m = HUBBUB__V1__BUS_MESSAGE__INIT;
    one.session_id = "s1";
    one.status = "dnd";
    r.sessions = sessions;
    r.n_sessions = 1;
    r.has_user_id = true;
    e.sessions_replace = &r;
    m.ephemeral = events;
    m.n_ephemeral = 1;
    for (unsigned user = 0; user < 2; user++) {
        r.user_id = fake_user_id(user);
        hub_on_bus(w->hub, &m, w->now);
    }
    const char *told = fake_dispatch(person, "SESSIONS_REPLACE", 0);
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_nonnull(strstr(told, "\"d\":[{\"session_id\":\"s1\",\"status\":\"dnd\",\"activities\":[]"));
    ck_assert_uint_eq(fake_count(bot, "SESSIONS_REPLACE"), 0);
}
END_TEST

START_TEST(revoked_tokens_end_their_sessions)
{
    struct fake_client *a = fake_open(w, 0), *other = fake_open(w, 1);
    fake_revoke(w, 0);
    struct fake_client *b = fake_open(w, 0); /* with the new token */
    fake_run(w, 50);
    ck_assert_uint_eq(a->close_code, 4004);
    ck_assert_uint_eq(b->close_code, 0);
    ck_assert_uint_eq(other->close_code, 0);
    fake_cut(a, 0);
    struct fake_client *c = fake_connect(w);
    fake_resume(c, a, a->seq);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
}
END_TEST

START_TEST(drain_asks_everybody_to_reconnect)
{
    struct fake_client *a = fake_open(w, 0), *b = fake_open(w, 1);
    ck_assert_int_eq(hub_drain(w->hub, 1000, 100, w->now), 1000);
    struct fake_client *late = fake_connect(w);
    ck_assert_uint_eq(fake_count_op(late, 7), 1);
    fake_run(w, 1200);
    ck_assert_uint_eq(fake_count_op(a, 7), 1);
    ck_assert_uint_eq(fake_count_op(b, 7), 1);
    ck_assert_uint_eq(a->close_code, 0);
    fake_run(w, 6000);
    ck_assert_uint_eq(a->close_code, 4000);
}
END_TEST

START_TEST(a_drain_sends_no_more_away_than_it_may)
{
    struct fake_client *all[40];
    unsigned told = 0, before = 0;
    for (unsigned i = 0; i < 40; i++)
        all[i] = fake_open(w, i % 3);
    ck_assert_int_eq(hub_drain(w->hub, 100, 20, w->now), 2000); /* a window that is too short for so many */
    for (unsigned second = 0; second < 2; second++, before = told) {
        fake_run(w, 1000);
        told = 0;
        for (unsigned i = 0; i < 40; i++)
            told += fake_count_op(all[i], 7);
        ck_assert_uint_le(told - before, 21); /* the step of 100 ms in which they go out */
    }
    fake_run(w, 200);
    for (unsigned i = 0; i < 40; i++)
        ck_assert_uint_eq(fake_count_op(all[i], 7), 1);
}
END_TEST

START_TEST(behind_a_pause_a_drain_goes_no_faster)
{
    struct fake_client *all[40];
    unsigned told = 0;
    for (unsigned i = 0; i < 40; i++)
        all[i] = fake_open(w, i % 3);
    hub_drain(w->hub, 100, 20, w->now);
    w->now += 1900;
    fake_run(w, 500);
    for (unsigned i = 0; i < 40; i++)
        told += fake_count_op(all[i], 7);
    ck_assert_uint_ge(told, 8);
    ck_assert_uint_le(told, 12);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, each_fault_has_its_close_code, 0, sizeof close_cases / sizeof *close_cases);
    tcase_add_test(t, compression_is_the_wish_of_a_session);
    const TTest *tests[] = {
        identify_gives_ready_then_each_guild,
        identify_may_come_before_chat_answers_anything,
        patience_ends_with_4000,
        a_guild_that_is_gone_is_left_out,
        a_mention_while_a_session_opens_is_told_behind_its_guild,
        a_guild_that_was_loaded_behind_the_counts_has_them_asked_anew,
        bots_have_no_counts_to_keep,
        shards_take_their_own_guilds,
        frames_have_a_size_limit,
        frames_have_a_rate_limit,
        a_user_has_at_most_fifty_sessions,
        a_seat_is_a_persons_socket,
        fifty_sessions_are_counted_while_they_open,
        a_full_gateway_throttles_by_invalid_session,
        resume_replays_exactly,
        resume_of_what_is_not_there_is_invalid,
        resume_needs_the_ring_and_the_session,
        sessions_linger_and_then_end,
        bots_get_what_they_have_intents_for,
        dms_are_for_shard_0_and_bots_with_the_intent,
        a_group_is_shown_without_oneself,
        resume_replays_a_dm,
        some_entries_are_for_those_with_a_permission_only,
        content_is_for_those_with_the_intent,
        presence_and_typing_are_delivered_and_not_kept_for_long,
        a_presence_is_told_on_every_change,
        members_of_a_large_guild_are_asked_from_chat_page_by_page,
        a_page_that_members_overtook_is_asked_again,
        everybody_is_not_told_to_everybody,
        a_large_guild_tells_of_presences_to_bots_and_to_those_who_subscribed,
        activities_are_shown_within_bounds,
        own_sessions_are_told_to_people_only,
        members_are_answered_in_chunks,
        revoked_tokens_end_their_sessions,
        drain_asks_everybody_to_reconnect,
        a_drain_sends_no_more_away_than_it_may,
        behind_a_pause_a_drain_goes_no_faster,
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
