/* Goal: the outbox takes a row for nobody as for somebody, is bounded, and is closed where no mail is sent. Mails
 * themselves: tests/e2e/accounts.test.js. */
#include "services/chat/outbox.h"
#include "services/chat/testing/world.h"
#include <check.h>

static status forgot(const char *login)
{
    Hubbub__V1__ForgotPasswordRequest req = HUBBUB__V1__FORGOT_PASSWORD_REQUEST__INIT;
    Hubbub__V1__Empty resp = HUBBUB__V1__EMPTY__INIT;
    req.login = (char *)login;
    return DO(0, emails, forgot, &req, &resp);
}

static int64_t rows_for(uint64_t user_id)
{
    return world_number("SELECT count(*) FROM outbox WHERE coalesce(user_id, 0) = $1 AND kind = $2", user_id,
                        OUTBOX_RESET);
}

static void start(void)
{
    world_clear();
    world_number("WITH x AS (DELETE FROM outbox WHERE $1 = $2::bigint RETURNING 1) SELECT count(*) FROM x", 0, 0);
    world->config.mail.url = "smtp://127.0.0.1:1"; /* nothing is sent: no mailer runs */
}

START_TEST(test_nobody_is_written_too)
{
    start();
    uint64_t anna = world_quick_person("anna"), ben = world_quick_person("ben");
    world_number("WITH x AS (UPDATE users SET email = 'anna@example.org' WHERE id = $1 AND $2 = 0::bigint RETURNING 1) "
                 "SELECT count(*) FROM x",
                 anna, 0);
    ck_assert_int_eq(forgot("ANNA"), ST_OK);
    ck_assert_int_eq(forgot("Anna@Example.org"), ST_OK);
    ck_assert_int_eq(rows_for(anna), 2);
    ck_assert_int_eq(forgot("ben"), ST_OK); /* has no address */
    ck_assert_int_eq(forgot("nobody"), ST_OK);
    ck_assert_int_eq(rows_for(ben), 0);
    ck_assert_int_eq(rows_for(0), 2);
}
END_TEST

START_TEST(test_is_bounded)
{
    start();
    world_number(
        "WITH x AS (INSERT INTO outbox (kind) SELECT $1 FROM generate_series(1, $2) RETURNING 1) SELECT count(*) "
        "FROM x",
        OUTBOX_RESET, OUTBOX_MAX - 1);
    ck_assert_int_eq(forgot("nobody"), ST_OK);
    ck_assert_int_eq(forgot("nobody"), ST_OVERLOADED);
    ck_assert_int_eq(rows_for(0), OUTBOX_MAX);
}
END_TEST

START_TEST(test_is_closed_without_a_server)
{
    start();
    uint64_t anna = world_quick_person("anna");
    Hubbub__V1__Empty req = HUBBUB__V1__EMPTY__INIT, resp = HUBBUB__V1__EMPTY__INIT;
    world->config.mail.url = "";
    ck_assert_int_eq(forgot("anna"), ST_MAIL_OFF);
    ck_assert_int_eq(DO(anna, emails, resend, &req, &resp), ST_MAIL_OFF);
    ck_assert_int_eq(rows_for(0) + rows_for(anna), 0);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"nobody", test_nobody_is_written_too},
        {"bounded", test_is_bounded},
        {"closed", test_is_closed_without_a_server},
    };
    return world_run("emails", tests, sizeof tests / sizeof *tests);
}
