#include "services/chat/testing/fake_call.h"
#include "lib/base/clock.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { ENTRIES_MAX = 1024 };

struct call {
    struct fake_call given;
    struct arena *arena;
    int64_t deadline_ms, retry_after_ms;
    const char *detail, *leaf;
    Hubbub__V1__FeedEntry *entries[ENTRIES_MAX];
    size_t n_entries;
    const Hubbub__V1__Generation *generation;
    const char *text;
};

struct call *call_fake(const struct fake_call *given)
{
    static atomic_int counter;
    struct call *c = calloc(1, sizeof *c);
    c->given = *given;
    c->arena = arena_create(0);
    c->deadline_ms = clock_mono_ms() + (given->timeout_ms ? given->timeout_ms : 5000);
    c->detail = c->leaf = "";
    if (!c->given.request_id)
        c->given.request_id = arena_printf(c->arena, "request-%d", atomic_fetch_add(&counter, 1));
    return c;
}

/* The server is the chat here. */
struct call *call_create_own(struct rpc_server *server, int64_t timeout_ms)
{
    return call_fake(&(struct fake_call){.server_user = server, .timeout_ms = timeout_ms});
}

void call_destroy_own(struct call *c)
{
    call_fake_destroy(c);
}

void call_fake_destroy(struct call *c)
{
    if (!c)
        return;
    arena_destroy(c->arena);
    free(c);
}

const char *call_fake_detail(const struct call *c)
{
    return c->detail;
}

const char *call_fake_leaf(const struct call *c)
{
    return c->leaf;
}

const char *call_fake_text(const struct call *c)
{
    return c->text ? c->text : "";
}

int64_t call_fake_retry_after(const struct call *c)
{
    return c->retry_after_ms;
}

size_t call_fake_entries(const struct call *c, Hubbub__V1__FeedEntry *const **ret,
                         const Hubbub__V1__Generation **ret_generation)
{
    if (ret)
        *ret = c->entries;
    if (ret_generation)
        *ret_generation = c->generation;
    return c->n_entries;
}

/* ---- rpc.h ------------------------------------------------------------------------------------------------------- */

struct arena *call_arena(struct call *c)
{
    return c->arena;
}

void *call_worker(struct call *c)
{
    return NULL;
}

void *call_server_user(struct call *c)
{
    return c->given.server_user;
}

uint64_t call_user(const struct call *c)
{
    return c->given.user_id;
}

bool call_is_bot(const struct call *c)
{
    return c->given.bot;
}

bool call_is_admin(const struct call *c)
{
    return c->given.admin;
}

const char *call_address(const struct call *c)
{
    return "127.0.0.1";
}

const char *call_request_id(const struct call *c)
{
    return c->given.request_id;
}

const char *call_reason(const struct call *c)
{
    return c->given.reason ? c->given.reason : "";
}

int64_t call_deadline_ms(const struct call *c)
{
    return c->deadline_ms;
}

int64_t call_left_ms(const struct call *c)
{
    return c->deadline_ms - clock_mono_ms();
}

bool call_cancelled(const struct call *c)
{
    return false;
}

status call_fail(struct call *c, status st, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->detail = arena_vprintf(c->arena, format, args);
    va_end(args);
    return st;
}

status call_fail_field(struct call *c, const char *path, const char *code, const char *message)
{
    c->leaf = arena_printf(c->arena, "%s %s", path, code);
    return ST_INVALID_FORM;
}

void call_error_text(struct call *c, const char *message)
{
    c->text = arena_strdup(c->arena, message);
}

void call_retry_after(struct call *c, int64_t ms)
{
    c->retry_after_ms = ms;
}

void call_add_entries(struct call *c, const Hubbub__V1__Generation *g, Hubbub__V1__FeedEntry *const *entries, size_t n)
{
    c->generation = g;
    for (size_t i = 0; i < n && c->n_entries < ENTRIES_MAX; i++)
        c->entries[c->n_entries++] = entries[i];
}

void rpc_server_add(struct rpc_server *s, const struct rpc_service *service, rpc_handler *const *handlers)
{
    abort(); /* no server in such a test */
}

/* Nobody reads: what a stream sends is for tests with a client. */
status call_write(struct call *c, const ProtobufCMessage *message)
{
    return ST_OK;
}
