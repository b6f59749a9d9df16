#define _GNU_SOURCE
#include "tools/hubbub/services.h"
#include "tools/hubbub/postgres.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One row a kind of service of ours. Its admin port is the public port + admin + n; its gRPC listens in run/NAME-n.sock. */
static const struct kind {
    const char *name;
    int admin;
    enum service_phase phase;
} kinds[] = {
    {"chat", 120, PHASE_SERVICES},
    {"presence", 140, PHASE_SERVICES},
    {"media", 160, PHASE_SERVICES},
    {"gateway", 100, PHASE_GATEWAYS},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The environment of one process: ours, with some variables set anew. */
struct env {
    char **list;
    size_t n;
};

static bool names(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return !strncmp(entry, name, n) && (entry[n] == '=' || !strncmp(entry + n, "_FILE=", 6));
}

/* Drops NAME and NAME_FILE. */
static void env_unset(struct env *e, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->n; i++)
        if (!names(e->list[i], name))
            e->list[kept++] = e->list[i];
    e->list[kept] = NULL;
    e->n = kept;
}

/* Replaces NAME and NAME_FILE. The list has room: see env_create. */
static void env_set(struct env *e, const char *name, const char *value)
{
    env_unset(e, name);
    e->list[e->n++] = text("%s=%s", name, value);
    e->list[e->n] = NULL;
}

static struct env env_create(void)
{
    enum { ROOM = 32 };
    struct env e = {0};
    while (environ[e.n])
        e.n++;
    e.list = calloc(e.n + ROOM, sizeof *e.list);
    if (!e.list)
        give_up(1, "out of memory");
    memcpy(e.list, environ, e.n * sizeof *e.list);
    return e;
}

/* "unix:run/chat-1.sock,unix:run/chat-2.sock". The caller owns it. */
static char *targets(const char *name, unsigned count)
{
    char *list = text("%s", "");
    for (unsigned i = 1; i <= count; i++) {
        char *longer = text("%s%sunix:run/%s-%u.sock", list, i > 1 ? "," : "", name, i);
        free(list);
        list = longer;
    }
    return list;
}

/* What is the same for every service of ours. */
static struct env common_env(const struct instance *in, const char *database_url, const char *redis_url)
{
    struct env e = env_create();
    env_set(&e, "HUBBUB_DATA", in->data);
    env_set(&e, "HUBBUB_CLUSTER_SECRET", in->secret);
    env_set(&e, "HUBBUB_DATABASE_URL", database_url);
    env_set(&e, "HUBBUB_REDIS_URL", redis_url);
    env_set(&e, "HUBBUB_PUBLIC_URL", in->public_url);
    env_set(&e, "HUBBUB_LISTEN", in->listen);
    return e;
}

static struct env service_env(const struct instance *in, const struct env *common, const struct kind *k, unsigned i)
{
    struct env e = {.n = common->n, .list = calloc(common->n + 16, sizeof *e.list)};
    if (!e.list)
        give_up(1, "out of memory");
    memcpy(e.list, common->list, common->n * sizeof *e.list);
    char *values[] = {text("unix:run/%s-%u.sock", k->name, i), text("127.0.0.1:%d", in->port + k->admin + (int)i),
                      text("%s:%d", in->host, in->port + (int)i), text("%s-%u", k->name, i)};
    env_set(&e, "HUBBUB_RPC_LISTEN", values[0]);
    env_set(&e, "HUBBUB_ADMIN_LISTEN", values[1]);
    if (strcmp(k->name, "chat")) /* the only owner of PostgreSQL */
        env_unset(&e, "HUBBUB_DATABASE_URL"), env_unset(&e, "HUBBUB_SMTP_PASSWORD"), env_unset(&e, "HUBBUB_SEAL_KEY");
    else if (*in->seal_key && !getenv("HUBBUB_SEAL_KEY") && !getenv("HUBBUB_SEAL_KEY_FILE"))
        env_set(&e, "HUBBUB_SEAL_KEY", in->seal_key);
    if (k->phase == PHASE_GATEWAYS) {
        env_set(&e, "HUBBUB_OWN_LISTEN", values[2]);
        env_set(&e, "HUBBUB_GATEWAY_ID", values[3]);
        char *web_dir = getenv("HUBBUB_WEB_DIR") ? NULL : instance_web_dir();
        if (web_dir)
            env_set(&e, "HUBBUB_WEB_DIR", web_dir);
        free(web_dir);
    }
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
        free(values[v]);
    return e;
}

static char **argv_of(char *program)
{
    char **argv = calloc(2, sizeof *argv);
    if (!argv)
        give_up(1, "out of memory");
    argv[0] = program;
    return argv;
}

static struct service *add(const struct instance *in, struct services *s, const char *name, unsigned i, enum service_phase phase)
{
    struct service *new = &s->all[s->n++];
    char *log_path = instance_path(in, "log/%s-%u.log", name, i);
    *new = (struct service){.phase = phase, .process = {.name = text("%s-%u", name, i), .folder = in->data,
                            .pid_path = instance_path(in, "run/%s-%u.pid", name, i), .stop_signal = SIGTERM,
                            .hurry_signal = SIGKILL, .orphan_signal = SIGKILL}};
    process_init(&new->process, log_path);
    unlink(new->process.pid_path);
    free(log_path);
    return new;
}

/* The private servers get no variable of ours: they need none, and the secret is not theirs. */
static char **plain_env(void)
{
    struct env all = env_create();
    size_t kept = 0;
    for (size_t i = 0; i < all.n; i++)
        if (strncmp(all.list[i], "HUBBUB_", 7) && strncmp(all.list[i], "PG", 2))
            all.list[kept++] = all.list[i];
    all.list[kept] = NULL;
    return all.list;
}

static char *add_postgres(const struct instance *in, struct services *s)
{
    struct postgres pg;
    postgres_prepare(in, &pg);
    struct process *p = &add(in, s, "postgres", 1, PHASE_POSTGRES)->process;
    p->argv = pg.argv;
    p->env = plain_env();
    p->uid = pg.uid;
    p->gid = pg.gid;
    p->folder = pg.home;
    p->stop_signal = p->orphan_signal = SIGINT; /* fast shutdown: sessions are cut, the log is flushed */
    p->hurry_signal = SIGQUIT;                  /* its children end too; the next start recovers */
    p->door.unix_socket = pg.socket_path;
    return pg.url;
}

/* Only wake-ups, presence and caches live in Redis: nothing is kept on disk. */
static char *add_redis(const struct instance *in, struct services *s)
{
    char *socket_path = instance_path(in, "run/redis.sock");
    char *const argv[] = {"/usr/bin/redis-server", "--port", "0", "--unixsocket", socket_path, "--unixsocketperm", "700",
                          "--save", "", "--appendonly", "no", "--client-output-buffer-limit", "pubsub 64mb 32mb 60",
                          "--daemonize", "no", NULL};
    if (access(argv[0], X_OK) < 0)
        give_up(1, "there is no %s (Debian's package redis-server)", argv[0]);
    struct process *p = &add(in, s, "redis", 1, PHASE_REDIS)->process;
    char **copy = malloc(sizeof argv);
    if (!copy)
        give_up(1, "out of memory");
    p->argv = memcpy(copy, argv, sizeof argv);
    p->env = plain_env();
    p->door.unix_socket = socket_path;
    return text("unix://%s", socket_path);
}

static void add_services(const struct instance *in, struct services *s, const struct kind *k, unsigned count, const struct env *common)
{
    char *program = instance_program(in, k->name);
    if (!program)
        give_up(1, "the program `%s` is neither beside hubbub nor in HUBBUB_BIN_DIR", k->name);
    for (unsigned i = 1; i <= count; i++) {
        struct process *p = &add(in, s, k->name, i, k->phase)->process;
        p->argv = argv_of(program);
        p->env = service_env(in, common, k, i).list;
        p->door.admin_port = in->port + k->admin + (int)i;
    }
}

/* What is the same for every service of this instance. */
static struct env shared_env(const struct instance *in, const char *database_url, const char *redis_url, const unsigned counts[KINDS])
{
    struct env common = common_env(in, database_url, redis_url);
    for (int k = 0; k < KINDS; k++) {
        char *name = text("HUBBUB_%s_TARGETS", kinds[k].name), *list = targets(kinds[k].name, counts[k]);
        for (char *c = name; *c; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        env_set(&common, name, list);
        free(name);
        free(list);
    }
    return common;
}

void services_prepare(const struct instance *in, unsigned gateways, unsigned chats, struct services *s)
{
    unsigned counts[KINDS] = {chats, 1, 1, gateways};
    *s = (struct services){.all = calloc(2 + 2 * SERVICES_MAX + 2, sizeof *s->all)};
    if (!s->all)
        give_up(1, "out of memory");
    const char *database_url = *in->database_url ? in->database_url : add_postgres(in, s);
    const char *redis_url = *in->redis_url ? in->redis_url : add_redis(in, s);
    struct env common = shared_env(in, database_url, redis_url, counts);
    for (int k = 0; k < KINDS; k++)
        add_services(in, s, &kinds[k], counts[k], &common);
}

const char *services_kind(unsigned i)
{
    return i < KINDS ? kinds[i].name : NULL;
}

char **services_environment(const struct instance *in, unsigned kind, const char *database_url, const char *redis_url)
{
    const unsigned counts[KINDS] = {1, 1, 1, 1};
    struct env common = shared_env(in, database_url, redis_url, counts);
    return service_env(in, &common, &kinds[kind], 1).list;
}

int services_admin_port(const struct instance *in, const char *name)
{
    for (int k = 0; k < KINDS; k++) {
        size_t n = strlen(kinds[k].name);
        if (!strncmp(name, kinds[k].name, n) && name[n] == '-')
            return in->port + kinds[k].admin + atoi(name + n + 1);
    }
    return 0;
}

void services_finish(struct services *s)
{
    for (unsigned i = 0; i < s->n; i++)
        process_finish(&s->all[i].process);
    free(s->all);
}
