/* The rules of a request are two: all requests of the user (of the address, without one), and those of its bucket. The
 * bucket is the route's, whichever of its paths was taken and however it was spelt, with the number of the channel or
 * guild; a path that holds no number counts as 0. An address that got too many 401, 403 and 429 is refused before
 * anything is asked of anybody. */
#include "services/gateway/edge/admit.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/exchange.h"
#include "services/gateway/edge/limit_table.h"
#include "services/gateway/edge/proxies.h"
#include "services/gateway/edge/url.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_USER, REASON_GLOBAL, REASON_INVALID, REASON_LOGIN, REASON_IDENTIFY, REASON_HANDSHAKE, REASONS };
static struct metric refused[REASONS] = {
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"user\""),
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"global\""),
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"invalid\""),
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"login\""),
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"identify\""),
    METRIC_COUNTER("hubbub_ratelimited_total", "Requests and IDENTIFYs refused by a limit", "scope=\"handshake\""),
};

struct limits {
    struct ratelimit_limit of[RATELIMIT_CLASSES];
    struct limit_store *store;
    struct limit_table *handshakes;
    struct proxies proxies;
    bool untrusted_seen; /* somebody whom we do not trust sends X-Forwarded-For: said once */
};

bool admit_start(struct edge *e)
{
    struct limits *l = e->limits = calloc(1, sizeof *l);
    if (!l)
        log_fatal("out of memory");
    const char *wrong = ratelimit_read_options(l->of);
    if (wrong)
        log_error("a limit is neither COUNT/SECONDS nor off", LOG_S("option", wrong));
    bool proxies = proxies_parse(e->config->trusted_proxies, &l->proxies);
    if (!proxies)
        log_error("HUBBUB_TRUSTED_PROXIES is no list of addresses and networks");
    for (unsigned i = 0; i < REASONS; i++)
        metric_register(&refused[i]);
    l->handshakes = limit_table_create();
    l->store = limit_store_create(e->loop, e->config->redis_url);
    return l->store && !wrong && proxies;
}

struct hub_limit admit_socket_limit(const struct edge *e, enum ratelimit_class class)
{
    const struct ratelimit_limit *l = &e->limits->of[class];
    return (struct hub_limit){l->count, l->window_ms};
}

/* ---- Whom ------------------------------------------------------------------------------------------------------ */

/* The lines of the header, joined: a proxy may add a line of its own. */
static const char *forwarded_for(struct exchange *x)
{
    const char *all = NULL;
    for (unsigned i = 0; i < x->head.n_headers; i++) {
        const struct http_header *h = &x->head.headers[i];
        if (!strcmp(h->name, "x-forwarded-for"))
            all = all ? arena_printf(x->arena, "%s,%s", all, h->value) : h->value;
    }
    return all;
}

const char *admit_client_address(struct exchange *x)
{
    struct limits *l = x->edge->limits;
    const char *forwarded = forwarded_for(x), *peer = x->connection->address;
    if (!forwarded)
        return peer;
    char *address = arena_alloc(x->arena, INET6_ADDRSTRLEN);
    proxies_client_address(&l->proxies, peer, forwarded, address);
    if (!l->untrusted_seen && !strcmp(address, peer)) {
        l->untrusted_seen = true;
        log_warn("X-Forwarded-For is not believed: HUBBUB_TRUSTED_PROXIES does not name its sender",
                 LOG_S("peer", peer));
    }
    return address;
}

static void add_address(struct ratelimit_key *key, const struct exchange *x)
{
    struct in6_addr a = proxies_counted_address(x->caller.address);
    ratelimit_key_add(key, a.s6_addr, sizeof a.s6_addr);
}

static void add_caller(struct ratelimit_key *key, const struct exchange *x)
{
    if (x->identity.user_id)
        ratelimit_key_add_number(key, x->identity.user_id);
    else
        add_address(key, x);
}

/* The channel, else the guild, else 0; however it is written. */
static uint64_t major_of(const struct exchange *x)
{
    static const char *const names[] = {"channel_id", "guild_id", "webhook_id"};
    for (unsigned n = 0; n < sizeof names / sizeof names[0]; n++)
        for (unsigned i = 0; i < x->match.n_parameters; i++) {
            const struct router_parameter *p = &x->match.parameters[i];
            const char *text = strcmp(p->name, names[n]) ? NULL : url_decode(x->arena, p->value, p->len, false);
            if (text)
                return strtoull(text, NULL, 10);
        }
    return 0;
}

static struct ratelimit_rule invalid_rule(const struct exchange *x)
{
    struct ratelimit_rule r;
    ratelimit_rule_init(&r, x->edge->limits->of, RATELIMIT_INVALID, "invalid");
    add_address(&r.key, x);
    return r;
}

/* ---- Refusing -------------------------------------------------------------------------------------------------- */

static void refuse(struct exchange *x, const struct ratelimit_rule *r, int reason)
{
    struct buf headers = {0}, body = {0};
    bool global = reason == REASON_GLOBAL || reason == REASON_INVALID;
    metric_add(&refused[reason], 1);
    if (!global)
        x->admission.shown = *r;
    ratelimit_write_refusal(&headers, &body, global, r->reset_ms - clock_mono_ms());
    exchange_answer(x, 429, "application/json", buf_str(&headers), body.data, body.len);
    buf_finish(&headers);
    buf_finish(&body);
}

bool admit_refuse_address(struct exchange *x)
{
    struct ratelimit_rule r = invalid_rule(x);
    if (!limit_store_is_full(x->edge->limits->store, &r))
        return false;
    x->admission.exempt = true;
    refuse(x, &r, REASON_INVALID);
    return true;
}

bool admit_handshake(struct exchange *x)
{
    static const enum ratelimit_class classes[] = {RATELIMIT_HANDSHAKES_ADDRESS, RATELIMIT_HANDSHAKES};
    struct limits *l = x->edge->limits;
    struct in6_addr a = proxies_counted_address(admit_client_address(x));
    struct ratelimit_rule rules[2];
    unsigned n = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (!l->of[classes[i]].count)
            continue;
        ratelimit_rule_init(&rules[n], l->of, classes[i], "handshakes");
        rules[n].cost = 1;
        if (classes[i] == RATELIMIT_HANDSHAKES_ADDRESS)
            ratelimit_key_add(&rules[n].key, a.s6_addr, sizeof a.s6_addr);
        n++;
    }
    bool taken = limit_table_take(l->handshakes, rules, n, clock_mono_ms());
    metric_add(&refused[REASON_HANDSHAKE], !taken);
    return taken;
}

void admit_note_answer(struct exchange *x, int code)
{
    if ((code != 401 && code != 403 && code != 429) || x->admission.exempt)
        return;
    struct ratelimit_rule r = invalid_rule(x);
    limit_store_note(x->edge->limits->store, &r);
}

/* ---- Asking ---------------------------------------------------------------------------------------------------- */

static int reason_of(enum ratelimit_class class)
{
    switch (class) {
    case RATELIMIT_GLOBAL:
    case RATELIMIT_ADDRESS:
        return REASON_GLOBAL;
    case RATELIMIT_LOGIN:
    case RATELIMIT_LOGIN_TRIES:
    case RATELIMIT_LOGIN_ACCOUNT:
        return REASON_LOGIN;
    default:
        return REASON_USER;
    }
}

static void on_asked(struct limit_ask *ask)
{
    struct exchange *x = (struct exchange *)((char *)ask - offsetof(struct exchange, admission.ask));
    int full = ask->counted ? RATELIMIT_NO_RULE : ratelimit_judge(ask->rules, ask->n);
    for (unsigned i = 0; i < ask->n; i++)
        if (reason_of(ask->rules[i].class) != REASON_GLOBAL && ask->rules[i].cost)
            x->admission.shown = ask->rules[i];
    if (exchange_alive(x) && full != RATELIMIT_NO_RULE)
        refuse(x, &ask->rules[full], reason_of(ask->rules[full].class));
    else if (exchange_alive(x))
        x->admission.go(x);
    exchange_unref(x);
}

static void take(struct exchange *x, void (*go)(struct exchange *))
{
    x->admission.go = go;
    x->admission.ask.done = on_asked;
    exchange_ref(x);
    limit_store_take(x->edge->limits->store, &x->admission.ask);
}

void admit(struct exchange *x, enum ratelimit_class class, const char *bucket, void (*go)(struct exchange *))
{
    const struct ratelimit_limit *limits = x->edge->limits->of;
    struct ratelimit_rule all, own;
    x->admission.ask.n = 0;
    ratelimit_rule_init(&all, limits, x->identity.user_id ? RATELIMIT_GLOBAL : RATELIMIT_ADDRESS, "all");
    add_caller(&all.key, x);
    limit_ask_add(&x->admission.ask, &all);
    ratelimit_rule_init(&own, limits, class, bucket);
    ratelimit_key_add_number(&own.key, major_of(x));
    if (class != RATELIMIT_MESSAGES || x->identity.user_id) /* a webhook posts from anywhere, at one rate */
        add_caller(&own.key, x);
    limit_ask_add(&x->admission.ask, &own);
    take(x, go);
}

void admit_route(struct exchange *x, void (*go)(struct exchange *))
{
    admit(x, ratelimit_class_of(x->match.route), x->match.route->bucket, go);
}

void admit_message(struct edge *e, uint64_t user_id, uint64_t channel_id, struct limit_ask *ask)
{
    struct ratelimit_rule r;
    ratelimit_rule_init(&r, e->limits->of, RATELIMIT_MESSAGES, "hubbub.v1.Messages.Create");
    ratelimit_key_add_number(&r.key, channel_id);
    ratelimit_key_add_number(&r.key, user_id);
    ask->n = 0;
    limit_ask_add(ask, &r);
    limit_store_take(e->limits->store, ask);
}

void admit_count_refused_message(void)
{
    metric_add(&refused[REASON_USER], 1);
}

/* User names and e-mails are one account in any case of letters. */
static void add_account(struct ratelimit_key *key, const struct exchange *x, const char *account)
{
    char *text = arena_strdup(x->arena, account);
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    ratelimit_key_add_text(key, text);
}

void admit_login(struct exchange *x, const char *account, void (*go)(struct exchange *))
{
    struct ratelimit_rule tries, all;
    x->admission.ask.n = 0;
    ratelimit_rule_init(&all, x->edge->limits->of, RATELIMIT_LOGIN_ACCOUNT, "login.account");
    add_account(&all.key, x, account);
    limit_ask_add(&x->admission.ask, &all);
    ratelimit_rule_init(&tries, x->edge->limits->of, RATELIMIT_LOGIN_TRIES, "login.tries");
    add_account(&tries.key, x, account);
    add_address(&tries.key, x);
    limit_ask_add(&x->admission.ask, &tries);
    take(x, go);
}

void admit_write_headers(const struct exchange *x, struct buf *b)
{
    if (x->admission.shown.limit.count)
        ratelimit_write_headers(b, &x->admission.shown, clock_mono_ms(), clock_wall_ms());
}

/* ---- IDENTIFY -------------------------------------------------------------------------------------------------- */

static struct ratelimit_rule starts_rule(const struct edge *e, uint64_t user_id, enum ratelimit_class class,
                                         const char *bucket)
{
    struct ratelimit_rule r;
    ratelimit_rule_init(&r, e->limits->of, class, bucket);
    ratelimit_key_add_number(&r.key, user_id);
    return r;
}

void admit_read_starts(struct exchange *x, void (*go)(struct exchange *))
{
    struct ratelimit_rule r = starts_rule(x->edge, x->identity.user_id, RATELIMIT_IDENTIFY, "identify");
    r.cost = 0;
    x->admission.ask.n = 0;
    limit_ask_add(&x->admission.ask, &r);
    take(x, go);
}

struct admit_starts admit_starts_of(const struct exchange *x)
{
    enum { DAY_MS = 86400000, TOTAL = 1000 };
    int64_t max_concurrency = ratelimit_identify_buckets();
    if (!x->admission.ask.n) /* it is off */
        return (struct admit_starts){TOTAL, TOTAL, DAY_MS, max_concurrency};
    const struct ratelimit_rule *r = &x->admission.ask.rules[0];
    int64_t left = r->limit.count - r->count, wait = r->count ? r->reset_ms - clock_mono_ms() : r->limit.window_ms;
    return (struct admit_starts){r->limit.count, left > 0 ? left : 0, wait > 0 ? wait : 0, max_concurrency};
}

void admit_identify(struct edge *e, uint64_t user_id, int32_t shard, struct limit_ask *ask)
{
    struct ratelimit_rule day = starts_rule(e, user_id, RATELIMIT_IDENTIFY, "identify"),
                          together = starts_rule(e, user_id, RATELIMIT_CONCURRENCY, "identify.concurrency");
    ratelimit_key_add_number(&together.key, (uint64_t)(shard % ratelimit_identify_buckets()));
    ask->n = 0;
    limit_ask_add(ask, &day);
    limit_ask_add(ask, &together);
    limit_store_take(e->limits->store, ask);
}

void admit_count_refused_identify(void)
{
    metric_add(&refused[REASON_IDENTIFY], 1);
}
