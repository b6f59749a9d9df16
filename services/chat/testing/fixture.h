/* fixture.h - chat over a private PostgreSQL with two guilds put there by SQL, known ids and a pool of its own each
 * test: for tests of what lies under the handlers, which kill servers and hold locks. world.h builds through the
 * handlers. */
#pragma once
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/testing/fake_call.h"

enum { FIXTURE_OWNER = 101, FIXTURE_MEMBER = 102, FIXTURE_STRANGER = 103 };
enum {
    FIXTURE_GUILD = 1000,
    FIXTURE_CHANNEL = 1001,
    FIXTURE_CATEGORY = 1002,
    FIXTURE_OTHER_GUILD = 2000,
    FIXTURE_OTHER_CHANNEL = 2001
};

struct fixture {
    struct chat *chat;
    struct arena *arena;
};
/* Migrates; empties the tables; puts three users and two guilds with their channels there (owner and member are in
 * both). */
void fixture_init(struct fixture *);
void fixture_finish(struct fixture *);

/* A call of a user: CALL_FAKED struct call *c = fixture_call(&f, FIXTURE_MEMBER); */
struct call *fixture_call(struct fixture *, uint64_t user_id);
/* SQL of a test's own, a literal; it must work. The rows live in the fixture's arena. */
void fixture_exec(struct fixture *, const char *sql);
struct db_rows *fixture_query(struct fixture *, const char *sql);
int64_t fixture_number(struct fixture *, const char *sql);

/* Creates a message as user; *ret_id when it is stored. request_id NULL: one of its own. */
status fixture_send(struct fixture *, uint64_t user_id, uint64_t channel_id, const char *content,
                    const char *request_id, uint64_t *ret_id);
