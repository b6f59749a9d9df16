/* Goal: permission_compute is the computation of PROTOCOL section 14, whatever the roles and overwrites: compared with
 * a model that is written bit by bit, over 40,000 seeded cases. A failure prints its seed; HUBBUB_SEED=n replays. */
#include "lib/permission/permission.h"
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { GUILD = 1, USER = 2, ROLE_FIRST = 10, ROLES_MAX = 6, OVERWRITES_MAX = 10 };

static uint64_t state;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(0x2545F4914F6CDD1D);
}
static uint64_t below(uint64_t n)
{
    return (next_random() >> 11) % n;
}
/* Few bits, many bits, or those that other rules hang on. */
static uint64_t random_bits(void)
{
    uint64_t bits = next_random() & next_random() & PERM_ALL;
    if (below(3) == 0)
        bits |= next_random() & (PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES | PERM_CONNECT);
    if (below(10))
        bits &= ~PERM_ADMINISTRATOR;
    return bits;
}

struct scene {
    struct permission_subject who;
    uint64_t everyone, role_bits[ROLES_MAX], roles[ROLES_MAX];
    int channel_type;
    size_t n;
    struct permission_overwrite overwrites[OVERWRITES_MAX];
};

static void make_scene(struct scene *s)
{
    static const int types[] = {CHANNEL_TEXT, CHANNEL_VOICE, CHANNEL_CATEGORY, CHANNEL_STAGE};
    *s = (struct scene){.everyone = random_bits(), .channel_type = types[below(4)], .n = below(OVERWRITES_MAX + 1)};
    s->who = (struct permission_subject){
        .user_id = USER, .guild_id = GUILD, .owner = below(20) == 0, .timed_out = below(5) == 0};
    s->who.n_roles = below(ROLES_MAX + 1);
    s->who.roles = s->roles;
    s->who.base = s->everyone;
    for (size_t i = 0; i < s->who.n_roles; i++) {
        s->roles[i] = ROLE_FIRST + i;
        s->role_bits[i] = random_bits();
        s->who.base |= s->role_bits[i];
    }
    for (size_t i = 0; i < s->n; i++) {
        struct permission_overwrite *o = &s->overwrites[i];
        o->member = below(3) == 0;
        o->target_id = o->member ? USER + below(2) * 100 : below(3) == 0 ? GUILD : ROLE_FIRST + below(ROLES_MAX + 2);
        o->allow = random_bits();
        o->deny = random_bits();
    }
}

/* ---- The model: one bit at a time ------------------------------------------------------------------------------ */

static bool touches_everyone(const struct scene *s, const struct permission_overwrite *o)
{
    return !o->member && o->target_id == GUILD;
}
static bool touches_role(const struct scene *s, const struct permission_overwrite *o)
{
    for (size_t i = 0; i < s->who.n_roles; i++)
        if (!o->member && o->target_id == s->roles[i])
            return true;
    return false;
}
static bool touches_member(const struct scene *s, const struct permission_overwrite *o)
{
    return o->member && o->target_id == USER;
}

static bool step(const struct scene *s, bool (*touches)(const struct scene *, const struct permission_overwrite *),
                 int bit, bool now)
{
    bool allowed = false, denied = false;
    for (size_t i = 0; i < s->n; i++)
        if (touches(s, &s->overwrites[i])) {
            allowed |= s->overwrites[i].allow >> bit & 1;
            denied |= s->overwrites[i].deny >> bit & 1;
        }
    return allowed ? true : denied ? false : now;
}

static bool model_raw(const struct scene *s, int bit)
{
    bool now = s->everyone >> bit & 1;
    for (size_t i = 0; i < s->who.n_roles; i++)
        now |= s->role_bits[i] >> bit & 1;
    now = step(s, touches_everyone, bit, now);
    now = step(s, touches_role, bit, now);
    now = step(s, touches_member, bit, now);
    if (bit == PERM_BIT_ADMINISTRATOR)
        now = false;
    if (s->who.timed_out && bit != PERM_BIT_VIEW_CHANNEL && bit != PERM_BIT_READ_MESSAGE_HISTORY)
        now = false;
    return now;
}

static bool model(const struct scene *s, int bit)
{
    static const int sends[] = {PERM_BIT_MENTION_EVERYONE, PERM_BIT_SEND_TTS_MESSAGES, PERM_BIT_ATTACH_FILES,
                                PERM_BIT_EMBED_LINKS};
    bool admin = s->everyone & PERM_ADMINISTRATOR;
    for (size_t i = 0; i < s->who.n_roles; i++)
        admin |= (s->role_bits[i] & PERM_ADMINISTRATOR) != 0;
    if (s->who.owner || admin)
        return PERM_ALL >> bit & 1;
    if (!model_raw(s, PERM_BIT_VIEW_CHANNEL))
        return false;
    for (size_t i = 0; i < sizeof sends / sizeof *sends; i++)
        if (bit == sends[i] && !model_raw(s, PERM_BIT_SEND_MESSAGES))
            return false;
    bool voice = s->channel_type == CHANNEL_VOICE || s->channel_type == CHANNEL_STAGE;
    if (voice && !model_raw(s, PERM_BIT_CONNECT) &&
        (bit == PERM_BIT_SPEAK || bit == PERM_BIT_MANAGE_CHANNELS || bit == PERM_BIT_STREAM))
        return false;
    return model_raw(s, bit);
}

/* Bits that hang on CONNECT beyond those that the model names. */
static bool left_to_table(const struct scene *s, int bit)
{
    static const int bits[] = {PERM_BIT_MANAGE_ROLES,
                               PERM_BIT_PRIORITY_SPEAKER,
                               PERM_BIT_MUTE_MEMBERS,
                               PERM_BIT_DEAFEN_MEMBERS,
                               PERM_BIT_MOVE_MEMBERS,
                               PERM_BIT_USE_VAD,
                               PERM_BIT_REQUEST_TO_SPEAK,
                               PERM_BIT_MANAGE_EVENTS,
                               PERM_BIT_CREATE_EVENTS,
                               PERM_BIT_USE_EMBEDDED_ACTIVITIES,
                               PERM_BIT_USE_SOUNDBOARD,
                               PERM_BIT_USE_EXTERNAL_SOUNDS,
                               PERM_BIT_SET_VOICE_CHANNEL_STATUS};
    if (model_raw(s, PERM_BIT_CONNECT) || s->channel_type == CHANNEL_TEXT || s->channel_type == CHANNEL_CATEGORY)
        return false;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (bits[i] == bit)
            return true;
    return false;
}

START_TEST(test_against_model)
{
    const char *given = getenv("HUBBUB_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1, last = given ? first : 40000;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct scene s;
        struct permission_sums sums = {0};
        state = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
        make_scene(&s);
        permission_gather(&s.who, s.overwrites, s.n, &sums);
        uint64_t got = permission_compute(&s.who, s.channel_type, &sums);
        for (int bit = 0; bit < 64; bit++)
            if (!left_to_table(&s, bit) || s.who.owner)
                ck_assert_msg((got >> bit & 1) == model(&s, bit), "seed %" PRIu64 ", bit %d", seed, bit);
    }
}
END_TEST

/* ---- Facts that a reader of section 14 can check by eye -------------------------------------------------------- */

static uint64_t compute(struct permission_subject who, int type, const struct permission_overwrite *o, size_t n)
{
    struct permission_sums sums = {0};
    permission_gather(&who, o, n, &sums);
    return permission_compute(&who, type, &sums);
}

START_TEST(test_facts)
{
    const uint64_t role = ROLE_FIRST;
    struct permission_subject who = {USER, GUILD, false, false, PERM_DEFAULT, &role, 1};
    const struct permission_overwrite deny_all[] = {{GUILD, false, 0, PERM_ALL}};
    const struct permission_overwrite role_lets_in[] = {{GUILD, false, 0, PERM_ALL},
                                                        {ROLE_FIRST, false, PERM_VIEW_CHANNEL, 0}};
    const struct permission_overwrite becomes_admin[] = {{USER, true, PERM_ADMINISTRATOR, 0}};
    const struct permission_overwrite no_connect[] = {{GUILD, false, 0, PERM_CONNECT}};
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, deny_all, 1), 0);
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, role_lets_in, 2), PERM_VIEW_CHANNEL);
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, becomes_admin, 1) & PERM_ADMINISTRATOR, 0);
    ck_assert_uint_eq(compute(who, CHANNEL_VOICE, no_connect, 1) & (PERM_CONNECT | PERM_(SPEAK)), 0);
    ck_assert_uint_ne(compute(who, CHANNEL_VOICE, no_connect, 1) & PERM_SEND_MESSAGES, 0);
    who.timed_out = true;
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, NULL, 0), PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY);
    ck_assert_uint_eq(permission_in_guild(&who), PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY);
    who.owner = true;
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, deny_all, 1), PERM_ALL);
    who.owner = false;
    who.base |= PERM_ADMINISTRATOR;
    ck_assert_uint_eq(compute(who, CHANNEL_TEXT, deny_all, 1), PERM_ALL);
    ck_assert_uint_eq(PERM_ALL >> 53, 0);
    ck_assert_uint_eq(PERM_ALL >> 47 & 1, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("permission");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_against_model);
    tcase_add_test(tc, test_facts);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
