/* What a message's text says: every form of mention, what is none, what allowed_mentions keeps, and the sizes. */
#include "services/chat/message_content.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(mentions_are_found_once_and_in_order)
{
    struct mentions m;
    mentions_parse("<@5> <@!7> <@&9> <@5> <@&9> <@> <@x> <@5 <@-1> <@99999999999999999999> <#3>", &m);
    ck_assert_uint_eq(m.n_users, 2);
    ck_assert_uint_eq(m.users[0], 5);
    ck_assert_uint_eq(m.users[1], 7);
    ck_assert_uint_eq(m.n_roles, 1);
    ck_assert_uint_eq(m.roles[0], 9);
    ck_assert(!m.everyone);
    mentions_parse("hey @here", &m);
    ck_assert(m.everyone);
    mentions_parse("@everyone", &m);
    ck_assert(m.everyone);
    mentions_parse("a@b.example <@", &m);
    ck_assert(!m.everyone && !m.n_users);
}
END_TEST

START_TEST(emoji_that_are_not_kept_become_their_names)
{
    struct arena *a = arena_create(0);
    uint64_t ids[4], kept[] = {2};
    const char text[] =
        "<:one:1><a:two:2> <<:three_3:3>> <:x:4> <:no-name:5> <:name:> <:name:x> <b:name:1> <:name:1 <:one:1>";
    ck_assert_uint_eq(emoji_tokens(text, ids, 4), 3);
    ck_assert(ids[0] == 1 && ids[1] == 2 && ids[2] == 3);
    ck_assert_uint_eq(emoji_tokens(text, ids, 2), 2);
    ck_assert_str_eq(emoji_tokens_strip(a, text, kept, 1),
                     ":one:<a:two:2> <:three_3:> <:x:4> <:no-name:5> <:name:> <:name:x> <b:name:1> <:name:1 :one:");
    ck_assert_str_eq(emoji_tokens_strip(a, "", kept, 1), "");
    arena_destroy(a);
}
END_TEST

START_TEST(more_mentions_than_fit_are_dropped)
{
    char text[4000], *at = text;
    struct mentions m;
    for (int i = 1; i <= MENTIONS_MAX + 50; i++)
        at += sprintf(at, "<@%d>", i);
    mentions_parse(text, &m);
    ck_assert_uint_eq(m.n_users, MENTIONS_MAX);
}
END_TEST

START_TEST(allowed_mentions_keep_what_they_name)
{
    static const char text[] = "<@1> <@2> <@&3> <@&4> @everyone";
    struct mentions m;
    Hubbub__V1__AllowedMentions a = HUBBUB__V1__ALLOWED_MENTIONS__INIT;
    mentions_parse(text, &m);
    mentions_allow(&m, NULL);
    ck_assert(m.n_users == 2 && m.n_roles == 2 && m.everyone);
    ck_assert(mentions_replied_user(NULL));
    mentions_allow(&m, &a); /* {}: none */
    ck_assert(m.n_users == 0 && m.n_roles == 0 && !m.everyone);
    ck_assert(!mentions_replied_user(&a));
    char *parse[] = {"everyone", "roles"};
    uint64_t users[] = {2, 77};
    a.parse = parse;
    a.n_parse = 2;
    a.users = users;
    a.n_users = 2;
    mentions_parse(text, &m);
    mentions_allow(&m, &a);
    ck_assert(m.n_users == 1 && m.users[0] == 2 && m.n_roles == 2 && m.everyone);
    ck_assert_ptr_null(mentions_conflict(&a));
    parse[0] = "users";
    ck_assert_str_eq(mentions_conflict(&a), "users");
}
END_TEST

START_TEST(text_is_trimmed_and_measured)
{
    struct arena *a = arena_create(0);
    ck_assert_str_eq(content_trim(a, " \n a b \t"), "a b");
    ck_assert_str_eq(content_trim(a, "  \n"), "");
    ck_assert_str_eq(content_trim(a, NULL), "");
    Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT, *list[] = {&e};
    Hubbub__V1__EmbedFooter footer = HUBBUB__V1__EMBED_FOOTER__INIT;
    e.title = "\xc3\xa4\xc3\xb6"; /* two code points */
    footer.text = "abc";
    e.footer = &footer;
    ck_assert_uint_eq(embeds_text_length(list, 1), 5);
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    ck_assert(message_is_empty(&m));
    m.embeds = list;
    m.n_embeds = 1;
    ck_assert(!message_is_empty(&m));
    arena_destroy(a);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("content");
    tcase_add_test(t, mentions_are_found_once_and_in_order);
    tcase_add_test(t, emoji_that_are_not_kept_become_their_names);
    tcase_add_test(t, more_mentions_than_fit_are_dropped);
    tcase_add_test(t, allowed_mentions_keep_what_they_name);
    tcase_add_test(t, text_is_trimmed_and_measured);
    Suite *s = suite_create("services/chat message content");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
