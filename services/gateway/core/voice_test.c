/* Who is told of whom in voice channels: at each number of the feed a session knows the states of the channels that it
 * views, and its user's own. And op 4: one call at a time, the newest wish next, and a session that ends leaves. */
#include "services/gateway/core/fake_world.h"
#include <check.h>
#include <stdio.h>

static struct fake_world *w;
enum { OPEN, SECRET, NONE = -1 }; /* channels of guild 0; users with role 1 view the second one */
enum { OWNER, INSIDER, OUTSIDER };

static void set_up(void)
{
    w = fake_create(1);
    fake_add_channel(w, 0);
    fake_set_channel(w, 0, SECRET, true, 1);
    fake_set_roles(w, 0, INSIDER, 1 << 1);
    fake_run(w, 100);
}

static void tear_down(void)
{
    fake_destroy(w);
}

/* "1@0 2@-": the channels (by index) that the client was told of users, in order; GUILD_CREATE's states first. */
static const char *told(const struct fake_client *c)
{
    static char text[512];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < fake_count(c, "VOICE_STATE_UPDATE"); i++) {
        json_t *d = json_loads(fake_dispatch(c, "VOICE_STATE_UPDATE", i), 0, NULL);
        json_t *state = json_object_get(d, "d") ? json_object_get(d, "d") : d;
        const char *channel = json_string_value(json_object_get(state, "channel_id"));
        char where = '-';
        for (unsigned k = 0; channel && k < w->guilds[0].n_channels; k++)
            if (strtoull(channel, NULL, 10) == w->guilds[0].channels[k].id)
                where = (char)('0' + k);
        unsigned user = 0;
        while (user < FAKE_USERS &&
               fake_user_id(user) != strtoull(json_string_value(json_object_get(state, "user_id")), NULL, 10))
            user++;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%u@%c", n ? " " : "", user, where);
        json_decref(d);
    }
    return text;
}

static bool creates_with(const struct fake_client *c, const char *text)
{
    return strstr(fake_dispatch(c, "GUILD_CREATE", 0), text);
}

START_TEST(who_goes_where_one_does_not_look_has_left)
{
    struct fake_client *insider = fake_open(w, INSIDER), *outsider = fake_open(w, OUTSIDER);
    fake_voice(w, 0, OWNER, OPEN, "a");
    fake_voice(w, 0, OWNER, SECRET, "a");
    fake_voice(w, 0, OWNER, OPEN, "a");
    fake_voice(w, 0, OWNER, NONE, "a");
    fake_voice(w, 0, INSIDER, SECRET, "b");
    fake_voice(w, 0, INSIDER, NONE, "b");
    fake_run(w, 100);
    ck_assert_str_eq(told(insider), "0@0 0@1 0@0 0@- 1@1 1@-");
    ck_assert_str_eq(told(outsider), "0@0 0@- 0@0 0@-");
    ck_assert_ptr_null(strstr(fake_dispatch(insider, "VOICE_STATE_UPDATE", 1), "left_channel_id"));
}
END_TEST

START_TEST(ones_own_is_told_wherever_one_is)
{
    struct fake_client *outsider = fake_open(w, OUTSIDER);
    fake_voice(w, 0, OUTSIDER, SECRET, "a"); /* brought there */
    fake_run(w, 100);
    ck_assert_str_eq(told(outsider), "2@1");
    struct fake_client *again = fake_open(w, OUTSIDER);
    ck_assert(creates_with(again, "\"voice_states\":[{\"channel_id\""));
}
END_TEST

START_TEST(a_guild_opens_with_what_is_seen)
{
    fake_voice(w, 0, OWNER, SECRET, "a");
    fake_run(w, 100);
    struct fake_client *insider = fake_open(w, INSIDER), *outsider = fake_open(w, OUTSIDER);
    ck_assert(creates_with(insider, "\"session_id\":\"a\""));
    ck_assert(!creates_with(insider, "\"voice_states\":[{\"guild_id\""));
    ck_assert(creates_with(outsider, "\"voice_states\":[]"));
    w->users[INSIDER].bot = true;
    struct fake_client *bot = fake_connect(w);
    fake_send(bot, "{\"op\":2,\"d\":{\"token\":\"Bot token-%u-0\",\"intents\":1}}", INSIDER);
    fake_run(w, 100);
    ck_assert(creates_with(bot, "\"voice_states\":[]")); /* without the intent */
}
END_TEST

START_TEST(a_channel_comes_and_goes_with_whoever_is_in_it)
{
    struct fake_client *outsider = fake_open(w, OUTSIDER);
    fake_voice(w, 0, OWNER, SECRET, "a");
    fake_run(w, 50);
    ck_assert_str_eq(told(outsider), "");
    fake_set_roles(w, 0, OUTSIDER, 1 << 1);
    fake_run(w, 50);
    ck_assert_str_eq(told(outsider), "0@1");
    fake_set_roles(w, 0, OUTSIDER, 0);
    fake_run(w, 50);
    ck_assert_str_eq(told(outsider), "0@1 0@-");
    fake_set_channel(w, 0, SECRET, false, 0);
    fake_run(w, 50);
    ck_assert_str_eq(told(outsider), "0@1 0@- 0@1");
}
END_TEST

START_TEST(what_was_missed_is_caught_up_with)
{
    struct fake_client *outsider = fake_open(w, OUTSIDER), *back = fake_connect(w);
    fake_voice(w, 0, OWNER, OPEN, "a");
    fake_run(w, 50);
    fake_cut(outsider, 0);
    unsigned second = fake_add_gateway(w);
    fake_use(w, second);
    fake_voice(w, 0, OWNER, SECRET, "a");
    fake_voice(w, 0, OWNER, OPEN, "a");
    back = fake_connect(w);
    fake_resume(back, outsider, outsider->seq);
    fake_run(w, 500);
    ck_assert_uint_eq(fake_count(back, "RESUMED"), 1);
    ck_assert_str_eq(told(back), "0@- 0@0");
}
END_TEST

START_TEST(the_newest_wish_is_asked_behind_the_one_under_way)
{
    struct fake_client *c = fake_open(w, OUTSIDER);
    uint64_t guild = fake_guild_id(0);
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":\"%llu\",\"channel_id\":\"7\",\"self_mute\":true,\"self_deaf\":false}}",
              (unsigned long long)guild);
    ck_assert_uint_eq(w->voices_asked, 1);
    ck_assert_uint_eq(w->last_voice->channel_id, 7);
    ck_assert(w->last_voice->self_mute && !w->last_voice->self_deaf);
    ck_assert_str_eq(w->last_voice->session_id, c->session_id);
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":\"%llu\",\"channel_id\":\"8\"}}", (unsigned long long)guild);
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":\"%llu\",\"channel_id\":null}}", (unsigned long long)guild);
    ck_assert_uint_eq(w->voices_asked, 1);
    hub_on_voice(w->hub, w->voice_ticket, ST_UNAVAILABLE, w->now);
    ck_assert_uint_eq(w->voices_asked, 2);
    ck_assert_uint_eq(w->last_voice->channel_id, 0);
    hub_on_voice(w->hub, w->voice_ticket, ST_OK, w->now);
    ck_assert_uint_eq(w->voices_asked, 2);
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":\"%llu\",\"channel_id\":\"7\"}}", (unsigned long long)fake_guild_id(2));
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":null,\"channel_id\":\"7\"}}");
    ck_assert_uint_eq(w->voices_asked, 2); /* in no guild of the session's */
    fake_send(c, "{\"op\":4,\"d\":{\"channel_id\":[]}}");
    ck_assert_uint_eq(c->close_code, 4002);
}
END_TEST

START_TEST(a_session_is_kept_while_it_lingers_and_leaves_when_it_ends)
{
    struct fake_client *c = fake_open(w, OUTSIDER), *other = fake_open(w, OUTSIDER);
    fake_voice(w, 0, OUTSIDER, OPEN, c->session_id);
    fake_voice(w, 0, OWNER, OPEN, "of another gateway");
    fake_run(w, 10100);
    ck_assert_uint_eq(w->voices_kept, 1);
    fake_cut(other, 1000);
    fake_cut(c, 0);
    fake_run(w, 170000);
    ck_assert_uint_eq(w->voices_kept, 1);
    ck_assert_uint_eq(w->voices_asked, 0);
    fake_run(w, 11000);
    ck_assert_uint_eq(w->voices_asked, 1);
    ck_assert(w->last_voice->ended && w->last_voice->guild_id == fake_guild_id(0));
    ck_assert_str_eq(w->last_voice->session_id, c->session_id);
    ck_assert_uint_eq(w->voice_ticket, 0);
}
END_TEST

START_TEST(a_session_that_ends_takes_back_what_it_asked_for)
{
    struct fake_client *c = fake_open(w, OUTSIDER);
    fake_send(c, "{\"op\":4,\"d\":{\"guild_id\":\"%llu\",\"channel_id\":\"7\"}}", (unsigned long long)fake_guild_id(0));
    uint64_t ticket = w->voice_ticket;
    fake_cut(c, 1000);
    fake_run(w, 50);
    ck_assert_uint_eq(w->voices_asked, 2);
    ck_assert(w->last_voice->ended);
    hub_on_voice(w->hub, ticket, ST_OK, w->now);
    ck_assert_uint_eq(w->voices_asked, 2);
}
END_TEST

START_TEST(who_goes_on_elsewhere_does_not_leave)
{
    struct fake_client *c = fake_open(w, OUTSIDER);
    fake_voice(w, 0, OUTSIDER, OPEN, c->session_id);
    fake_run(w, 50);
    fake_cut(c, 0);
    fake_use(w, fake_add_gateway(w));
    struct fake_client *back = fake_connect(w);
    fake_resume(back, c, c->seq);
    fake_run(w, 10500);
    ck_assert_uint_eq(fake_count(back, "RESUMED"), 1);
    ck_assert_uint_eq(w->voices_asked, 0);
    ck_assert_uint_eq(w->voices_kept, 1); /* by the second, which keeps last */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("voice");
    TCase *t = tcase_create("voice");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    const TTest *tests[] = {
        who_goes_where_one_does_not_look_has_left,
        ones_own_is_told_wherever_one_is,
        a_guild_opens_with_what_is_seen,
        a_channel_comes_and_goes_with_whoever_is_in_it,
        what_was_missed_is_caught_up_with,
        the_newest_wish_is_asked_behind_the_one_under_way,
        a_session_is_kept_while_it_lingers_and_leaves_when_it_ends,
        a_session_that_ends_takes_back_what_it_asked_for,
        who_goes_on_elsewhere_does_not_leave,
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
