/* The gateway's cursor, one scripted schedule per rule of FEEDS.md: gaps, duplicates, digest, truncation, generations,
 * and sessions that attach, join and leave while entries are on their way. */
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

static struct scope *guild_scope(unsigned guild)
{
    return scope_find(w->hub, fake_guild_id(guild));
}

/* n messages that nobody publishes; the number of the first. */
static uint64_t silent_messages(unsigned guild, unsigned n)
{
    uint64_t first = w->guilds[guild].feed.head + 1;
    w->deaf = true;
    for (unsigned i = 0; i < n; i++)
        fake_message(w, guild, 0, 1);
    w->deaf = false;
    return first;
}

static const char *numbers(uint64_t first, unsigned n)
{
    static char list[4096];
    size_t used = 0;
    list[0] = '\0';
    for (unsigned i = 0; i < n; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%u", i ? " " : "", (unsigned)first + i);
    return list;
}

/* Nothing of the world answers by itself from here on. */
static void be_quiet(void)
{
    fake_run(w, 400);
    w->quiet = true;
}

/* ---- Order ----------------------------------------------------------------------------------------------------------
 */

START_TEST(a_gap_is_read_after_20_ms_before_anything_later_is_delivered)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 3);
    fake_push(w, &w->guilds[0].feed, first + 2);
    fake_run(w, 10);
    ck_assert_ptr_null(fake_find(w, QUESTION_READ));
    fake_run(w, 20);
    ck_assert_ptr_nonnull(fake_find(w, QUESTION_READ));
    ck_assert_uint_eq(fake_find(w, QUESTION_READ)->b, first - 1);
    ck_assert_str_eq(fake_messages(c, 0), "");
    fake_answer(w, QUESTION_READ);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 3));
}
END_TEST

START_TEST(an_early_entry_is_held_until_its_turn)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 3);
    fake_push(w, &w->guilds[0].feed, first + 1);
    fake_push(w, &w->guilds[0].feed, first + 2);
    fake_push(w, &w->guilds[0].feed, first);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 3));
    fake_run(w, 100);
    ck_assert_ptr_null(fake_find(w, QUESTION_READ));
}
END_TEST

START_TEST(duplicates_are_dropped)
{
    struct fake_client *c = fake_open(w, 0);
    uint64_t first = silent_messages(0, 2);
    fake_push(w, &w->guilds[0].feed, first);
    fake_push(w, &w->guilds[0].feed, first);
    fake_push(w, &w->guilds[0].feed, first + 1);
    fake_push(w, &w->guilds[0].feed, first);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 2));
}
END_TEST

START_TEST(more_early_entries_than_can_be_held_are_read)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 400);
    for (unsigned i = 399; i > 0; i--)
        fake_push(w, &w->guilds[0].feed, first + i);
    ck_assert_uint_le(guild_scope(0)->pend.n, PEND_ENTRIES_MAX);
    ck_assert_uint_eq(guild_scope(0)->known, first + 399);
    w->quiet = false;
    fake_run(w, 100);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 400));
}
END_TEST

START_TEST(the_number_of_a_row_that_is_gone_is_consumed)
{
    struct fake_client *c = fake_open(w, 0);
    uint64_t first = silent_messages(0, 3);
    Hubbub__V1__FeedEntry *gone = w->guilds[0].feed.entries[first].entry;
    memory_free_message(gone->event);
    gone->event = NULL;
    fake_run(w, 1500);
    char expected[64];
    snprintf(expected, sizeof expected, "%u %u", (unsigned)first, (unsigned)first + 2);
    ck_assert_str_eq(fake_messages(c, 0), expected);
}
END_TEST

START_TEST(a_failed_read_is_asked_again_with_backoff)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 2);
    fake_push(w, &w->guilds[0].feed, first + 1);
    unsigned before = w->asked[QUESTION_READ];
    for (int i = 0; i < 200; i++) {
        fake_run(w, 10);
        fake_fail(w, QUESTION_READ, ST_UNAVAILABLE);
    }
    ck_assert_uint_ge(w->asked[QUESTION_READ] - before, 4);
    ck_assert_uint_le(w->asked[QUESTION_READ] - before, 12);
    w->quiet = false;
    fake_run(w, 1200);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 2));
}
END_TEST

START_TEST(an_answer_that_was_overtaken_does_no_harm)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 2);
    fake_push(w, &w->guilds[0].feed, first + 1);
    fake_run(w, 40);
    struct fake_question *q = fake_find(w, QUESTION_READ);
    fake_serve(w, q, ST_OK);
    uint64_t more = silent_messages(0, 2);
    fake_push(w, &w->guilds[0].feed, first);
    fake_push(w, &w->guilds[0].feed, more);
    fake_push(w, &w->guilds[0].feed, more + 1);
    fake_deliver(w, q);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 4));
    ck_assert_uint_eq(fake_count_op(c, 9), 0);
}
END_TEST

/* ---- Digest
 * ----------------------------------------------------------------------------------------------------------- */

START_TEST(a_lost_tail_is_healed_by_the_digest)
{
    struct fake_client *c = fake_open(w, 0);
    fake_run(w, 1000);
    uint64_t first = silent_messages(0, 3);
    fake_run(w, 1200);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 3));
}
END_TEST

START_TEST(a_transaction_that_commits_late_is_not_missed)
{
    struct fake_client *c = fake_open(w, 0);
    uint64_t late = fake_begin(w);
    uint64_t other = silent_messages(1, 1);
    fake_run(w, 3000);
    ck_assert_str_eq(fake_messages(c, 1), numbers(other, 1));
    fake_commit_as(w, late);
    uint64_t seq = silent_messages(0, 1);
    fake_run(w, 1200);
    ck_assert_str_eq(fake_messages(c, 0), numbers(seq, 1));
}
END_TEST

START_TEST(a_digest_on_its_way_does_not_move_a_rewound_token)
{
    fake_open(w, 3);
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_rename_user(w, 0); /* nobody has subscribed to it */
    fake_run(w, 1100);
    ck_assert(fake_answer(w, QUESTION_HEADS)); /* the token is past it */
    fake_run(w, 1100);
    ck_assert_ptr_nonnull(fake_find(w, QUESTION_HEADS)); /* asked with that token */
    fake_deliver(w, open);
    while (fake_answer(w, QUESTION_SNAPSHOT) || fake_answer(w, QUESTION_PRESENCES))
        ;
    ck_assert(c->ready);
    ck_assert(fake_answer(w, QUESTION_HEADS));
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 0);
    w->quiet = false;
    fake_run(w, 1500);
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 1);
}
END_TEST

START_TEST(the_digest_is_asked_more_often_without_a_bus)
{
    fake_open(w, 0);
    fake_run(w, 1000);
    unsigned before = w->asked[QUESTION_HEADS];
    fake_run(w, 3000);
    ck_assert_uint_eq(w->asked[QUESTION_HEADS] - before, 3);
    hub_on_bus_state(w->hub, false, w->now);
    before = w->asked[QUESTION_HEADS];
    fake_run(w, 3000);
    ck_assert_uint_ge(w->asked[QUESTION_HEADS] - before, 17);
    before = w->asked[QUESTION_HEADS];
    hub_on_bus_state(w->hub, true, w->now);
    fake_run(w, 60);
    ck_assert_uint_ge(w->asked[QUESTION_HEADS] - before, 1); /* at once: what was lost meanwhile */
}
END_TEST

START_TEST(a_lapsed_digest_reads_every_scope)
{
    fake_open(w, 0);
    fake_run(w, 1000);
    fake_truncate(w, &w->guilds[2].feed);
    w->truncated_xid = w->next_xid; /* past every token */
    unsigned before = w->asked[QUESTION_READ];
    fake_run(w, 1200);
    ck_assert_uint_ge(w->asked[QUESTION_READ] - before, 3); /* two guilds, one user */
}
END_TEST

/* ---- Truncation and generations
 * ----------------------------------------------------------------------------------------- */

START_TEST(a_truncated_feed_starts_its_sessions_afresh)
{
    struct fake_client *c = fake_open(w, 0), *other = fake_open(w, 3);
    silent_messages(0, 2);
    fake_truncate(w, &w->guilds[0].feed);
    fake_run(w, 1500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    ck_assert_uint_eq(fake_count_op(other, 9), 0);
    ck_assert_str_eq(fake_messages(c, 0), "");
    fake_identify(c, 0);
    fake_run(w, 200);
    ck_assert_uint_eq(fake_count(c, "READY"), 2);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_truncated_user_feed_ends_the_sessions_that_hold_it)
{
    struct fake_client *c = fake_open(w, 0), *other = fake_open(w, 1);
    w->deaf = true;
    fake_rename_user(w, 0);
    w->deaf = false;
    fake_truncate(w, &w->users[0].feed);
    fake_run(w, 1500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    ck_assert_uint_eq(fake_count_op(other, 9), 0);
}
END_TEST

/* Files that were copied back: the same system, the same timeline. */
START_TEST(numbers_that_went_back_void_everything)
{
    struct fake_client *c = fake_open(w, 0);
    for (int i = 0; i < 3; i++)
        fake_message(w, 0, 0, 1);
    fake_run(w, 2500);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 3);
    w->guilds[0].feed.head -= 2;
    w->next_xid -= 2;
    fake_run(w, 2500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    /* ... and when the counter has passed the token before anybody looked */
    c = fake_open(w, 0);
    for (int i = 0; i < 3; i++)
        fake_message(w, 0, 0, 1);
    fake_run(w, 2500);
    w->guilds[0].feed.head -= 2;
    fake_message(w, 0, 0, 1);
    fake_run(w, 2500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    /* ... and when nobody writes to that feed again */
    c = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_run(w, 2500);
    w->guilds[0].feed.head--;
    w->database_started_at++;
    fake_run(w, 2500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
}
END_TEST

START_TEST(a_new_generation_voids_everything)
{
    struct fake_client *c = fake_open(w, 0), *other = fake_open(w, 3);
    fake_new_generation(w);
    fake_run(w, 1500);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    ck_assert_uint_eq(fake_count_op(other, 9), 1);
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.sessions, 0);
    ck_assert_uint_eq(st.scopes, 0);
    fake_identify(c, 0);
    fake_run(w, 200);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "READY"), 2);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

/* Whichever answer brings it, and without waiting for the digest. */
static const enum question_kind telling_kinds[] = {QUESTION_READ, QUESTION_SNAPSHOT, QUESTION_OPEN};

START_TEST(an_answer_of_a_newer_generation_voids_everything)
{
    enum question_kind kind = telling_kinds[_i];
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    if (kind == QUESTION_READ) {
        fake_message(w, 0, 0, 1);
        fake_push(w, &w->guilds[0].feed, fake_message(w, 0, 0, 1));
        fake_tick(w, 30);
    } else {
        fake_identify(fake_connect(w), 3);
    }
    if (kind == QUESTION_SNAPSHOT)
        ck_assert(fake_answer(w, QUESTION_OPEN));
    fake_new_generation(w);
    ck_assert(fake_answer(w, kind));
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    w->quiet = false;
    fake_run(w, 100);
    fake_identify(c, 0);
    fake_run(w, 200);
    ck_assert(c->ready);
}
END_TEST

START_TEST(entries_of_another_generation_are_dropped)
{
    struct fake_client *c = fake_open(w, 0);
    uint64_t first = silent_messages(0, 1);
    uint64_t system = w->system_id;
    w->timeline = 0;
    fake_push(w, &w->guilds[0].feed, first); /* older */
    w->timeline = 2;
    fake_push(w, &w->guilds[0].feed, first); /* newer: not taken on its word, asked about */
    w->timeline = 1;
    w->system_id = 99;
    fake_push(w, &w->guilds[0].feed, first); /* another system's */
    w->system_id = system;
    ck_assert_str_eq(fake_messages(c, 0), "");
    fake_run(w, 1200);
    ck_assert_str_eq(fake_messages(c, 0), numbers(first, 1));
    ck_assert_uint_eq(fake_count_op(c, 9), 0);
}
END_TEST

START_TEST(another_system_is_adopted_from_a_digest_only)
{
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t first = silent_messages(0, 2);
    fake_push(w, &w->guilds[0].feed, first + 1);
    fake_run(w, 40);
    w->system_id = 99;
    while (fake_answer(w, QUESTION_READ))
        ;
    ck_assert_uint_eq(fake_count_op(c, 9), 0);
    fake_run(w, 1200);
    while (fake_answer(w, QUESTION_HEADS))
        ;
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
}
END_TEST

/* ---- Attaching
 * ---------------------------------------------------------------------------------------------------------- */

START_TEST(a_session_catches_up_with_a_scope_that_is_ahead)
{
    struct fake_client *first = fake_open(w, 0), *c;
    be_quiet();
    c = fake_connect(w);
    fake_identify(c, 0);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK); /* as of here */
    fake_rename_user(w, 0);
    fake_rename_user(w, 0);
    fake_run(w, 30);
    ck_assert_uint_eq(fake_count(first, "USER_UPDATE"), 2);
    fake_deliver(w, open);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 0);
    fake_rename_user(w, 0); /* behind the range: queued */
    fake_run(w, 30);
    ck_assert_uint_eq(fake_count(first, "USER_UPDATE"), 3);
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 0);
    ck_assert(fake_fail(w, QUESTION_READ, ST_UNAVAILABLE));
    fake_run(w, 100);
    w->read_limit = 1; /* a page a number */
    ck_assert(fake_answer(w, QUESTION_READ));
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 1);
    ck_assert(fake_answer(w, QUESTION_READ));
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 3);
    fake_rename_user(w, 0);
    fake_run(w, 30);
    ck_assert_uint_eq(fake_count(c, "USER_UPDATE"), 4);
}
END_TEST

START_TEST(a_truncated_catch_up_starts_the_session_afresh)
{
    fake_open(w, 0);
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_rename_user(w, 0);
    fake_run(w, 30);
    fake_deliver(w, open);
    fake_truncate(w, &w->users[0].feed);
    ck_assert(fake_answer(w, QUESTION_READ));
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
}
END_TEST

START_TEST(a_member_removed_between_open_and_ready_is_not_told_of_the_guild)
{
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_answer(w, QUESTION_HEADS);
    fake_identify(c, 1);
    fake_run(w, 20);
    fake_answer(w, QUESTION_OPEN);
    fake_leave(w, 0, 1); /* before the snapshot is taken */
    fake_answer(w, QUESTION_SNAPSHOT);
    fake_answer(w, QUESTION_SNAPSHOT);
    fake_leave(w, 1, 1); /* after it */
    fake_run(w, 20);
    while (fake_answer(w, QUESTION_PRESENCES))
        ;
    fake_run(w, 400);
    ck_assert(c->ready);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "READY", 0), "\"guilds\":[]"));
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 0);
}
END_TEST

START_TEST(a_member_removed_while_nobody_watched_is_asked_about_again)
{
    fake_open(w, 0); /* the guild is here already */
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 1);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_leave(w, 0, 1);
    fake_message(w, 0, 0, 0);
    fake_run(w, 30); /* applied, and user 1 unknown here */
    fake_deliver(w, open);
    ck_assert(!c->ready);
    fake_run(w, 100);
    ck_assert(fake_answer(w, QUESTION_OPEN));
    ck_assert(c->ready);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 1);
    ck_assert_str_eq(fake_messages(c, 0), "");
}
END_TEST

START_TEST(a_guild_joined_comes_before_its_member_add)
{
    struct fake_client *c = fake_open(w, 2), *other = fake_open(w, 0);
    be_quiet();
    w->deaf = true;
    uint64_t add = fake_join(w, 1, 2);
    w->deaf = false;
    fake_push(w, &w->users[2].feed, w->users[2].feed.head);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 1);
    fake_push(w, &w->guilds[1].feed, add);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBER_ADD"), 0);
    ck_assert_uint_eq(fake_count(other, "GUILD_MEMBER_ADD"), 1);
    fake_message(w, 1, 0, 0);
    fake_run(w, 30);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_guild_joined_comes_after_its_member_add)
{
    struct fake_client *c = fake_open(w, 2);
    fake_open(w, 0);
    be_quiet();
    w->deaf = true;
    uint64_t add = fake_join(w, 1, 2);
    w->deaf = false;
    fake_push(w, &w->guilds[1].feed, add);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
    fake_push(w, &w->users[2].feed, w->users[2].feed.head);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
}
END_TEST

START_TEST(a_guild_that_nobody_here_had_is_loaded_when_it_is_joined)
{
    struct fake_client *c = fake_open(w, 0);
    fake_join(w, 2, 0);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 3);
    fake_message(w, 2, 0, 3);
    fake_run(w, 30);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_join_that_nobody_folded_is_asked_for)
{
    fake_open(w, 0);
    fake_run(w, 100);
    w->quiet = true;
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 2);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_join(w, 1, 2);
    fake_run(w, 30); /* the guild's entry is applied; user 2 is not watched yet */
    fake_deliver(w, open);
    ck_assert(c->ready);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 1);
    fake_run(w, 1200);
    ck_assert(fake_answer(w, QUESTION_HEADS));
    fake_run(w, 60);
    ck_assert(fake_answer(w, QUESTION_READ)); /* guild_joined */
    ck_assert(fake_fail(w, QUESTION_MEMBER, ST_UNAVAILABLE));
    fake_run(w, 100);
    ck_assert(fake_answer(w, QUESTION_MEMBER));
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
}
END_TEST

START_TEST(leaving_ends_the_guild_and_joining_again_brings_it_back)
{
    struct fake_client *c = fake_open(w, 1), *other = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_leave(w, 0, 1);
    fake_message(w, 0, 0, 0);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "GUILD_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(fake_count(c, "GUILD_MEMBER_REMOVE"), 0);
    ck_assert_uint_eq(fake_count(other, "GUILD_MEMBER_REMOVE"), 1);
    fake_join(w, 0, 1);
    fake_message(w, 0, 0, 0);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 3);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 2);
}
END_TEST

START_TEST(a_deleted_guild_is_gone_for_all)
{
    struct fake_client *a = fake_open(w, 0), *b = fake_open(w, 1);
    fake_delete_guild(w, 1);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(a, "GUILD_DELETE"), 1);
    ck_assert_uint_eq(fake_count(b, "GUILD_DELETE"), 1);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(a, "GUILD_DELETE", 0), "\"d\":{\"id\":\"8388608\"}"));
    fake_run(w, 6000);
    ck_assert_ptr_null(guild_scope(1));
}
END_TEST

START_TEST(a_guild_deleted_while_an_open_was_on_its_way_is_left_out)
{
    fake_open(w, 0);
    w->users[1].bot = true; /* watched by the session of its other shard, which does not hold the guild */
    struct fake_client *other = fake_connect(w), *c = fake_connect(w);
    fake_send(other, "{\"op\":2,\"d\":{\"token\":\"token-1-0\",\"intents\":1,\"shard\":[1,2]}}");
    be_quiet();
    fake_send(c, "{\"op\":2,\"d\":{\"token\":\"token-1-0\",\"intents\":1,\"shard\":[0,2]}}");
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_delete_guild(w, 1);
    fake_run(w, 30);
    fake_deliver(w, open);
    ck_assert(c->ready);
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 0);
    ck_assert_uint_eq(fake_count(other, "GUILD_CREATE"), 1);
}
END_TEST

START_TEST(a_revoked_token_is_noticed_while_its_session_catches_up)
{
    struct fake_client *first = fake_open(w, 0), *c;
    be_quiet();
    c = fake_connect(w);
    fake_identify(c, 0);
    struct fake_question *open = fake_find(w, QUESTION_OPEN);
    fake_serve(w, open, ST_OK);
    fake_revoke(w, 0);
    fake_run(w, 30);
    ck_assert_uint_eq(first->close_code, 4004);
    fake_deliver(w, open); /* it was good when it was asked */
    w->quiet = false;
    fake_run(w, 100);
    ck_assert_uint_eq(c->close_code, 4004);
}
END_TEST

/* ---- Who sees what
 * ------------------------------------------------------------------------------------------------------ */

START_TEST(visibility_changes_between_two_messages)
{
    struct fake_client *owner = fake_open(w, 0), *c = fake_open(w, 1);
    uint64_t seen = fake_message(w, 0, 0, 0);
    fake_set_channel(w, 0, 0, true, 0);
    uint64_t hidden = fake_message(w, 0, 0, 0);
    fake_set_channel(w, 0, 0, true, 1);
    fake_set_roles(w, 0, 1, 1 << 1); /* the role may view it */
    uint64_t again = fake_message(w, 0, 0, 0);
    fake_run(w, 50);
    char expected[64];
    snprintf(expected, sizeof expected, "%u %u", (unsigned)seen, (unsigned)again);
    ck_assert_str_eq(fake_messages(c, 0), expected);
    snprintf(expected, sizeof expected, "%u %u %u", (unsigned)seen, (unsigned)hidden, (unsigned)again);
    ck_assert_str_eq(fake_messages(owner, 0), expected);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_UPDATE"), 0);
    ck_assert_uint_eq(fake_count(owner, "CHANNEL_UPDATE"), 2);
}
END_TEST

START_TEST(hidden_channels_are_in_no_guild_create)
{
    fake_add_channel(w, 0);
    fake_set_channel(w, 0, 1, true, 0);
    struct fake_client *owner = fake_open(w, 0), *c = fake_open(w, 1);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(owner, "GUILD_CREATE", 0), "channel-1004"));
    ck_assert_ptr_null(strstr(fake_dispatch(c, "GUILD_CREATE", 0), "channel-1004"));
    fake_remove_channel(w, 0, 1);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(owner, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 0);
}
END_TEST

START_TEST(a_role_that_loses_its_right_takes_the_channels_away)
{
    struct fake_client *c = fake_open(w, 1), *twin = fake_open(w, 1);
    fake_set_role_permissions(w, 0, 0, 0);
    fake_message(w, 0, 0, 0);
    fake_show_to_user(w, 0, 0, 1);
    uint64_t seq = fake_message(w, 0, 0, 0);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(c, "GUILD_ROLE_UPDATE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 1);
    ck_assert_uint_eq(fake_count(twin, "CHANNEL_DELETE"), 1); /* every session of the user */
    ck_assert_str_eq(fake_messages(c, 0), numbers(seq, 1));
}
END_TEST

START_TEST(the_guild_of_a_channel_is_known_while_it_is_loaded)
{
    uint64_t channel = w->guilds[0].channels[0].id;
    ck_assert_uint_eq(hub_guild_of_channel(w->hub, channel), 0);
    struct fake_client *c = fake_open(w, 0);
    ck_assert_uint_eq(hub_guild_of_channel(w->hub, channel), fake_guild_id(0));
    fake_cut(c, 1000);
    fake_run(w, 6000);
    ck_assert_uint_eq(hub_guild_of_channel(w->hub, channel), 0);
}
END_TEST

/* ---- DMs ------------------------------------------------------------------------------------------------------------
 */

static void direct_between(unsigned a, unsigned b)
{
    fake_show_direct(w, 0, a);
    fake_show_direct(w, 0, b);
}

START_TEST(a_dm_that_is_shown_is_attached_at_its_position)
{
    struct fake_client *c = fake_open(w, 0);
    fake_direct_message(w, 0, 1); /* before: not this session's */
    fake_show_direct(w, 0, 0);
    w->deaf = true; /* published before anybody here subscribed */
    uint64_t first = fake_direct_message(w, 0, 1);
    w->deaf = false;
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 1);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 1));
    fake_direct_message(w, 0, 1);
    fake_run(w, 50);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 2));
}
END_TEST

START_TEST(a_dm_is_attached_at_the_position_of_the_open)
{
    direct_between(0, 1);
    fake_direct_message(w, 0, 1);
    struct fake_client *other = fake_open(w, 1);
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    fake_serve(w, fake_find(w, QUESTION_OPEN), ST_OK);
    uint64_t first = fake_direct_message(w, 0, 1);
    fake_direct_message(w, 0, 1);
    fake_run(w, 20);
    ck_assert_str_eq(fake_direct_messages(other, 0), numbers(first, 2));
    w->quiet = false;
    fake_run(w, 400);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "READY", 0), "\"private_channels\":[{\"id\":\"500\""));
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 2)); /* caught up with a scope that was ahead */
}
END_TEST

START_TEST(a_lost_tail_of_a_dm_is_healed_by_the_digest)
{
    direct_between(0, 1);
    struct fake_client *c = fake_open(w, 0);
    w->deaf = true;
    uint64_t first = fake_direct_message(w, 0, 1);
    fake_direct_message(w, 0, 1);
    w->deaf = false;
    fake_run(w, 1200);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 2));
}
END_TEST

START_TEST(a_truncated_dm_starts_the_sessions_that_hold_it_afresh)
{
    direct_between(0, 1);
    struct fake_client *c = fake_open(w, 0), *other = fake_open(w, 2);
    w->deaf = true;
    fake_direct_message(w, 0, 1);
    fake_truncate(w, &w->directs[0].feed);
    w->deaf = false;
    fake_direct_message(w, 0, 1);
    fake_run(w, 1200);
    ck_assert(c->invalid);
    ck_assert(!other->invalid);
    ck_assert_ptr_null(scope_find(w->hub, fake_direct_id(0)));
}
END_TEST

START_TEST(a_closed_dm_comes_back_without_doubling_anything)
{
    direct_between(0, 1);
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    w->deaf = true;
    fake_close_direct(w, 0, 0);
    fake_show_direct(w, 0, 0);
    uint64_t first = fake_direct_message(w, 0, 1);
    w->deaf = false;
    fake_push(w, &w->directs[0].feed, first); /* the DM's feed is ahead of the user's */
    w->quiet = false;
    fake_run(w, 1200);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 1));
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 1);
}
END_TEST

START_TEST(who_is_removed_from_a_group_gets_nothing_after_it)
{
    direct_between(0, 1);
    struct fake_client *gone = fake_open(w, 0), *stays = fake_open(w, 1);
    uint64_t first = fake_direct_message(w, 0, 1);
    fake_expel(w, 0, 0);
    fake_direct_message(w, 0, 1);
    fake_run(w, 100);
    ck_assert_str_eq(fake_direct_messages(gone, 0), numbers(first, 1));
    ck_assert_uint_eq(fake_count(gone, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(gone, "CHANNEL_RECIPIENT_REMOVE"), 0);
    ck_assert_uint_eq(fake_count(stays, "CHANNEL_RECIPIENT_REMOVE"), 1);
    fake_show_direct(w, 0, 0);
    uint64_t again = fake_direct_message(w, 0, 1);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count(gone, "CHANNEL_CREATE"), 1);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(gone, "MESSAGE_CREATE", 1), numbers(again, 1)));
}
END_TEST

/* The own feed tells of the removal and of the return before the group's feed has come to either. */
START_TEST(a_return_to_a_group_outlives_the_removal_that_is_applied_later)
{
    direct_between(0, 1);
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t own = w->users[0].feed.head;
    w->deaf = true;
    uint64_t last = fake_direct_message(w, 0, 1);
    fake_expel(w, 0, 0);
    fake_direct_message(w, 0, 1);
    fake_show_direct(w, 0, 0);
    uint64_t mine = fake_direct_message(w, 0, 1);
    w->deaf = false;
    fake_push(w, &w->users[0].feed, own + 1);
    fake_push(w, &w->users[0].feed, own + 2);
    w->quiet = false;
    fake_run(w, 1200);
    char both[40];
    snprintf(both, sizeof both, "%u %u", (unsigned)last, (unsigned)mine);
    ck_assert_str_eq(fake_direct_messages(c, 0), both);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 1);
}
END_TEST

/* The group's feed is far ahead of the user's, which still tells of showing it. */
START_TEST(a_group_that_the_own_feed_shows_late_is_not_told_twice)
{
    direct_between(0, 1);
    struct fake_client *c = fake_open(w, 0);
    be_quiet();
    uint64_t own = w->users[0].feed.head, group = w->directs[0].feed.head;
    w->deaf = true;
    fake_close_direct(w, 0, 0);
    fake_show_direct(w, 0, 0);
    uint64_t said = fake_direct_message(w, 0, 1);
    fake_expel(w, 0, 0);
    fake_direct_message(w, 0, 1);
    w->deaf = false;
    for (uint64_t i = group; i < w->directs[0].feed.head; i++)
        fake_push(w, &w->directs[0].feed, i + 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    for (uint64_t i = own; i < w->users[0].feed.head; i++)
        fake_push(w, &w->users[0].feed, i + 1);
    w->quiet = false;
    fake_run(w, 1200);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(said, 1));
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(c, "CHANNEL_CREATE"), 0);
    fake_show_direct(w, 0, 0);
    uint64_t again = fake_direct_message(w, 0, 1);
    fake_run(w, 100);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "MESSAGE_CREATE", 1), numbers(again, 1)));
}
END_TEST

START_TEST(a_removal_is_noticed_in_a_catch_up)
{
    direct_between(0, 1);
    struct fake_client *other = fake_open(w, 1);
    be_quiet();
    struct fake_client *c = fake_connect(w);
    fake_identify(c, 0);
    fake_serve(w, fake_find(w, QUESTION_OPEN), ST_OK);
    uint64_t first = fake_direct_message(w, 0, 1);
    fake_expel(w, 0, 0);
    fake_direct_message(w, 0, 1);
    fake_run(w, 20);
    w->quiet = false;
    fake_run(w, 1200);
    ck_assert_str_eq(fake_direct_messages(c, 0), numbers(first, 1));
    ck_assert_uint_eq(fake_count(c, "CHANNEL_DELETE"), 1);
    ck_assert_uint_eq(fake_count(other, "MESSAGE_CREATE"), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cursor");
    TCase *t = tcase_create("cursor");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, an_answer_of_a_newer_generation_voids_everything, 0,
                        sizeof telling_kinds / sizeof *telling_kinds);
    const TTest *tests[] = {
        a_gap_is_read_after_20_ms_before_anything_later_is_delivered,
        an_early_entry_is_held_until_its_turn,
        duplicates_are_dropped,
        more_early_entries_than_can_be_held_are_read,
        the_number_of_a_row_that_is_gone_is_consumed,
        a_failed_read_is_asked_again_with_backoff,
        an_answer_that_was_overtaken_does_no_harm,
        a_lost_tail_is_healed_by_the_digest,
        a_transaction_that_commits_late_is_not_missed,
        a_digest_on_its_way_does_not_move_a_rewound_token,
        the_digest_is_asked_more_often_without_a_bus,
        a_lapsed_digest_reads_every_scope,
        a_truncated_feed_starts_its_sessions_afresh,
        a_truncated_user_feed_ends_the_sessions_that_hold_it,
        numbers_that_went_back_void_everything,
        a_new_generation_voids_everything,
        entries_of_another_generation_are_dropped,
        another_system_is_adopted_from_a_digest_only,
        a_session_catches_up_with_a_scope_that_is_ahead,
        a_truncated_catch_up_starts_the_session_afresh,
        a_member_removed_between_open_and_ready_is_not_told_of_the_guild,
        a_member_removed_while_nobody_watched_is_asked_about_again,
        a_guild_joined_comes_before_its_member_add,
        a_guild_joined_comes_after_its_member_add,
        a_guild_that_nobody_here_had_is_loaded_when_it_is_joined,
        a_join_that_nobody_folded_is_asked_for,
        leaving_ends_the_guild_and_joining_again_brings_it_back,
        a_deleted_guild_is_gone_for_all,
        a_guild_deleted_while_an_open_was_on_its_way_is_left_out,
        a_revoked_token_is_noticed_while_its_session_catches_up,
        visibility_changes_between_two_messages,
        hidden_channels_are_in_no_guild_create,
        a_role_that_loses_its_right_takes_the_channels_away,
        the_guild_of_a_channel_is_known_while_it_is_loaded,
        a_dm_that_is_shown_is_attached_at_its_position,
        a_dm_is_attached_at_the_position_of_the_open,
        a_lost_tail_of_a_dm_is_healed_by_the_digest,
        a_truncated_dm_starts_the_sessions_that_hold_it_afresh,
        a_closed_dm_comes_back_without_doubling_anything,
        who_is_removed_from_a_group_gets_nothing_after_it,
        a_return_to_a_group_outlives_the_removal_that_is_applied_later,
        a_group_that_the_own_feed_shows_late_is_not_told_twice,
        a_removal_is_noticed_in_a_catch_up,
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
