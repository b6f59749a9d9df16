/* instance.h - one Hubbub on this machine: its options, and where $HUBBUB_DATA keeps what. Filled once, in main().
 *
 *   $HUBBUB_DATA/lock      held (flock) by the `hubbub up` that runs on it; holds its pid
 *   $HUBBUB_DATA/secret    what the services prove themselves to each other with; 0600
 *   $HUBBUB_DATA/seal-key  what the secrets of authenticators are encrypted by in PostgreSQL; 0600
 *   $HUBBUB_DATA/run/      NAME-N.pid of every process, NAME-N.sock of the services' gRPC, redis.sock
 *   $HUBBUB_DATA/log/      NAME-N.log, NAME-N.log.1 ... of every process
 *   $HUBBUB_DATA/postgres/ cluster/ and socket/ of the private PostgreSQL
 *   $HUBBUB_DATA/media/    the files that people sent */
#pragma once
#include "lib/base/config.h"
#include <limits.h>
#include <stddef.h>

enum {
    INSTANCE_PATH_MAX = 88,   /* of $HUBBUB_DATA: what lies in it must fit in a socket's address (107 bytes) */
    INSTANCE_SECRET_HEX = 64, /* 32 random bytes */
};

struct instance {
    const char *data;         /* absolute; no slash at its end */
    const char *listen;       /* HUBBUB_LISTEN: "127.0.0.1:8080" */
    const char *public_url;   /* HUBBUB_PUBLIC_URL, or http:// and the address of listen */
    const char *database_url; /* HUBBUB_DATABASE_URL; "": a private PostgreSQL */
    const char *redis_url;    /* HUBBUB_REDIS_URL; "": a private Redis */
    const char *bin_dir;      /* HUBBUB_BIN_DIR; "": where this program lies */
    char host[256];           /* of listen */
    int port;                 /* of listen */
    char secret[INSTANCE_SECRET_HEX + 1];
    char seal_key[INSTANCE_SECRET_HEX + 1]; /* "" in commands: `up` alone needs it */
};

/* config_load() of the options of `hubbub`: for --help and the docs. */
void instance_load_options(const char *program, int argc, char **argv);

/* Reads the environment into *ret. Ends the process with one line when a value is wrong. */
void instance_load(struct instance *ret);
/* Makes $HUBBUB_DATA and its folders, and the two secrets when they are not there. Ends the process with one line when it cannot. */
void instance_create_folders(struct instance *);
/* Reads the secret of an instance that is there. false when there is none (errno says why). */
bool instance_read_secret(struct instance *) MUST_CHECK;
/* Takes the lock until the process ends. When another holds it: false, *ret_pid is its pid (0: unknown). */
bool instance_lock(const struct instance *, int *ret_pid) MUST_CHECK;
/* $HUBBUB_DATA/ and the formatted rest, in a new string that the caller owns. */
char *instance_path(const struct instance *, const char *format, ...) PRINTF_LIKE(2, 3);
/* The program `name` ("chat"): in HUBBUB_BIN_DIR, beside this program, or where Bazel put it. The caller owns it;
 * NULL when it is in none of them. */
char *instance_program(const struct instance *, const char *name);
/* The built web client (web/dist) of the checkout that this program was built in. The caller owns it; NULL when there is
 * none. */
char *instance_web_dir(void);

/* One line on stderr, "hubbub: ...". */
void say(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same, then exit(status). */
void give_up(int status, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
/* A new formatted string; ends the process when there is no memory. */
char *text(const char *format, ...) PRINTF_LIKE(1, 2);
