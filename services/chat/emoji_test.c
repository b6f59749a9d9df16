/* What counts as one emoji of Unicode. */
#include "services/chat/emoji.h"
#include <check.h>
#include <stdlib.h>

static const struct {
    const char *text;
    bool is;
} rows[] = {
    {"👍", true},
    {"👍🏽", true},
    {"❤", true},
    {"❤️", true},
    {"™", true},
    {"‼️", true},
    {"↔", true},
    {"🇩🇪", true},
    {"1️⃣", true},
    {"#⃣", true},
    {"👩‍👩‍👧‍👦", true},
    {"🏴󠁧󠁢󠁳󠁣󠁴󠁿", true},
    {"🏳️‍🌈", true},
    {"🏽", true},
    {"", false},
    {"a", false},
    {"1", false},
    {"1️", false},
    {"é", false},
    {"中", false},
    {"👍👍", false},
    {"👍a", false},
    {"🇩", false},
    {"🇩🇪🇩", false},
    {"party:123", false},
    {"\xf0\x9f\x91", false},
    {"‍", false},
};

START_TEST(one_emoji_or_none)
{
    ck_assert_msg(emoji_is_unicode(rows[_i].text) == rows[_i].is, "%s", rows[_i].text);
}
END_TEST

START_TEST(a_long_one_is_none)
{
    char text[200], *at = text;
    for (int i = 0; i < 33; i++)
        for (const char *s = i ? "\xf3\xa0\x81\xa7" : "\xf0\x9f\x8f\xb4"; *s; s++) /* tags behind a flag */
            *at++ = *s;
    *at = '\0';
    ck_assert(!emoji_is_unicode(text));
    at[-4] = '\0';
    ck_assert(emoji_is_unicode(text));
    ck_assert(!emoji_is_unicode(NULL));
}
END_TEST

static const struct {
    const char *text, *key; /* NULL: no emoji */
    uint64_t id;
} keys[] = {
    {"👍", "👍", 0},
    {"1️⃣", "1️⃣", 0},
    {"party:123", "123", 123},
    {"a:party:123", "123", 123},
    {"a:123", "123", 123},
    {"party_2:0042", "42", 42},
    {"p:9223372036854775807", "9223372036854775807", INT64_MAX},
    {"p:9223372036854775808", NULL, 0},
    {"p:184467440737095516160", NULL, 0},
    {"p:0", NULL, 0},
    {"p:", NULL, 0},
    {":1", NULL, 0},
    {"123", NULL, 0},
    {"p:12x", NULL, 0},
    {"p y:12", NULL, 0},
    {"<:p:12>", NULL, 0},
    {"", NULL, 0},
};

START_TEST(what_a_route_names_has_one_key)
{
    struct arena *a = arena_create(0);
    const char *key = emoji_read_key(a, keys[_i].text);
    if (keys[_i].key) {
        ck_assert_pstr_eq(key, keys[_i].key);
        ck_assert_uint_eq(emoji_key_id(key), keys[_i].id);
        Hubbub__V1__ReactionEmoji *e = emoji_of_key(a, key);
        ck_assert_uint_eq(e->id, keys[_i].id);
        ck_assert_pstr_eq(e->name, keys[_i].id ? NULL : key);
    } else {
        ck_assert_ptr_null(key);
    }
    ck_assert_ptr_null(emoji_read_key(a, NULL));
    arena_destroy(a);
}
END_TEST

START_TEST(names_are_letters_digits_and_low_lines)
{
    ck_assert(emoji_is_name("Party_2"));
    ck_assert(!emoji_is_name(""));
    ck_assert(!emoji_is_name("a b"));
    ck_assert(!emoji_is_name("\xc3\xa9"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("emoji");
    tcase_add_loop_test(t, one_emoji_or_none, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, a_long_one_is_none);
    tcase_add_loop_test(t, what_a_route_names_has_one_key, 0, sizeof keys / sizeof *keys);
    tcase_add_test(t, names_are_letters_digits_and_low_lines);
    Suite *s = suite_create("services/chat emoji");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
