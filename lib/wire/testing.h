/* testing.h - for the tests of lib/wire: requests read from a line of text, and what came of them. */
#pragma once
#include "lib/wire/wire.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* JSON with ' for ", so that it can be read in C; in the arena. */
static inline const char *quoted(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text);
    for (char *c = copy; (c = strchr(c, '\''));)
        *c = '"';
    return copy;
}

struct reading {
    struct arena *arena;
    struct wire_errors errors;
    struct wire_json *json;
    ProtobufCMessage *message;
};

static inline void reading_start(struct reading *r)
{
    *r = (struct reading){.arena = arena_create(0)};
    r->errors.arena = r->arena;
}

/* text as JSON reads it, quotes and all; required fields are checked as the edge does. */
static inline void reading_text(struct reading *r, const struct wire_message *w, const char *text, size_t n)
{
    reading_start(r);
    ck_assert_int_eq(wire_parse(text, n, &r->json), ST_OK);
    wire_read(r->json, w, &r->errors, r->arena, &r->message);
    wire_check_required(w, r->message, &r->errors);
}

static inline void reading_json(struct reading *r, const struct wire_message *w, const char *text)
{
    struct arena *a = arena_create(0);
    const char *json = quoted(a, text);
    reading_text(r, w, json, strlen(json));
    arena_destroy(a);
}

static inline void reading_finish(struct reading *r)
{
    if (r->json)
        wire_json_free(r->json);
    arena_destroy(r->arena);
}

/* Nothing but this one leaf; code NULL: no leaf at all. */
static inline void expect_leaf(const struct reading *r, const char *path, const char *code, const char *message)
{
    if (!code) {
        ck_assert_msg(r->errors.n == 0, "%s: %s", r->errors.n ? r->errors.leaves[0]->path : "",
                      r->errors.n ? r->errors.leaves[0]->message : "");
        return;
    }
    ck_assert_uint_eq(r->errors.n, 1);
    ck_assert_str_eq(r->errors.leaves[0]->path, path);
    ck_assert_str_eq(r->errors.leaves[0]->code, code);
    if (message)
        ck_assert_str_eq(r->errors.leaves[0]->message, message);
}

static inline void expect_json(struct buf *b, const char *text)
{
    struct arena *a = arena_create(0);
    ck_assert_str_eq(buf_str(b), quoted(a, text));
    arena_destroy(a);
    buf_finish(b);
}

/* Runs the suite; the exit status of main. */
static inline int run_tests(const char *name, const TTest *const *const *tests, size_t n)
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create(name);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(t, *tests[i]);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
