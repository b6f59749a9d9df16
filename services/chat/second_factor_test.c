/* Goal: codes are those of RFC 6238, count once whoever comes at the same time, and cannot be guessed for long. */
#include "lib/base/clock.h"
#include "services/chat/second_factor.h"
#include "services/chat/testing/world.h"
#include "services/chat/seal.h"
#include "services/chat/totp.h"
#include <check.h>
#include <liboath/oath.h>
#include <stdio.h>
#include <string.h>

#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" /* "12345678901234567890", as in the RFC */

static const char bytes[] = "12345678901234567890";

static void code_at(int64_t now_s, char ret[7])
{
    ck_assert_int_eq(oath_totp_generate(bytes, 20, (time_t)now_s, 30, 0, 6, ret), OATH_OK);
}

START_TEST(test_codes)
{
    struct arena *a = arena_create(0);
    const uint8_t *secret;
    size_t n;
    int64_t step = -1;
    ck_assert(totp_read_secret(a, "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", &secret, &n));
    ck_assert_uint_eq(n, 20);
    ck_assert_int_eq(memcmp(secret, bytes, 20), 0);
    static const struct {
        int64_t at;
        const char *code;
    } rfc[] = {{59, "287082"}, {1111111109, "081804"}, {1234567890, "005924"}, {20000000000, "353130"}};
    for (size_t i = 0; i < sizeof rfc / sizeof *rfc; i++) {
        ck_assert(totp_match(secret, n, rfc[i].code, rfc[i].at, &step));
        ck_assert_int_eq(step, rfc[i].at / 30);
        ck_assert(totp_match(secret, n, rfc[i].code, rfc[i].at + 30, &step));
        ck_assert(totp_match(secret, n, rfc[i].code, rfc[i].at - 30, &step));
        ck_assert_int_eq(step, rfc[i].at / 30);
        ck_assert(!totp_match(secret, n, rfc[i].code, rfc[i].at + 60, &step));
        if (rfc[i].at >= 60)
            ck_assert(!totp_match(secret, n, rfc[i].code, rfc[i].at - 60, &step));
    }
    static const char *const none[] = {"", "28708", "2870822", " 87082", "28708a", "-87082", "+87082"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert(!totp_match(secret, n, none[i], 59, &step));
    ck_assert(!totp_read_secret(a, "", &secret, &n));
    ck_assert(!totp_read_secret(a, "GEZDGNBVGY3TQOI=", &secret, &n)); /* 9 bytes */
    ck_assert(totp_read_secret(a, "GEZDGNBVGY3TQOJQ", &secret, &n));  /* 10 */
    char text[129] = "";
    memset(text, 'A', 104);
    ck_assert(!totp_read_secret(a, text, &secret, &n)); /* 65 bytes */
    text[103] = '=';
    ck_assert(totp_read_secret(a, text, &secret, &n)); /* 64 */
    arena_destroy(a);
}
END_TEST

static uint64_t anna;
static char *recovery;

static void enrol(void)
{
    char code[7];
    world_clear();
    anna = world_person("anna");
    code_at(clock_wall_ms() / 1000, code);
    Hubbub__V1__EnableTotpRequest req = HUBBUB__V1__ENABLE_TOTP_REQUEST__INIT;
    Hubbub__V1__EnableTotpResponse resp = HUBBUB__V1__ENABLE_TOTP_RESPONSE__INIT;
    req.password = "password of anna";
    req.secret = SECRET;
    req.code = code;
    ck_assert_int_eq(DO(anna, second_factor, enable, &req, &resp), ST_OK);
    ck_assert_uint_eq(resp.n_backup_codes, RECOVERY_CODES);
    recovery = resp.backup_codes[0]->code;
}

static char *ticket(void)
{
    Hubbub__V1__LoginRequest req = HUBBUB__V1__LOGIN_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.login = "anna";
    req.password = "password of anna";
    ck_assert_int_eq(DO(0, accounts, login, &req, &resp), ST_OK);
    ck_assert_ptr_null(resp.token);
    return resp.ticket;
}

static status finish(const char *ticket, const char *code)
{
    Hubbub__V1__FinishLoginRequest req = HUBBUB__V1__FINISH_LOGIN_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.ticket = (char *)ticket;
    req.code = (char *)code;
    return DO(0, second_factor, finish_login, &req, &resp);
}

static char *tickets[4];
static char raced[16];
static status outcomes[8];
static void finish_raced(unsigned i)
{
    outcomes[i] = finish(tickets[i % 4], raced);
}

static void check_one_wins(const char *code)
{
    unsigned ok = 0;
    for (int i = 0; i < 4; i++)
        tickets[i] = ticket();
    snprintf(raced, sizeof raced, "%s", code);
    world_number("UPDATE totp SET failures = 0 WHERE user_id = $1 AND $2 = 0::bigint RETURNING 1", anna, 0);
    world_race(4, finish_raced);
    for (int i = 0; i < 4; i++) {
        ok += outcomes[i] == ST_OK;
        ck_assert(outcomes[i] == ST_OK || outcomes[i] == ST_MFA_BAD_CODE);
    }
    ck_assert_uint_eq(ok, 1);
}

START_TEST(test_counts_once)
{
    char code[7];
    enrol();
    code_at(clock_wall_ms() / 1000 + 30, code);
    check_one_wins(code);
    check_one_wins(recovery);
    char *one = ticket();
    for (int i = 0; i < 4; i++)
        tickets[i] = one;
    world_number("UPDATE totp SET failures = 0, last_step = 0 WHERE user_id = $1 AND $2 = 0::bigint RETURNING 1", anna,
                 0);
    code_at(clock_wall_ms() / 1000 + 30, raced);
    world_race(2, finish_raced);
    ck_assert((outcomes[0] == ST_OK) != (outcomes[1] == ST_OK));
}
END_TEST

static void guess(unsigned i)
{
    outcomes[i] = finish(tickets[0], "000000");
}

START_TEST(test_guesses_are_counted_whoever_comes_at_once)
{
    enrol();
    tickets[0] = ticket();
    world_race(8, guess);
    unsigned wrong = 0, locked = 0;
    for (int i = 0; i < 8; i++) {
        wrong += outcomes[i] == ST_MFA_BAD_CODE;
        locked += outcomes[i] == ST_RATE_LIMITED;
    }
    ck_assert_uint_eq(wrong, SECOND_FACTOR_FAILURES);
    ck_assert_uint_eq(locked, 8 - SECOND_FACTOR_FAILURES);
    ck_assert_int_eq(finish(tickets[0], recovery), ST_RATE_LIMITED);
    ck_assert(call_fake_retry_after(world_last) > (SECOND_FACTOR_WINDOW_S - 60) * 1000);
}
END_TEST

/* A user's tickets of one purpose are bounded, and end when the time is over. */
START_TEST(test_tickets_end)
{
    enrol();
    char *first = ticket();
    for (int i = 0; i < 5; i++)
        tickets[i % 4] = ticket();
    ck_assert_int_eq(world_number("SELECT count(*) FROM tickets WHERE user_id = $1 AND $2 = 0::bigint", anna, 0), 5);
    ck_assert_int_eq(finish(first, recovery), ST_MFA_BAD_TICKET);
    world_number("UPDATE tickets SET expires_at = clock_timestamp() WHERE user_id = $1 AND $2 = 0::bigint RETURNING 1",
                 anna, 0);
    ck_assert_int_eq(finish(tickets[0], recovery), ST_MFA_BAD_TICKET);
}
END_TEST

static int64_t count_sealed(void)
{
    return world_number("SELECT count(*) FROM totp WHERE user_id = $1 AND $2 = 0::bigint AND sealed IS NOT NULL AND "
                        "secret = ''",
                        anna, 0);
}

static status finish_by_code(void)
{
    char code[7];
    world_number("UPDATE totp SET failures = 0, last_step = 0 WHERE user_id = $1 AND $2 = 0::bigint RETURNING 1", anna,
                 0);
    code_at(clock_wall_ms() / 1000, code);
    return finish(ticket(), code);
}

START_TEST(test_secret_is_sealed)
{
    static const uint8_t key[SEAL_KEY_N] = {1}, other[SEAL_KEY_N] = {2};
    world->config.seal_key = key;
    enrol();
    ck_assert_int_eq(count_sealed(), 1);
    ck_assert_int_eq(finish_by_code(), ST_OK);
    world->config.seal_key = other;
    ck_assert_int_eq(finish_by_code(), ST_INTERNAL);
    world->config.seal_key = NULL;
    ck_assert_int_eq(finish_by_code(), ST_INTERNAL);
    ck_assert_int_eq(finish(ticket(), recovery), ST_OK);
}
END_TEST

START_TEST(test_what_lies_open_is_sealed_in_time)
{
    static const uint8_t key[SEAL_KEY_N] = {1};
    bool more;
    world->config.seal_key = NULL;
    enrol();
    ck_assert_int_eq(second_factor_seal_some(world_call(0, false), &more), ST_OK);
    ck_assert_int_eq(count_sealed(), 0);
    world->config.seal_key = key;
    world->config.seal_after_ms = 3600 * 1000; /* an older version may still be there */
    ck_assert_int_eq(second_factor_seal_some(world_call(0, false), &more), ST_OK);
    ck_assert_int_eq(count_sealed(), 0);
    ck_assert_int_eq(finish_by_code(), ST_OK);
    world->config.seal_after_ms = 0;
    ck_assert_int_eq(second_factor_seal_some(world_call(0, false), &more), ST_OK);
    ck_assert(!more);
    ck_assert_int_eq(count_sealed(), 1);
    ck_assert_int_eq(finish_by_code(), ST_OK);
    world->config.seal_key = NULL;
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"codes", test_codes},
        {"counts once", test_counts_once},
        {"guesses", test_guesses_are_counted_whoever_comes_at_once},
        {"tickets", test_tickets_end},
        {"sealed", test_secret_is_sealed},
        {"sealed in time", test_what_lies_open_is_sealed_in_time},
    };
    return world_run("second factor", tests, sizeof tests / sizeof *tests);
}
