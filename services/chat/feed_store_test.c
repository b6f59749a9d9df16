/* The feeds against a real PostgreSQL: a digest misses no entry of a transaction that overlaps it, a range joins what
 * its messages say now, a truncated slot is told of, and snapshots and sessions are of one moment. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/credentials.h"
#include "services/chat/feed_store.h"
#include "services/chat/janitor.h"
#include "services/chat/testing/fixture.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct fixture fixture;

static void set_up(void)
{
    fixture_init(&fixture);
}

static void tear_down(void)
{
    fixture_finish(&fixture);
}

static struct db *begin(void)
{
    struct db *d = NULL;
    ck_assert_int_eq(db_lease(fixture.chat->db, clock_mono_ms() + 2000, &d), ST_OK);
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "BEGIN"), ST_OK);
    return d;
}

static void run(struct db *d, const char *sql)
{
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, sql), ST_OK);
}

struct digest {
    uint64_t token;
    bool lapsed;
    uint64_t first, second; /* heads of the two guilds; 0: not told */
};

/* Waits out another's flight first: what is asked is asked now. */
static struct digest ask(uint64_t token)
{
    usleep((DIGEST_MS + 10) * 1000);
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__HeadsRequest req = HUBBUB__V1__HEADS_REQUEST__INIT;
    Hubbub__V1__HeadsResponse r = HUBBUB__V1__HEADS_RESPONSE__INIT;
    if (token)
        PB_SET(&req, token, token);
    ck_assert_int_eq(feeds_handlers.heads(c, &req, &r), ST_OK);
    ck_assert_uint_ne(r.generation->system_id, 0);
    struct digest d = {.token = r.token, .lapsed = r.lapsed};
    for (size_t i = 0; i < r.n_heads; i++) {
        if (r.heads[i]->scope_id == FIXTURE_GUILD)
            d.first = r.heads[i]->seq;
        if (r.heads[i]->scope_id == FIXTURE_OTHER_GUILD)
            d.second = r.heads[i]->seq;
    }
    return d;
}

START_TEST(a_digest_misses_no_overlapping_transaction)
{
    struct digest d = ask(0);
    struct db *slow = begin(), *quick = begin();
    run(slow, "INSERT INTO feed_entries (scope_id, seq, slot, topic, type) VALUES (1000, 1, 0, 1000, 20)");
    run(quick, "INSERT INTO feed_entries (scope_id, seq, slot, topic, type) VALUES (2000, 1, 0, 2000, 20); COMMIT");
    db_release(quick);
    d = ask(d.token);
    ck_assert_uint_eq(d.first, 0);
    ck_assert_uint_eq(d.second, 1);
    d = ask(d.token); /* the slow one has not ended: the token stays at it, and the quick one is told again */
    ck_assert_uint_eq(d.second, 1);
    run(slow, "COMMIT");
    db_release(slow);
    d = ask(d.token);
    ck_assert_uint_eq(d.first, 1);
    d = ask(d.token);
    ck_assert_uint_eq(d.first + d.second, 0); /* all told, nothing new */
    ck_assert(!d.lapsed);
}
END_TEST

/* Random writers that keep transactions open, and one reader who folds digests: at the end it knows every head. */
static void *write_slowly(void *user)
{
    unsigned seed = (unsigned)(intptr_t)user;
    struct arena *a = arena_create(0);
    for (int i = 0; i < 40; i++) {
        struct db *d = begin();
        struct db_rows *r;
        ck_assert_int_eq(
            db_run(d, a, clock_mono_ms() + 5000, &r,
                   "WITH f AS (UPDATE feeds SET head = head + 1 WHERE scope_id = $1 RETURNING scope_id, head)"
                   " INSERT INTO feed_entries (scope_id, seq, slot, topic, type) SELECT scope_id, head, 1, scope_id, "
                   "20 FROM f",
                   DB_ID(rand_r(&seed) % 2 ? FIXTURE_GUILD : FIXTURE_OTHER_GUILD)),
            ST_OK);
        usleep(rand_r(&seed) % 30000);
        run(d, rand_r(&seed) % 4 ? "COMMIT" : "ROLLBACK");
        db_release(d);
    }
    arena_destroy(a);
    return NULL;
}

static void fold(struct digest *known, struct digest d)
{
    known->first = d.first > known->first ? d.first : known->first;
    known->second = d.second > known->second ? d.second : known->second;
    known->token = d.token;
}

START_TEST(folded_digests_know_every_head)
{
    pthread_t threads[6];
    struct digest known = ask(0);
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, write_slowly, (void *)(intptr_t)(i + 1));
    for (int i = 0; i < 30; i++)
        fold(&known, ask(known.token));
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    fold(&known, ask(known.token));
    ck_assert_int_eq((int64_t)known.first, fixture_number(&fixture, "SELECT head FROM feeds WHERE scope_id = 1000"));
    ck_assert_int_eq((int64_t)known.second, fixture_number(&fixture, "SELECT head FROM feeds WHERE scope_id = 2000"));
    ck_assert_uint_gt(known.first, 10);
}
END_TEST

START_TEST(a_flight_with_a_higher_token_is_not_shared)
{
    uint64_t old = ask(0).token, id;
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "text", NULL, &id), ST_OK);
    uint64_t new = ask(old).token;
    ck_assert_uint_gt(new, old);
    usleep((DIGEST_MS + 10) * 1000);
    for (int i = 0; i < 2; i++) { /* at once after one another: first the newer token, then the older one */
        CALL_FAKED struct call *c = fixture_call(&fixture, 0);
        Hubbub__V1__HeadsRequest req = HUBBUB__V1__HEADS_REQUEST__INIT;
        Hubbub__V1__HeadsResponse r = HUBBUB__V1__HEADS_RESPONSE__INIT;
        PB_SET(&req, token, i == 0 ? new : old);
        ck_assert_int_eq(feeds_handlers.heads(c, &req, &r), ST_OK);
        ck_assert_uint_eq(r.n_heads, i);
    }
}
END_TEST

START_TEST(a_truncated_slot_lapses_older_tokens)
{
    uint64_t old = ask(0).token;
    /* an entry of period p - 3, which stands in the slot of p + 1 */
    fixture_exec(&fixture, "INSERT INTO feed_entries (scope_id, seq, slot, topic, type) VALUES (1000, 1,"
                           " (extract(epoch FROM clock_timestamp())::bigint / 21600 + 1) % 4, 1000, 20);"
                           " INSERT INTO send_keys VALUES (1, 1, 'old', 1, (extract(epoch FROM "
                           "clock_timestamp())::bigint / 21600 + 1) % 4),"
                           " (1, 1, 'new', 2, (extract(epoch FROM clock_timestamp())::bigint / 21600) % 4)");
    uint64_t new = ask(old).token;
    ck_assert_int_eq(janitor_round(fixture.chat->db), ST_OK);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM feed_entries"), 0);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM send_keys"), 1);
    ck_assert(ask(old).lapsed);
    ck_assert(!ask(new).lapsed);
    /* once a period: what is written there by then is left alone */
    fixture_exec(&fixture, "INSERT INTO feed_entries (scope_id, seq, slot, topic, type) VALUES (1000, 2,"
                           " (extract(epoch FROM clock_timestamp())::bigint / 21600 + 1) % 4, 1000, 20)");
    ck_assert_int_eq(janitor_round(fixture.chat->db), ST_OK);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM feed_entries"), 1);
}
END_TEST

/* ---- Ranges ------------------------------------------------------------------------------------------------------ */

static void read_range(struct call *c, uint64_t scope, uint64_t after, uint32_t limit, Hubbub__V1__ReadFeedResponse *r)
{
    Hubbub__V1__ReadFeedRequest req = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    PB_SET(&req, scope_id, scope);
    PB_SET(&req, after, after);
    if (limit)
        PB_SET(&req, limit, limit);
    ck_assert_int_eq(feeds_handlers.read(c, &req, r), ST_OK);
}

static void delete_message(uint64_t id)
{
    CALL_FAKED struct call *c = fixture_call(&fixture, FIXTURE_MEMBER);
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, id);
    ck_assert_int_eq(messages_handlers.delete(c, &req, &empty), ST_OK);
}

START_TEST(a_range_joins_messages_and_consumes_the_gone)
{
    uint64_t first, second;
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "first", NULL, &first);
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "second", NULL, &second);
    delete_message(first);
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__ReadFeedResponse r = HUBBUB__V1__READ_FEED_RESPONSE__INIT;
    read_range(c, FIXTURE_GUILD, 0, 0, &r);
    ck_assert_uint_eq(r.head, 3);
    ck_assert_uint_eq(r.n_entries, 3);
    ck_assert_ptr_null(r.entries[0]->event); /* its text is gone */
    const Hubbub__V1__Message *m = r.entries[1]->event->message_create;
    ck_assert_uint_eq(m->id, second);
    ck_assert_str_eq(m->content, "second");
    ck_assert_str_eq(m->author->username, "member");
    ck_assert_str_eq(m->member->nick, "nick");
    ck_assert_uint_eq(m->guild_id, FIXTURE_GUILD);
    ck_assert_uint_eq(r.entries[1]->topic, FIXTURE_CHANNEL);
    ck_assert_uint_eq(r.entries[2]->event->message_delete->id, first);
    read_range(c, FIXTURE_GUILD, 1, 1, &r);
    ck_assert_uint_eq(r.n_entries, 1);
    ck_assert_uint_eq(r.entries[0]->seq, 2);
    ck_assert_uint_eq(r.head, 3);
    read_range(c, FIXTURE_GUILD, 3, 0, &r);
    ck_assert_uint_eq(r.n_entries, 0);
    Hubbub__V1__ReadFeedRequest unknown = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    PB_SET(&unknown, scope_id, 999);
    ck_assert_int_eq(feeds_handlers.read(c, &unknown, &r), ST_NOT_FOUND);
}
END_TEST

/* ---- Snapshots --------------------------------------------------------------------------------------------------- */

START_TEST(a_snapshot_shows_the_guild_at_its_head)
{
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "text", NULL, NULL);
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__SnapshotRequest req = HUBBUB__V1__SNAPSHOT_REQUEST__INIT;
    Hubbub__V1__SnapshotResponse r = HUBBUB__V1__SNAPSHOT_RESPONSE__INIT;
    uint64_t wanted[] = {FIXTURE_MEMBER, FIXTURE_STRANGER};
    PB_SET(&req, guild_id, FIXTURE_GUILD);
    req.user_ids = wanted;
    req.n_user_ids = 2;
    ck_assert_int_eq(feeds_handlers.snapshot(c, &req, &r), ST_OK);
    ck_assert_uint_eq(r.head, 1);
    ck_assert_str_eq(r.guild->name, "first");
    ck_assert_uint_eq(r.guild->n_roles, 1);
    ck_assert_uint_eq(r.n_channels, 2);
    ck_assert_uint_eq(r.member_count, 2);
    ck_assert_uint_eq(r.n_members, 2);
    ck_assert_uint_eq(r.members[0]->user->id, FIXTURE_MEMBER); /* the wanted first */
    ck_assert_uint_eq(r.members[1]->user->id, FIXTURE_OWNER);
    req.guild_id = 999;
    ck_assert_int_eq(feeds_handlers.snapshot(c, &req, &r), ST_UNKNOWN_GUILD);
}
END_TEST

START_TEST(a_session_opens_with_its_guilds)
{
    uint8_t hash[TOKEN_HASH_N];
    token_hash("secret", hash);
    struct db *d = begin();
    struct db_rows *rows;
    ck_assert_int_eq(db_run(d, fixture.arena, clock_mono_ms() + 2000, &rows,
                            "INSERT INTO tokens (hash, user_id) VALUES ($1, 102)", DB_BYTES(hash, sizeof hash)),
                     ST_OK);
    run(d, "COMMIT");
    db_release(d);
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_OTHER_CHANNEL, "text", NULL, NULL);
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__OpenSessionRequest req = HUBBUB__V1__OPEN_SESSION_REQUEST__INIT;
    Hubbub__V1__OpenSessionResponse r = HUBBUB__V1__OPEN_SESSION_RESPONSE__INIT;
    req.token = "secret";
    ck_assert_int_eq(feeds_handlers.open_session(c, &req, &r), ST_OK);
    ck_assert_uint_eq(r.identity->user_id, FIXTURE_MEMBER);
    ck_assert_str_eq(r.user->username, "member");
    ck_assert_uint_eq(r.head, 0);
    ck_assert_uint_gt(r.xmin, 0);
    ck_assert_uint_eq(r.n_guilds, 2);
    ck_assert_uint_eq(r.guilds[0]->guild_id, FIXTURE_GUILD);
    ck_assert_str_eq(r.guilds[0]->member->nick, "nick");
    ck_assert_uint_eq(r.guilds[1]->head, 1);
    ck_assert_ptr_nonnull(r.settings);
    Hubbub__V1__OpenSessionResponse resumed = HUBBUB__V1__OPEN_SESSION_RESPONSE__INIT;
    PB_SET(&req, resumes, true);
    ck_assert_int_eq(feeds_handlers.open_session(c, &req, &resumed), ST_OK);
    ck_assert_uint_eq(resumed.n_guilds, 2);
    ck_assert_ptr_null(resumed.settings);
    ck_assert_uint_eq(resumed.n_read_states, 0);
    req.token = "wrong";
    ck_assert_int_eq(feeds_handlers.open_session(c, &req, &r), ST_UNAUTHORIZED);
}
END_TEST

START_TEST(a_member_is_read_with_the_head)
{
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__GetMemberRequest req = HUBBUB__V1__GET_MEMBER_REQUEST__INIT;
    Hubbub__V1__GetMemberResponse r = HUBBUB__V1__GET_MEMBER_RESPONSE__INIT;
    PB_SET(&req, guild_id, FIXTURE_GUILD);
    PB_SET(&req, user_id, FIXTURE_MEMBER);
    ck_assert_int_eq(feeds_handlers.get_member(c, &req, &r), ST_OK);
    ck_assert_str_eq(r.member->nick, "nick");
    Hubbub__V1__GetMemberResponse none = HUBBUB__V1__GET_MEMBER_RESPONSE__INIT;
    req.user_id = FIXTURE_STRANGER;
    ck_assert_int_eq(feeds_handlers.get_member(c, &req, &none), ST_OK);
    ck_assert_ptr_null(none.member);
    ck_assert(none.has_head);
}
END_TEST

/* "101 102 of 2": who was found, and the guild's total. */
static const char *search(uint64_t guild_id, const char *query, const uint64_t *ids, size_t n_ids, uint32_t limit,
                          uint64_t after)
{
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__SearchMembersRequest req = HUBBUB__V1__SEARCH_MEMBERS_REQUEST__INIT;
    Hubbub__V1__SearchMembersResponse r = HUBBUB__V1__SEARCH_MEMBERS_RESPONSE__INIT;
    PB_SET(&req, guild_id, guild_id);
    req.query = (char *)query;
    req.user_ids = (uint64_t *)ids;
    req.n_user_ids = n_ids;
    PB_SET(&req, limit, limit);
    PB_SET(&req, after, after);
    status st = feeds_handlers.search_members(c, &req, &r);
    if (st != ST_OK)
        return status_row(st)->name;
    ck_assert(r.has_head && r.generation && r.joined_by > 0);
    const char *text = "";
    for (size_t i = 0; i < r.n_members; i++)
        text = arena_printf(fixture.arena, "%s%llu ", text, (unsigned long long)r.members[i]->user->id);
    return arena_printf(fixture.arena, "%sof %u", text, r.total);
}

START_TEST(members_are_found_by_id_by_name_and_all_by_pages)
{
    fixture_exec(&fixture,
                 "UPDATE users SET global_name = '\xc3\x84rger_100%' WHERE id = 101;"
                 "INSERT INTO users (id, username) VALUES (110, 'nickel'), (111, 'Member2'), (112, 'outside');"
                 "INSERT INTO members (guild_id, user_id) VALUES (1000, 110), (1000, 111)");
    const uint64_t ids[] = {102, 103, 999, 101};
    ck_assert_str_eq(search(FIXTURE_GUILD, NULL, ids, 4, 100, 0), "101 102 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "nIck", NULL, 0, 100, 0), "102 110 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "nIck", NULL, 0, 1, 0), "102 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "member", NULL, 0, 100, 0), "102 111 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "\xc3\xa4rger_", NULL, 0, 100, 0), "101 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "%", NULL, 0, 100, 0), "of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "out", NULL, 0, 100, 0), "of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "", NULL, 0, 3, 0), "101 102 110 of 2");
    ck_assert_str_eq(search(FIXTURE_GUILD, "", NULL, 0, 3, 110), "111 of 2");
    ck_assert_str_eq(search(55, "", NULL, 0, 3, 0), "UNKNOWN_GUILD");
}
END_TEST

START_TEST(who_joins_while_pages_are_read_is_in_none)
{
    CALL_FAKED struct call *c = fixture_call(&fixture, 0);
    Hubbub__V1__SearchMembersRequest req = HUBBUB__V1__SEARCH_MEMBERS_REQUEST__INIT;
    Hubbub__V1__SearchMembersResponse first = HUBBUB__V1__SEARCH_MEMBERS_RESPONSE__INIT,
                                      second = HUBBUB__V1__SEARCH_MEMBERS_RESPONSE__INIT;
    PB_SET(&req, guild_id, FIXTURE_GUILD);
    PB_SET(&req, limit, 1);
    ck_assert_int_eq(feeds_handlers.search_members(c, &req, &first), ST_OK);
    usleep(5000);
    fixture_exec(&fixture, "INSERT INTO users (id, username) VALUES (120, 'late');"
                           "INSERT INTO members (guild_id, user_id) VALUES (1000, 120)");
    PB_SET(&req, limit, 10);
    PB_SET(&req, after, first.members[0]->user->id);
    PB_SET(&req, joined_by, first.joined_by);
    ck_assert_int_eq(feeds_handlers.search_members(c, &req, &second), ST_OK);
    ck_assert_uint_eq(second.n_members, 1);
    ck_assert_uint_eq(second.members[0]->user->id, FIXTURE_MEMBER);
}
END_TEST

int main(void)
{
    log_init("feed_store_test", "error");
    postgres_start();
    TCase *t = tcase_create("feeds");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_digest_misses_no_overlapping_transaction);
    tcase_add_test(t, folded_digests_know_every_head);
    tcase_add_test(t, a_flight_with_a_higher_token_is_not_shared);
    tcase_add_test(t, a_truncated_slot_lapses_older_tokens);
    tcase_add_test(t, a_range_joins_messages_and_consumes_the_gone);
    tcase_add_test(t, a_snapshot_shows_the_guild_at_its_head);
    tcase_add_test(t, a_session_opens_with_its_guilds);
    tcase_add_test(t, a_member_is_read_with_the_head);
    tcase_add_test(t, members_are_found_by_id_by_name_and_all_by_pages);
    tcase_add_test(t, who_joins_while_pages_are_read_is_in_none);
    Suite *s = suite_create("services/chat feeds");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
