/* postgres.c - PostgreSQL refuses to run as root, so under root it runs as the owner of the cluster, or as `postgres` for a
 * new one. That user must be able to enter the folder: a checkout in /root cannot be entered, and then the cluster lies in
 * /var/lib/hubbub/HASH, HASH standing for the path of $HUBBUB_DATA. A cluster that is there is always used where it is.
 * A new one is made beside its place and renamed, so that a broken first start leaves none. */
#define _GNU_SOURCE
#include "tools/hubbub/postgres.h"
#include "tools/hubbub/process.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN "/usr/lib/postgresql/15/bin/"
#define SHARED_HOME "/var/lib/hubbub"

/* What the server is told beside Debian's defaults. */
static const char *const settings[] = {
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "shared_buffers=64MB",
    "max_wal_size=1GB",
    "log_timezone=UTC",
    "timezone=UTC",
    "log_line_prefix=%m [%p] ",
};

static void child_fail(const char *what) __attribute__((noreturn));
static void child_fail(const char *what)
{
    dprintf(STDERR_FILENO, "hubbub: %s: %s\n", what, strerror(errno));
    _exit(127);
}

/* Between fork and exec. argv NULL: only whether the folder can be entered. */
static void child_run(uid_t uid, gid_t gid, const char *folder, char *const *argv, int input) __attribute__((noreturn));
static void child_run(uid_t uid, gid_t gid, const char *folder, char *const *argv, int input)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(input, STDIN_FILENO);
    if (uid && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
        child_fail("cannot change to PostgreSQL's user");
    if (!argv)
        _exit(access(folder, X_OK) < 0);
    if (chdir(folder) < 0)
        child_fail(folder);
    if (!freopen("/dev/null", "w", stdout))
        child_fail("/dev/null");
    execv(argv[0], argv);
    child_fail(argv[0]);
}

/* Runs argv as the user, with `input` on its stdin and its stdout dropped; true when it ended with 0. argv NULL: only asks
 * whether the user can enter `folder`. A failure is told on stderr. */
static bool run_as(uid_t uid, gid_t gid, const char *folder, char *const *argv, const char *input)
{
    int ends[2], status = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        give_up(1, "no pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        give_up(1, "no new process: %s", strerror(errno));
    if (pid == 0)
        child_run(uid, gid, folder, argv, ends[0]);
    close(ends[0]);
    if (input && write(ends[1], input, strlen(input)) < 0)
        say("cannot write to %s: %s", argv[0], strerror(errno));
    close(ends[1]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            give_up(1, "waiting for %s: %s", argv ? argv[0] : folder, strerror(errno));
    if (argv && status)
        say("%s %s", argv[0], process_end_in_words(status));
    return status == 0;
}

static bool exists(const char *path, struct stat *st)
{
    return stat(path, st) == 0;
}

/* FNV-1a: names a folder, guards nothing. */
static uint64_t hash_of(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

/* Under root: the owner of the cluster, or `postgres`. */
static void choose_user(struct postgres *pg, const char *cluster)
{
    struct stat st;
    if (geteuid() != 0)
        return;
    if (exists(cluster, &st) && st.st_uid != 0) {
        pg->uid = st.st_uid;
        pg->gid = st.st_gid;
        return;
    }
    const struct passwd *user = getpwnam("postgres");
    if (!user)
        give_up(1, "PostgreSQL does not run as root, and there is no user `postgres` (Debian's package postgresql-15 makes it)");
    pg->uid = user->pw_uid;
    pg->gid = user->pw_gid;
}

static char *shared_home(const struct instance *in)
{
    return text(SHARED_HOME "/%016" PRIx64, hash_of(in->data));
}

static char *choose_home(const struct instance *in, struct postgres *pg)
{
    struct stat st;
    char *own = instance_path(in, "postgres"), *own_cluster = text("%s/cluster", own);
    char *shared = shared_home(in), *shared_cluster = text("%s/cluster", shared);
    choose_user(pg, exists(own_cluster, &st) ? own_cluster : shared_cluster);
    if (run_as(pg->uid, pg->gid, in->data, NULL, NULL) && !exists(shared_cluster, &st))
        return own;
    if (exists(own_cluster, &st))
        give_up(1, "PostgreSQL's user %d cannot enter %s any more, where its data lies", (int)pg->uid, in->data);
    mkdir(SHARED_HOME, 0711);
    say("PostgreSQL keeps its data in %s: its user cannot enter %s", shared, in->data);
    return shared;
}

static void create_folder_for(const struct postgres *pg, const char *path)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        give_up(1, "cannot make %s: %s", path, strerror(errno));
    if (pg->uid && chown(path, pg->uid, pg->gid) < 0)
        give_up(1, "cannot give %s to PostgreSQL's user: %s", path, strerror(errno));
}

static void create_cluster(const struct postgres *pg, const char *cluster)
{
    char *new_cluster = text("%s.new", cluster);
    char *rm[] = {"/bin/rm", "-rf", new_cluster, NULL};
    char *initdb[] = {BIN "initdb", "--pgdata", new_cluster, "--username=hubbub", "--auth=trust", "--encoding=UTF8",
                      "--locale=C.UTF-8", "--no-instructions", NULL};
    char *single[] = {BIN "postgres", "--single", "-D", new_cluster, "-c", "log_checkpoints=off", "postgres", NULL};
    if (access(BIN "initdb", X_OK) < 0)
        give_up(1, "there is no PostgreSQL 15 in " BIN " (Debian's package postgresql-15)");
    if (!run_as(pg->uid, pg->gid, pg->home, rm, NULL))
        give_up(1, "%s cannot be removed", new_cluster);
    if (!run_as(pg->uid, pg->gid, pg->home, initdb, NULL) || !run_as(pg->uid, pg->gid, pg->home, single, "CREATE DATABASE hubbub;\n"))
        give_up(1, "the database cluster could not be made in %s", pg->home);
    if (rename(new_cluster, cluster) < 0)
        give_up(1, "cannot rename %s: %s", new_cluster, strerror(errno));
    free(new_cluster);
}

/* A value of a conninfo string. */
static char *quoted(const char *s)
{
    char *q = malloc(2 * strlen(s) + 3), *to = q;
    if (!q)
        give_up(1, "out of memory");
    *to++ = '\'';
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            *to++ = '\\';
        *to++ = *s;
    }
    *to++ = '\'';
    *to = '\0';
    return q;
}

static char **server_argv(const char *cluster, const char *socket_folder)
{
    enum { N = sizeof settings / sizeof *settings };
    char **argv = calloc(2 * N + 6, sizeof *argv), **a = argv;
    if (!argv)
        give_up(1, "out of memory");
    *a++ = BIN "postgres";
    *a++ = "-D";
    *a++ = text("%s", cluster);
    *a++ = "-c";
    *a++ = text("unix_socket_directories=%s", socket_folder);
    for (size_t i = 0; i < N; i++) {
        *a++ = "-c";
        *a++ = text("%s", settings[i]);
    }
    return argv;
}

static void fill_addresses(struct postgres *pg)
{
    char *host = text("%s/socket", pg->home), *value = quoted(host);
    pg->url = text("host=%s port=5432 user=hubbub dbname=hubbub", value);
    pg->socket_path = text("%s/.s.PGSQL.5432", host);
    free(host);
    free(value);
}

bool postgres_find(const struct instance *in, struct postgres *pg)
{
    char *homes[] = {shared_home(in), instance_path(in, "postgres")};
    *pg = (struct postgres){0};
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        struct stat st;
        char *cluster = text("%s/cluster", homes[i]);
        if (!pg->home && exists(cluster, &st))
            pg->home = text("%s", homes[i]);
        free(cluster);
        free(homes[i]);
    }
    if (pg->home)
        fill_addresses(pg);
    return pg->home;
}

void postgres_prepare(const struct instance *in, struct postgres *pg)
{
    struct stat st;
    *pg = (struct postgres){0};
    pg->home = choose_home(in, pg);
    char *cluster = text("%s/cluster", pg->home), *socket_folder = text("%s/socket", pg->home);
    create_folder_for(pg, pg->home);
    create_folder_for(pg, socket_folder);
    if (!exists(cluster, &st))
        create_cluster(pg, cluster);
    fill_addresses(pg);
    pg->argv = server_argv(cluster, socket_folder);
    free(cluster);
    free(socket_folder);
}
