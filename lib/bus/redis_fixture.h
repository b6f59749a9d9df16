/* redis_fixture.h - tests only: a redis-server of the test's own, on a unix socket in a new directory, without
 * persistence. A step that fails ends the test program. */
#pragma once
#include <sys/types.h>

struct redis_fixture {
    char directory[64], socket[80], url[96];
    pid_t pid;
};

/* Makes the directory; Redis is not started yet. */
void redis_fixture_init(struct redis_fixture *);
/* Starts it and waits until it answers. */
void redis_fixture_start(struct redis_fixture *);
/* kill -9, and waits for its end. */
void redis_fixture_kill(struct redis_fixture *);
/* SIGSTOP or SIGCONT. */
void redis_fixture_signal(struct redis_fixture *, int signal);
/* Kills it if it runs, and removes the directory. */
void redis_fixture_finish(struct redis_fixture *);
/* Runs one command that has no space inside an argument. The reply as redis-cli would print a single value; valid until
 * the next call. */
const char *redis_fixture_ask(struct redis_fixture *, const char *command);
