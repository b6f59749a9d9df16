/* Goal: a profile is shown to who has something in common with the user, and to nobody else; notes are one's own. */
#include "services/chat/profiles.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <string.h>

static struct {
    uint64_t anna, ben, carl, guild;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.anna = world_quick_person("anna");
    cast.ben = world_quick_person("ben");
    cast.carl = world_quick_person("carl");
    cast.guild = world_guild(cast.anna);
    world_join(cast.guild, cast.ben);
}

static void relate(uint64_t who, uint64_t other)
{
    Hubbub__V1__PutRelationshipRequest req = HUBBUB__V1__PUT_RELATIONSHIP_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, user_id, other);
    ck_assert_int_eq(DO(who, relationships, put, &req, &none), ST_OK);
}

static status look(uint64_t who, uint64_t other, Hubbub__V1__Profile *ret)
{
    Hubbub__V1__ProfileRequest req = HUBBUB__V1__PROFILE_REQUEST__INIT;
    hubbub__v1__profile__init(ret);
    PB_SET(&req, user_id, other);
    PB_SET(&req, with_mutual_friends, true);
    PB_SET(&req, guild_id, cast.guild);
    return DO(who, profiles, get, &req, ret);
}

START_TEST(test_profiles)
{
    set_stage();
    Hubbub__V1__Profile p;
    Hubbub__V1__EditMeRequest req = HUBBUB__V1__EDIT_ME_REQUEST__INIT;
    Hubbub__V1__Me me = HUBBUB__V1__ME__INIT;
    uint32_t both[] = {100, 101}, one[] = {100};
    req.bio = "sails";
    req.pronouns = "she/her";
    req.present = both;
    req.n_present = 2;
    ck_assert_int_eq(DO(cast.anna, accounts, edit_me, &req, &me), ST_OK);
    ck_assert_int_eq(look(cast.ben, cast.anna, &p), ST_OK);
    ck_assert_str_eq(p.user_profile->bio, "sails");
    ck_assert_str_eq(p.user_profile->pronouns, "she/her");
    ck_assert_uint_eq(p.n_mutual_guilds, 1);
    ck_assert_uint_eq(p.mutual_guilds[0]->id, cast.guild);
    ck_assert_uint_eq(p.guild_member->user->id, cast.anna);
    ck_assert_int_eq(look(cast.carl, cast.anna, &p), ST_MISSING_ACCESS);
    relate(cast.anna, cast.carl);
    ck_assert_int_eq(look(cast.carl, cast.anna, &p), ST_OK); /* who asks may be looked at */
    ck_assert_uint_eq(p.n_mutual_guilds, 0);
    ck_assert_ptr_null(p.guild_member); /* of a guild that Carl is not in */
    ck_assert_int_eq(p.mutual_friends_count, 0);
    relate(cast.carl, cast.anna);
    relate(cast.ben, cast.carl);
    relate(cast.carl, cast.ben);
    ck_assert_int_eq(look(cast.ben, cast.anna, &p), ST_OK);
    ck_assert_uint_eq(p.n_mutual_friends, 1);
    ck_assert_uint_eq(p.mutual_friends[0]->id, cast.carl);
    req.bio = NULL;
    req.present = one;
    req.n_present = 1;
    ck_assert_int_eq(DO(cast.anna, accounts, edit_me, &req, &me), ST_OK);
    ck_assert_int_eq(look(cast.anna, cast.anna, &p), ST_OK);
    ck_assert_str_eq(p.user_profile->bio, "");
    ck_assert_str_eq(p.user_profile->pronouns, "she/her");
    ck_assert_int_eq(look(cast.anna, 12345, &p), ST_UNKNOWN_USER);
}
END_TEST

static status put(uint64_t about, const char *text)
{
    Hubbub__V1__PutNoteRequest req = HUBBUB__V1__PUT_NOTE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, user_id, about);
    req.note = (char *)text;
    return DO(cast.anna, profiles, put_note, &req, &none);
}

static status read_note(uint64_t who, Hubbub__V1__Note *ret)
{
    Hubbub__V1__UserRequest req = HUBBUB__V1__USER_REQUEST__INIT;
    hubbub__v1__note__init(ret);
    PB_SET(&req, user_id, cast.ben);
    return DO(who, profiles, get_note, &req, ret);
}

START_TEST(test_notes)
{
    set_stage();
    Hubbub__V1__Note note;
    char text[2 * NOTE_LENGTH_MAX + 3];
    for (int i = 0; i <= NOTE_LENGTH_MAX; i++)
        memcpy(text + 2 * i, "\xc3\xa4", 3); /* two bytes, one character */
    ck_assert_int_eq(put(cast.ben, text), ST_NOTE_TOO_LONG);
    text[2 * NOTE_LENGTH_MAX] = 0;
    ck_assert_int_eq(put(cast.ben, text), ST_OK);
    ck_assert_int_eq(put(cast.ben, "owes me a tea"), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_str_eq(world_entry(0)->event->user_note_update->note, "owes me a tea");
    ck_assert_int_eq(read_note(cast.anna, &note), ST_OK);
    ck_assert_str_eq(note.note, "owes me a tea");
    ck_assert_uint_eq(note.note_user_id, cast.ben);
    ck_assert_int_eq(read_note(cast.carl, &note), ST_UNKNOWN_USER);
    ck_assert_int_eq(put(cast.ben, NULL), ST_OK);
    ck_assert_int_eq(read_note(cast.anna, &note), ST_UNKNOWN_USER);
    ck_assert_int_eq(put(12345, "who"), ST_UNKNOWN_USER);
    world_number(
        "WITH u AS (INSERT INTO users (id, username) SELECT 7000 + n, 'noted' || n FROM generate_series(1, $2) "
        "n RETURNING id), r AS (INSERT INTO notes (user_id, other_id, note) SELECT $1, id, 'x' FROM u) SELECT 1",
        cast.anna, NOTES_MAX);
    ck_assert_int_eq(put(cast.ben, "one more"), ST_MAX_NOTES);
    ck_assert_int_eq(put(7001, "another"), ST_OK);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {{"profiles", test_profiles}, {"notes", test_notes}};
    return world_run("profiles", tests, sizeof tests / sizeof *tests);
}
