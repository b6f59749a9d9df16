/* doctor_servers.c - PostgreSQL and Redis as the services will meet them. Here libpq is used itself, not lib/db: lib/db hides
 * why a connection failed, and that is what the operator wants to read. */
#include "lib/base/clock.h"
#include "lib/bus/connect.h"
#include "tools/hubbub/doctor.h"
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POSTGRES_MIN = 150000, REDIS_MIN_MAJOR = 6, REDIS_MS = 2000, CONNECTIONS_MIN = 50 };
enum { CLOCK_WARN_MS = 500, CLOCK_FAIL_MS = 5000 };

/* ---- Programs of the private servers ----------------------------------------------------------------------------------- */

static void check_program(struct doctor *d, const char *path, const char *package)
{
    char output[256], *check = text("program %s", strrchr(path, '/') + 1);
    char *argv[] = {(char *)path, "--version", NULL};
    if (doctor_run(argv, NULL, output, sizeof output) == 0)
        doctor_report(d, FINDING_OK, check, "%s", output);
    else
        doctor_report(d, FINDING_FAIL, check, "%s %s; install Debian's package %s", path, output, package);
    free(check);
}

void doctor_check_programs(struct doctor *d)
{
    if (!*d->instance.database_url)
        check_program(d, "/usr/lib/postgresql/15/bin/postgres", "postgresql-15");
    if (!*d->instance.redis_url)
        check_program(d, "/usr/bin/redis-server", "redis-server");
}

/* ---- PostgreSQL -------------------------------------------------------------------------------------------------------- */

/* The one value of a query, in a new string; "" when it fails. */
static char *ask(PGconn *conn, const char *sql)
{
    PGresult *r = PQexec(conn, sql);
    bool one = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 && PQnfields(r) > 0;
    char *value = text("%s", one ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return value;
}

/* One row a setting that can lose or break messages. */
static const struct setting {
    const char *sql, *right;
    enum finding finding;
    const char *advice;
} settings[] = {
    {"SHOW server_encoding", "UTF8", FINDING_FAIL, "make the database with ENCODING 'UTF8'"},
    {"SHOW fsync", "on", FINDING_FAIL, "set fsync = on: a crash of the machine would corrupt everything"},
    {"SHOW full_page_writes", "on", FINDING_FAIL, "set full_page_writes = on: a crash of the machine would corrupt pages"},
    {"SHOW synchronous_commit", "on", FINDING_WARN, "set synchronous_commit = on: a crash may lose messages that were answered"},
    {"SELECT pg_is_in_recovery()", "f", FINDING_FAIL, "point HUBBUB_DATABASE_URL at the primary"},
    {"SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')", "t", FINDING_FAIL, "use a PostgreSQL built with ICU"},
};

static void check_settings(struct doctor *d, PGconn *conn)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char *value = ask(conn, settings[i].sql);
        if (strcmp(value, settings[i].right)) {
            doctor_report(d, settings[i].finding, "postgresql settings", "%s gives \"%s\"; %s", settings[i].sql, value, settings[i].advice);
            wrong++;
        }
        free(value);
    }
    if (!wrong)
        doctor_report(d, FINDING_OK, "postgresql settings", "right");
}

static void check_connections(struct doctor *d, PGconn *conn)
{
    char *max_text = ask(conn, "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int");
    char *used_text = ask(conn, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
    int max = atoi(max_text), used = atoi(used_text);
    if (max < CONNECTIONS_MIN || used * 10 > max * 9)
        doctor_report(d, FINDING_WARN, "postgresql connections", "%d of %d are used; raise max_connections (a chat uses up to 40)", used, max);
    else
        doctor_report(d, FINDING_OK, "postgresql connections", "%d of %d are used", used, max);
    free(max_text);
    free(used_text);
}

/* Ids and times come from PostgreSQL's clock, the logs and tokens from this machine's. */
static void check_clock(struct doctor *d, PGconn *conn)
{
    int64_t before = clock_wall_ms();
    char *theirs = ask(conn, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    int64_t after = clock_wall_ms(), apart = llabs(strtoll(theirs, NULL, 10) - (before + after) / 2);
    int64_t error = (after - before + 1) / 2; /* half of the round trip cannot be told from a difference */
    enum finding finding = apart - error > CLOCK_FAIL_MS ? FINDING_FAIL : apart - error > CLOCK_WARN_MS ? FINDING_WARN : FINDING_OK;
    doctor_report(d, finding, "clock", "%" PRId64 " ms from PostgreSQL's%s", apart,
                  finding ? "; let chrony or systemd-timesyncd set the clocks of both machines" : "");
    free(theirs);
}

static void check_schema(struct doctor *d, PGconn *conn)
{
    char *last = ask(conn, "SELECT name FROM migrations ORDER BY number DESC LIMIT 1");
    if (*last)
        doctor_report(d, FINDING_OK, "postgresql schema", "at %s", last);
    else
        doctor_report(d, FINDING_WARN, "postgresql schema", "not there yet; chat makes it when it starts");
    free(last);
}

static void check_connected(struct doctor *d, PGconn *conn)
{
    int version = PQserverVersion(conn);
    if (version < POSTGRES_MIN)
        doctor_report(d, FINDING_FAIL, "postgresql", "version %d is too old; 15 or later is needed", version / 10000);
    else
        doctor_report(d, FINDING_OK, "postgresql", "version %d.%d answers", version / 10000, version % 10000);
    check_settings(d, conn);
    check_connections(d, conn);
    check_schema(d, conn);
    check_clock(d, conn);
}

void doctor_check_postgres(struct doctor *d)
{
    bool own = !*d->instance.database_url;
    if (!d->database_url || (own && !d->running)) {
        doctor_report(d, FINDING_WARN, "postgresql", "the private server does not run; ./run starts it");
        return;
    }
    const char *const names[] = {"dbname", "connect_timeout", "application_name", NULL};
    const char *const values[] = {d->database_url, "3", "hubbub doctor", NULL};
    PGconn *conn = PQconnectdbParams(names, values, 1);
    if (PQstatus(conn) == CONNECTION_OK) {
        check_connected(d, conn);
    } else {
        char *why = text("%s", PQerrorMessage(conn));
        for (char *c = why; *c; c++)
            *c = *c < ' ' && *c > 0 ? ' ' : *c;
        doctor_report(d, FINDING_FAIL, "postgresql", "%s; %s", why,
                      own ? "look into log/postgres-1.log" : "check HUBBUB_DATABASE_URL, pg_hba.conf and the network");
        free(why);
    }
    PQfinish(conn);
}

/* ---- Redis ------------------------------------------------------------------------------------------------------------- */

static void check_redis_version(struct doctor *d, redisContext *redis)
{
    redisReply *info = redisCommand(redis, "INFO server");
    const char *at = info && info->type == REDIS_REPLY_STRING ? strstr(info->str, "redis_version:") : NULL;
    int major = at ? atoi(at + strlen("redis_version:")) : 0;
    if (!at)
        doctor_report(d, FINDING_WARN, "redis", "answers, but does not tell its version; allow INFO to its user");
    else if (major < REDIS_MIN_MAJOR)
        doctor_report(d, FINDING_FAIL, "redis", "version %d is too old; %d or later is needed", major, REDIS_MIN_MAJOR);
    else
        doctor_report(d, FINDING_OK, "redis", "version %.*s answers", (int)strcspn(at + 14, "\r\n"), at + 14);
    if (info)
        freeReplyObject(info);
}

void doctor_check_redis(struct doctor *d)
{
    bool own = !*d->instance.redis_url;
    struct bus_address address;
    const char *why = "";
    if (own && !d->running) {
        doctor_report(d, FINDING_WARN, "redis", "the private server does not run; ./run starts it");
        return;
    }
    if (!bus_address_parse(d->redis_url, &address)) {
        doctor_report(d, FINDING_FAIL, "redis", "HUBBUB_REDIS_URL is neither redis://host:port nor unix:///path; correct it");
        return;
    }
    redisContext *redis = bus_connect(&address, REDIS_MS, &why);
    if (!redis) {
        doctor_report(d, FINDING_FAIL, "redis", "%s; %s", why, own ? "look into log/redis-1.log" : "check HUBBUB_REDIS_URL and the network");
        return;
    }
    check_redis_version(d, redis);
    redisFree(redis);
}
