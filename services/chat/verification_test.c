/* Goal: each verification level keeps from speaking and reacting exactly whom it says, until the very second, and
 * nobody who was given a role; raising it fences what is under way. */
#include "services/chat/testing/world.h"
#include "services/chat/verification.h"

static struct {
    uint64_t owner, person, guild, channel, message;
} cast;

static status send_from(uint64_t user, Hubbub__V1__Message *ret)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, cast.channel);
    req.content = "hello";
    return DO(user, messages, create, &req, ret);
}

static status say(uint64_t user)
{
    Hubbub__V1__Message sent = HUBBUB__V1__MESSAGE__INIT;
    return send_from(user, &sent);
}

static status react(uint64_t user)
{
    Hubbub__V1__ReactionRequest req = HUBBUB__V1__REACTION_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, cast.channel);
    PB_SET(&req, message_id, cast.message);
    req.emoji = "\xf0\x9f\x91\x8d";
    return DO(user, reactions, add, &req, &none);
}

static void set_level(int level)
{
    Hubbub__V1__EditGuildRequest req = HUBBUB__V1__EDIT_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild guild = HUBBUB__V1__GUILD__INIT;
    uint32_t present[] = {4};
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, verification_level, level);
    req.n_present = 1;
    req.present = present;
    ck_assert_int_eq(DO(cast.owner, guilds, edit, &req, &guild), ST_OK);
    ck_assert_int_eq(guild.verification_level, level);
}

static void set_ages(uint64_t account_s, uint64_t member_s)
{
    world_number("WITH x AS (UPDATE users SET created_at = clock_timestamp() - make_interval(secs => $2) WHERE id = $1 "
                 "RETURNING 1) SELECT count(*) FROM x",
                 cast.person, account_s);
    world_number(
        "WITH x AS (UPDATE members SET joined_at = clock_timestamp() - make_interval(secs => $2) WHERE user_id "
        "= $1 RETURNING 1) SELECT count(*) FROM x",
        cast.person, member_s);
}

static void set_verified(bool verified)
{
    world_number("WITH x AS (UPDATE users SET verified = $2 = 1 WHERE id = $1 RETURNING 1) SELECT count(*) FROM x",
                 cast.person, verified);
}

static void set_stage(void)
{
    Hubbub__V1__Message first = HUBBUB__V1__MESSAGE__INIT;
    world_clear();
    cast.owner = world_quick_person("owner");
    cast.person = world_quick_person("person");
    cast.guild = world_guild(cast.owner);
    cast.channel = world_text_channel(cast.guild);
    world_join(cast.guild, cast.person);
    ck_assert_int_eq(send_from(cast.owner, &first), ST_OK);
    cast.message = first.id;
}

START_TEST(test_levels)
{
    enum { NEW = 1, OLD = 100000, MARGIN = 20 };
    static const struct {
        int level;
        bool verified;
        uint64_t account_s, member_s;
        status expected;
    } rows[] = {
        {0, false, NEW, NEW, ST_OK},
        {1, false, OLD, OLD, ST_VERIFY_ACCOUNT},
        {1, true, NEW, NEW, ST_OK},
        {2, false, OLD, OLD, ST_VERIFY_ACCOUNT},
        {2, true, VERIFICATION_ACCOUNT_S - MARGIN, OLD, ST_VERIFICATION_LEVEL},
        {2, true, VERIFICATION_ACCOUNT_S, NEW, ST_OK},
        {3, false, OLD, OLD, ST_VERIFY_ACCOUNT},
        {3, true, VERIFICATION_ACCOUNT_S - MARGIN, OLD, ST_VERIFICATION_LEVEL},
        {3, true, OLD, VERIFICATION_MEMBER_S - MARGIN, ST_VERIFICATION_LEVEL},
        {3, true, OLD, VERIFICATION_MEMBER_S, ST_OK},
        {4, true, OLD, OLD, ST_VERIFICATION_LEVEL},
    };
    set_stage();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set_level(rows[i].level);
        set_ages(rows[i].account_s, rows[i].member_s);
        set_verified(rows[i].verified);
        ck_assert_msg(say(cast.person) == rows[i].expected, "sending, row %zu", i);
        ck_assert_msg(react(cast.person) == rows[i].expected, "reacting, row %zu", i);
        ck_assert_int_eq(say(cast.owner), ST_OK);
    }
}
END_TEST

START_TEST(test_exempt)
{
    set_stage();
    set_level(4);
    set_ages(1, 1);
    set_verified(false);
    ck_assert_int_eq(say(cast.person), ST_VERIFY_ACCOUNT);
    world_give(cast.guild, cast.owner, cast.person, world_role(cast.guild, cast.owner, 0));
    ck_assert_int_eq(say(cast.person), ST_OK);
    ck_assert_int_eq(react(cast.person), ST_OK);
}
END_TEST

START_TEST(test_fence)
{
    static const char epoch[] = "SELECT epoch FROM feeds WHERE scope_id = $1 AND $2 = 0::bigint";
    set_stage();
    int64_t before = world_number(epoch, cast.guild, 0);
    set_level(3);
    ck_assert_int_eq(world_number(epoch, cast.guild, 0), before + 1);
    set_level(1); /* nobody loses anything */
    ck_assert_int_eq(world_number(epoch, cast.guild, 0), before + 1);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"levels", test_levels},
        {"who is exempt", test_exempt},
        {"the fence", test_fence},
    };
    return world_run("verification", tests, sizeof tests / sizeof *tests);
}
