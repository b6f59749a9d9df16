/* mailer.c - one mail at a time: take the first that is due, see whether it is still wanted, make its token, send it,
 * remove its row. On failure the token is withdrawn and the row put off. Nothing is held in PostgreSQL while the mail
 * server is talked to but the lock, which is the connection's: when the two part, the next statement fails and another
 * process works on. */
#include "services/chat/mailer.h"
#include "lib/base/background.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/chat/outbox.h"
#include "services/chat/tickets.h"
#include <stdlib.h>
#include <string.h>

enum { LOCK_KEY = 0x68756204, STEP_MS = 10000, IDLE_MS = 500, AWAY_MS = 2000 };

static struct metric sent_total =
    METRIC_COUNTER("hubbub_mails_total", "Mails by what became of them", "result=\"sent\"");
static struct metric refused_total =
    METRIC_COUNTER("hubbub_mails_total", "Mails by what became of them", "result=\"refused\"");
static struct metric late_total =
    METRIC_COUNTER("hubbub_mails_total", "Mails by what became of them", "result=\"late\"");
static struct metric dropped_total =
    METRIC_COUNTER("hubbub_mails_total", "Mails by what became of them", "result=\"dropped\"");
static struct metric put_off_total =
    METRIC_COUNTER("hubbub_mails_put_off_total", "Tries that are repeated later: the server is away or busy", "");
static struct metric waiting = METRIC_GAUGE("hubbub_mails_waiting", "Mails in the outbox, as its worker last saw", "");

struct mailer {
    struct db_pool *pool;
    const struct mail_config *config;
    const char *public_url;
    struct background thread;
};

/* What each kind says; PATH "": no link. */
static const struct form {
    const char *subject, *path, *text;
    enum ticket_purpose purpose;
} forms[] = {
    [OUTBOX_VERIFY] =
        {"Confirm your e-mail address", "/verify#token=",
         "Hello,\n\nthis address was given for an account at %s. If it was you, confirm it here, within a "
         "day:\n\n%s\n\nIf it was not you, there is nothing to do.\n",
         TICKET_VERIFY},
    [OUTBOX_RESET] =
        {"Choose a new password", "/reset#token=",
         "Hello,\n\nsomebody, probably you, forgot the password of your account at %s. Choose a new one here, "
         "within an hour:\n\n%s\n\nIf it was not you, there is nothing to do: the old password stays.\n",
         TICKET_RESET},
    [OUTBOX_CHANGED] =
        {"Your e-mail address was changed", "",
         "Hello,\n\nyour account at %s has another e-mail address now. If it was not you who changed it, "
         "tell the people who run the server.%s\n",
         0},
};

static int64_t step_deadline(void)
{
    return clock_mono_ms() + STEP_MS;
}

/* ---- One mail ------------------------------------------------------------------------------------------------------
 */

/* Columns of NEXT. */
enum { ID, KIND, USER, RECIPIENT, TRIES, LATE, WANTED, OFTEN };

/* wanted: there is such a user, who may log in, and a mail to an address is still to theirs. */
static const char NEXT[] =
    "SELECT o.id, o.kind, o.user_id, o.recipient, o.tries, o.created_at < clock_timestamp() - make_interval(hours => "
    "$1), "
    "coalesce((NOT u.disabled OR u.self_disabled) AND (o.kind = $2 OR (lower(u.email) = lower(o.recipient) AND (o.kind <> $3 OR NOT "
    "u.verified))), false), (SELECT count(*) FROM tickets t WHERE t.user_id = o.user_id AND t.purpose = CASE o.kind "
    "WHEN $3 "
    "THEN $4::smallint WHEN $5 THEN $6::smallint END AND t.created_at > clock_timestamp() - interval '1 hour') >= $7 "
    "FROM outbox o LEFT JOIN users u ON u.id = o.user_id WHERE o.next_at <= clock_timestamp() ORDER BY o.next_at LIMIT "
    "1";

static status next(struct db *d, struct arena *a, struct db_rows **ret)
{
    return db_run(d, a, step_deadline(), ret, NEXT, DB_I64(MAILER_HOURS), DB_I64(OUTBOX_CHANGED), DB_I64(OUTBOX_VERIFY),
                  DB_I64(TICKET_VERIFY), DB_I64(OUTBOX_RESET), DB_I64(TICKET_RESET), DB_I64(MAILER_AN_HOUR));
}

static status finish(struct db *d, struct arena *a, uint64_t id, struct metric *counted)
{
    struct db_rows *r;
    status st = db_run(d, a, step_deadline(), &r, "DELETE FROM outbox WHERE id = $1", DB_ID(id));
    if (st == ST_OK)
        metric_add(counted, 1);
    return st;
}

static status put_off(struct db *d, struct arena *a, uint64_t id, int64_t tries, const char *error)
{
    struct db_rows *r;
    int64_t wait_s = tries > 10 ? MAILER_RETRY_MAX_S : (int64_t)MAILER_RETRY_S << tries;
    metric_add(&put_off_total, 1);
    log_warn("a mail is put off", LOG_I("mail", id), LOG_S("error", error), LOG_I("seconds", wait_s));
    return db_run(
        d, a, step_deadline(), &r,
        "UPDATE outbox SET tries = tries + 1, last_error = $2, next_at = clock_timestamp() + make_interval(secs "
        "=> $3) WHERE id = $1",
        DB_ID(id), DB_TEXT(error), DB_I64(wait_s < MAILER_RETRY_MAX_S ? wait_s : MAILER_RETRY_MAX_S));
}

/* The token of the mail's link; "" for a mail without one. */
static status make_token(struct db *d, struct arena *a, const struct db_rows *row, const struct form *f, char **ret)
{
    *ret = "";
    return f->purpose
               ? ticket_insert(d, a, step_deadline(), db_u64(row, 0, USER), f->purpose, db_text(row, 0, RECIPIENT), ret)
               : ST_OK;
}

static enum mail_result deliver(struct mailer *m, struct arena *a, const struct db_rows *row, const struct form *f,
                                const char *token, char error[MAIL_ERROR_BYTES])
{
    const char *link = *f->path ? arena_printf(a, "%s%s%s", m->public_url, f->path, token) : "";
    const struct mail mail = {
        .id = db_u64(row, 0, ID),
        .to = db_text(row, 0, RECIPIENT),
        .subject = f->subject,
        .text = arena_printf(a, f->text, m->public_url, link),
    };
    return mail_send(m->config, &mail, &m->thread.ending, error);
}

static status send(struct mailer *m, struct db *d, struct arena *a, const struct db_rows *row, const struct form *f)
{
    char text[MAIL_ERROR_BYTES], *error = text, *token;
    uint64_t id = db_u64(row, 0, ID);
    status st = make_token(d, a, row, f, &token);
    if (st != ST_OK)
        return st;
    enum mail_result result = deliver(m, a, row, f, token, error);
    if (result != MAIL_SENT && f->purpose)
        st = ticket_withdraw(d, a, step_deadline(), token);
    if (st != ST_OK)
        return st;
    if (result == MAIL_SENT)
        return finish(d, a, id, &sent_total);
    if (result == MAIL_LATER)
        return put_off(d, a, id, db_i64(row, 0, TRIES), error);
    log_warn("a mail is refused", LOG_I("mail", id), LOG_S("error", error));
    return finish(d, a, id, &refused_total);
}

/* *ret_more: there may be another. */
static status round_of(struct mailer *m, struct db *d, struct arena *a, bool *ret_more)
{
    struct db_rows *row;
    status st = next(d, a, &row);
    *ret_more = st == ST_OK && db_count(row);
    if (!*ret_more)
        return st;
    int64_t kind = db_i64(row, 0, KIND);
    if (!db_bool(row, 0, WANTED) || db_bool(row, 0, OFTEN) || kind < OUTBOX_VERIFY || kind > OUTBOX_CHANGED)
        return finish(d, a, db_u64(row, 0, ID), &dropped_total);
    if (db_bool(row, 0, LATE))
        return finish(d, a, db_u64(row, 0, ID), &late_total);
    return send(m, d, a, row, &forms[kind]);
}

/* ---- The thread ----------------------------------------------------------------------------------------------------
 */

static status lock(struct db *d, struct arena *a)
{
    struct db_rows *r;
    status st = db_run(d, a, step_deadline(), &r, "SELECT pg_try_advisory_lock($1)", DB_I64(LOCK_KEY));
    return st == ST_OK && !db_bool(r, 0, 0) ? ST_OVERLOADED : st;
}

static status count_waiting(struct db *d, struct arena *a)
{
    struct db_rows *r;
    status st = db_run(d, a, step_deadline(), &r, "SELECT count(*) FROM outbox");
    if (st == ST_OK)
        metric_set(&waiting, db_i64(r, 0, 0));
    return st;
}

static status work(struct mailer *m)
{
    DB_LEASED struct db *d = NULL;
    status st = db_lease(m->pool, clock_mono_ms() + 1000, &d);
    if (st != ST_OK)
        return st;
    db_close_at_release(d);
    bool more = false, held = false;
    do {
        struct arena *a = arena_create(0);
        if (!held)
            st = lock(d, a);
        held = st == ST_OK;
        if (st == ST_OK)
            st = round_of(m, d, a, &more);
        if (st == ST_OK && !more)
            st = count_waiting(d, a);
        arena_destroy(a);
    } while (st == ST_OK && background_rest(&m->thread, more ? 1 : IDLE_MS));
    if (st == ST_INTERNAL)
        log_warn("the outbox failed", LOG_S("sqlstate", db_sqlstate(d)), LOG_S("error", db_error_text(d)));
    return st;
}

static void run(void *user)
{
    struct mailer *m = user;
    do {
        if (work(m) == ST_OK)
            break;
        metric_set(&waiting, 0); /* another's to tell */
    } while (background_rest(&m->thread, AWAY_MS));
}

struct mailer *mailer_create(struct db_pool *pool, const struct mail_config *config, const char *public_url)
{
    struct metric *all[] = {&sent_total, &refused_total, &late_total, &dropped_total, &put_off_total, &waiting};
    if (!mail_is_on(config))
        return NULL;
    struct mailer *m = calloc(1, sizeof *m);
    if (!m)
        log_fatal("no memory for the mailer");
    *m = (struct mailer){.pool = pool, .config = config, .public_url = public_url};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        metric_register(all[i]);
    background_start(&m->thread, "the mailer", run, m);
    return m;
}

void mailer_destroy(struct mailer *m)
{
    if (!m)
        return;
    background_end(&m->thread);
    free(m);
}
