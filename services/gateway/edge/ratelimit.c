#include "services/gateway/edge/ratelimit.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options --------------------------------------------------------------------------------------------------- */

static const char *mode, *texts[RATELIMIT_CLASSES];
static int64_t concurrency;

enum { CONCURRENCY_WINDOW_MS = 5000, WINDOW_SECONDS_MAX = 7 * 86400, COUNT_MAX = 1000000000 };

#define LIMIT(class, fallback, doc)                                                                                    \
    {                                                                                                                  \
        "HUBBUB_RATELIMIT_" #class, CONFIG_STRING, &texts[RATELIMIT_##class], fallback, 0, 0, NULL, doc                \
    }
static const struct config_option options[] = {
    {"HUBBUB_RATELIMIT", CONFIG_CHOICE, &mode, "on", 0, 0, "on|off", "Whether anything is limited"},
    LIMIT(GLOBAL, "50/1", "Requests of a user, as COUNT/SECONDS; off: no limit"),
    LIMIT(ADDRESS, "500/5", "Requests without a user, of an address"),
    LIMIT(INVALID, "10000/600", "Answers 401, 403 and 429 to an address; then it is refused everything"),
    LIMIT(READ, "100/5", "GET requests of a user, for each route and guild or channel"),
    LIMIT(WRITE, "50/5", "Other requests of a user, for each route and guild or channel"),
    LIMIT(MESSAGES, "10/5", "Messages of a user in a channel, and of a webhook"),
    LIMIT(GUILDS, "20/60", "Guilds that a user makes, and invites that a user accepts"),
    LIMIT(ACCOUNT, "10/60", "Changes of the own account, which try a password"),
    LIMIT(REGISTER, "100/300", "New accounts from an address"),
    LIMIT(LOGIN, "200/300", "Logins from an address"),
    LIMIT(LOGIN_TRIES, "10/300", "Logins into one account from an address"),
    LIMIT(LOGIN_ACCOUNT, "200/3600", "Logins into one account from all addresses"),
    LIMIT(IDENTIFY, "1000/86400", "IDENTIFYs of a bot, told by /gateway/bot"),
    LIMIT(HANDSHAKES_ADDRESS, "5000/10", "WebSocket handshakes of an address at one gateway; more are answered 503"),
    LIMIT(HANDSHAKES, "20000/10", "WebSocket handshakes at one gateway; more are answered 503"),
    LIMIT(FRAMES, "120/60", "Frames that a client sends on a WebSocket; one more closes it with 4008"),
    LIMIT(PRESENCE, "5/20", "Presence updates (op 3) on a WebSocket; of more, the last counts once the time is over"),
    {"HUBBUB_IDENTIFY_CONCURRENCY", CONFIG_INT, &concurrency, "16", 1, 1000, NULL,
     "Shards of a bot that may identify within 5 s (max_concurrency)"},
};
const struct config_table ratelimit_options = {options, sizeof options / sizeof options[0]};

/* A whole number from 1 to max at *at, which is moved behind it. */
static bool read_number(const char **at, int64_t max, int64_t *ret)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    long long n = strtoll(*at, &end, 10);
    *at = end;
    *ret = n;
    return n >= 1 && n <= max;
}

bool ratelimit_parse(const char *text, struct ratelimit_limit *ret)
{
    int64_t count, seconds;
    if (!strcmp(text, "off")) {
        *ret = (struct ratelimit_limit){0};
        return true;
    }
    if (!read_number(&text, COUNT_MAX, &count) || *text++ != '/' || !read_number(&text, WINDOW_SECONDS_MAX, &seconds) ||
        *text)
        return false;
    *ret = (struct ratelimit_limit){count, seconds * 1000};
    return true;
}

const char *ratelimit_read_options(struct ratelimit_limit ret[RATELIMIT_CLASSES])
{
    memset(ret, 0, RATELIMIT_CLASSES * sizeof *ret);
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].type != CONFIG_STRING) /* each text is a limit */
            continue;
        const char **text = options[i].value;
        if (!ratelimit_parse(*text, &ret[text - texts]))
            return options[i].name;
    }
    ret[RATELIMIT_CONCURRENCY] = (struct ratelimit_limit){1, CONCURRENCY_WINDOW_MS};
    if (!strcmp(mode, "off"))
        memset(ret, 0, RATELIMIT_FRAMES * sizeof *ret);
    return NULL;
}

int64_t ratelimit_identify_buckets(void)
{
    return concurrency;
}

/* ---- Rules ----------------------------------------------------------------------------------------------------- */

enum ratelimit_class ratelimit_class_of(const struct wire_route *route)
{
    static const struct {
        const char *bucket;
        enum ratelimit_class class;
    } rows[] = {
        {"hubbub.v1.Messages.Create", RATELIMIT_MESSAGES}, {"webhook", RATELIMIT_MESSAGES},
        {"hubbub.v1.Guilds.Create", RATELIMIT_GUILDS},     {"hubbub.v1.Invites.Accept", RATELIMIT_GUILDS},
        {"hubbub.v1.Accounts.EditMe", RATELIMIT_ACCOUNT},  {"hubbub.v1.Accounts.SignUp", RATELIMIT_REGISTER},
        {"hubbub.v1.Accounts.Login", RATELIMIT_LOGIN},     {"hubbub.v1.SecondFactor.FinishLogin", RATELIMIT_LOGIN},
        {"hubbub.v1.Emails.Forgot", RATELIMIT_LOGIN},      {"hubbub.v1.Emails.Verify", RATELIMIT_LOGIN},
        {"hubbub.v1.Emails.Reset", RATELIMIT_LOGIN},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!strcmp(rows[i].bucket, route->bucket))
            return rows[i].class;
    return strcmp(route->verb, "GET") ? RATELIMIT_WRITE : RATELIMIT_READ;
}

void ratelimit_key_add(struct ratelimit_key *k, const void *data, size_t n)
{
    struct ratelimit_key before = *k;
    crypto_generichash(k->bytes, sizeof k->bytes, data, n, before.bytes, sizeof before.bytes);
}

void ratelimit_key_add_number(struct ratelimit_key *k, uint64_t n)
{
    uint8_t bytes[8]; /* the same on every machine */
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(n >> 8 * i);
    ratelimit_key_add(k, bytes, sizeof bytes);
}

void ratelimit_key_add_text(struct ratelimit_key *k, const char *text)
{
    ratelimit_key_add(k, text, strlen(text));
}

void ratelimit_key_text(const struct ratelimit_key *k, char ret[RATELIMIT_KEY_TEXT_BYTES])
{
    memcpy(ret, "rl:", 3);
    sodium_bin2hex(ret + 3, RATELIMIT_KEY_TEXT_BYTES - 3, k->bytes, sizeof k->bytes);
}

void ratelimit_rule_init(struct ratelimit_rule *r, const struct ratelimit_limit limits[RATELIMIT_CLASSES],
                         enum ratelimit_class class, const char *bucket)
{
    *r = (struct ratelimit_rule){.class = class, .limit = limits[class], .cost = 1};
    ratelimit_key_add_text(&r->key, bucket);
    sodium_bin2hex(r->bucket, sizeof r->bucket, r->key.bytes, sizeof r->bucket / 2);
}

int ratelimit_judge(const struct ratelimit_rule *rules, unsigned n)
{
    int worst = RATELIMIT_NO_RULE;
    for (unsigned i = 0; i < n; i++)
        if (ratelimit_is_full(&rules[i]) && (worst < 0 || rules[i].reset_ms > rules[worst].reset_ms))
            worst = (int)i;
    return worst;
}

/* ---- Redis ----------------------------------------------------------------------------------------------------- */

const char ratelimit_script[] = "local counts, fits = {}, 1\n"
                                "for i, key in ipairs(KEYS) do\n"
                                "    counts[i] = tonumber(redis.call('GET', key)) or 0\n"
                                "    if counts[i] + ARGV[3 * i] > tonumber(ARGV[3 * i - 2]) then fits = 0 end\n"
                                "end\n"
                                "local answer = {fits}\n"
                                "for i, key in ipairs(KEYS) do\n"
                                "    local cost = tonumber(ARGV[3 * i])\n"
                                "    if fits == 1 and cost > 0 then\n"
                                "        counts[i] = redis.call('INCRBY', key, cost)\n"
                                "        if counts[i] == cost then redis.call('PEXPIRE', key, ARGV[3 * i - 1]) end\n"
                                "    end\n"
                                "    answer[2 * i], answer[2 * i + 1] = counts[i], redis.call('PTTL', key)\n"
                                "end\n"
                                "return answer\n";

/* A key of Redis is still there in the last millisecond that it was given, so the reset is one later. */
bool ratelimit_read_answer(struct ratelimit_rule *rules, unsigned n, const int64_t *numbers, unsigned n_numbers,
                           int64_t now_ms, bool *ret_counted)
{
    if (n_numbers != 1 + 2 * n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        int64_t left = numbers[2 + 2 * i];
        rules[i].count = numbers[1 + 2 * i];
        rules[i].reset_ms = now_ms + (left >= 0 ? left + 1 : rules[i].limit.window_ms);
    }
    *ret_counted = numbers[0] == 1;
    return true;
}

/* ---- What the client reads ------------------------------------------------------------------------------------- */

static void put_seconds(struct buf *b, const char *before, int64_t ms, const char *after)
{
    buf_printf(b, "%s%" PRId64 ".%03d%s", before, ms / 1000, (int)(ms % 1000), after);
}

void ratelimit_write_headers(struct buf *b, const struct ratelimit_rule *r, int64_t now_ms, int64_t wall_ms)
{
    int64_t left = r->limit.count - r->count, wait = r->reset_ms - now_ms;
    wait = wait > 0 ? wait : 0;
    buf_printf(b, "X-RateLimit-Limit: %" PRId64 "\r\nX-RateLimit-Remaining: %" PRId64 "\r\n", r->limit.count,
               left > 0 ? left : 0);
    put_seconds(b, "X-RateLimit-Reset: ", wall_ms + wait, "\r\n");
    put_seconds(b, "X-RateLimit-Reset-After: ", wait, "\r\n");
    buf_printf(b, "X-RateLimit-Bucket: %s\r\n", r->bucket);
}

void ratelimit_write_refusal(struct buf *headers, struct buf *body, bool global, int64_t wait_ms)
{
    wait_ms = wait_ms > 0 ? wait_ms : 1;
    buf_printf(headers, "Retry-After: %" PRId64 "\r\nX-RateLimit-Scope: %s\r\n%s", (wait_ms + 999) / 1000,
               global ? "global" : "user", global ? "X-RateLimit-Global: true\r\n" : "");
    put_seconds(body, "{\"message\":\"You are being rate limited.\",\"retry_after\":", wait_ms, "");
    buf_printf(body, ",\"global\":%s,\"code\":0}", global ? "true" : "false");
}
