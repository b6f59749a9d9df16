/* postgres.h - the private PostgreSQL of one instance: where it lies, whose it is, how it is started. */
#pragma once
#include "tools/hubbub/instance.h"
#include <sys/types.h>

struct postgres {
    char *home;         /* holds cluster/ and socket/ */
    uid_t uid;          /* 0: the supervisor's own user, who is not root */
    gid_t gid;
    char *url;          /* for libpq */
    char *socket_path;  /* that it accepts on */
    char **argv;        /* of the server; NULL at its end */
};

/* Chooses the place and the user, and makes the cluster when there is none (2 s, once). Ends the process with one line when
 * it cannot. All that *ret holds lives as long as the process. */
void postgres_prepare(const struct instance *, struct postgres *ret);
/* Where the cluster lies: home, url and socket_path of *ret. Makes nothing. false when there is no cluster yet. */
bool postgres_find(const struct instance *, struct postgres *ret) MUST_CHECK;
