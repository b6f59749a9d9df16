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

int main(void)
{
    TCase *t = tcase_create("emoji");
    tcase_add_loop_test(t, one_emoji_or_none, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, a_long_one_is_none);
    Suite *s = suite_create("services/chat emoji");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
