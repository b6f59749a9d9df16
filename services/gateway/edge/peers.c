/* A session's id ends with the name of the gateway that opened it: that one is asked first, if its answers have told
 * where it is; unless it has the session, all others are asked at once, and the answer that goes before the others
 * (enum hub_take) is the answer of all. */
#include "services/gateway/edge/peers.h"
#include "hubbub/v1/gateway.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEERS_MAX = 64,
    ID_RANDOM = 32,
    TAKE_TIMEOUT_MS = 1500,
    LOOK_EVERY_MS = 500,
    GIVE_UP_MS = 3000,
    HASH_BYTES = 32
};

struct peer {
    struct peers *peers;
    struct rpc_group *group;
    char id[64];          /* "" until it has answered */
    int64_t silent_since; /* the first call in a row that did not reach it; 0: the last did */
    bool draining, looking;
};
struct peers {
    struct edge *edge;
    struct peer all[PEERS_MAX];
    unsigned n;
    int64_t next_look_ms;
};

static void add_peer(struct peers *p, const char *target, size_t n)
{
    char text[256];
    if (p->n == PEERS_MAX || n >= sizeof text)
        log_fatal("HUBBUB_GATEWAY_TARGETS: at most %d targets, of at most 255 bytes", PEERS_MAX);
    snprintf(text, sizeof text, "%.*s", (int)n, target);
    if (strcmp(text, p->edge->config->rpc_listen))
        p->all[p->n++] = (struct peer){.peers = p, .group = rpc_group_create(p->edge->rpc, text)};
}

struct peers *peers_create(struct edge *e)
{
    struct peers *p = calloc(1, sizeof *p);
    if (!p)
        log_fatal("out of memory");
    p->edge = e;
    for (const char *at = e->config->gateway_targets; *at;) {
        size_t n = strcspn(at, ", ");
        if (n)
            add_peer(p, at, n);
        at += n + (at[n] != '\0');
    }
    if (p->n)
        return p;
    free(p);
    return NULL;
}

/* ---- Take -------------------------------------------------------------------------------------------------------- */

/* One question, until all have answered. */
struct taking {
    struct peers *peers;
    uint64_t ticket, from;
    unsigned waiting, outcome;
    int asked_first; /* index of the owner; -1: nobody was */
    Hubbub__V1__SessionMove *move;
    Hubbub__V1__TakeSessionRequest request;
    uint8_t token_hash[HASH_BYTES];
    char session_id[129];
};
struct part {
    struct taking *taking;
    unsigned peer;
};

static void end_taking(struct taking *t)
{
    struct edge *e = t->peers->edge;
    hub_on_take(e->hub, t->ticket, t->outcome, t->from, t->move, clock_mono_ms());
    edge_touch(e);
    if (t->move)
        hubbub__v1__session_move__free_unpacked(t->move, NULL);
    free(t);
}

static Hubbub__V1__SessionMove *copy_move(const Hubbub__V1__SessionMove *m)
{
    size_t n = hubbub__v1__session_move__get_packed_size(m);
    uint8_t *bytes = malloc(n + 1);
    if (!bytes)
        log_fatal("out of memory");
    hubbub__v1__session_move__pack(m, bytes);
    Hubbub__V1__SessionMove *copy = hubbub__v1__session_move__unpack(NULL, n, bytes);
    free(bytes);
    return copy;
}

/* What the call told of the peer itself. */
static void note_answer(struct peer *p, const struct rpc_result *result)
{
    const Hubbub__V1__TakeSessionResponse *r = (const Hubbub__V1__TakeSessionResponse *)result->response;
    if (result->st != ST_OK && !p->silent_since)
        p->silent_since = clock_mono_ms();
    if (result->st != ST_OK)
        return;
    p->silent_since = 0;
    p->draining = r->draining;
    if (r->gateway_id)
        snprintf(p->id, sizeof p->id, "%s", r->gateway_id);
}

/* A busy peer may miss a call, and is there all the same. */
static bool is_gone(const struct peer *p)
{
    return p->silent_since && clock_mono_ms() - p->silent_since >= PEERS_GONE_MS;
}

static unsigned outcome_of(const struct peer *p, const struct rpc_result *result)
{
    if (result->st == ST_OK)
        return ((const Hubbub__V1__TakeSessionResponse *)result->response)->outcome;
    bool gone = result->st == ST_UNAVAILABLE && is_gone(p);
    return gone ? HUB_TAKE_UNKNOWN : HUB_TAKE_UNSURE;
}

static void ask_others(struct taking *);

static void on_taken(void *user, const struct rpc_result *result)
{
    struct part part = *(struct part *)user;
    struct taking *t = part.taking;
    struct peer *p = &t->peers->all[part.peer];
    free(user);
    note_answer(p, result);
    unsigned outcome = outcome_of(p, result);
    const Hubbub__V1__SessionMove *m =
        result->st == ST_OK ? ((const Hubbub__V1__TakeSessionResponse *)result->response)->session : NULL;
    if (outcome == HUB_TAKE_TAKEN && !t->move && m)
        t->move = copy_move(m);
    if (outcome == HUB_TAKE_TAKEN && !t->move)
        outcome = HUB_TAKE_UNSURE;
    if (outcome >= t->outcome) {
        t->outcome = outcome;
        t->from = part.peer + 1;
    }
    if (--t->waiting)
        return;
    bool only_owner = t->asked_first >= 0 && (outcome == HUB_TAKE_UNKNOWN || outcome == HUB_TAKE_MOVED);
    if (only_owner && t->peers->n > 1)
        ask_others(t);
    else
        end_taking(t);
}

static void ask_one(struct taking *t, unsigned peer)
{
    struct part *part = malloc(sizeof *part);
    if (!part)
        log_fatal("out of memory");
    *part = (struct part){t, peer};
    struct rpc_identity who = {0};
    t->waiting++;
    rpc_call(t->peers->all[peer].group, 0, &hubbub__v1__gateway__take_session__method, &t->request.base, &who,
             TAKE_TIMEOUT_MS, on_taken, part);
}

static void ask_others(struct taking *t)
{
    int except = t->asked_first;
    t->asked_first = -1;
    for (unsigned i = 0; i < t->peers->n; i++)
        if ((int)i != except)
            ask_one(t, i);
}

static int find_owner(const struct peers *p, const char *session_id)
{
    const char *id = strnlen(session_id, ID_RANDOM + 1) > ID_RANDOM ? session_id + ID_RANDOM + 1 : "";
    for (unsigned i = 0; i < p->n; i++)
        if (*id && !strcmp(p->all[i].id, id))
            return (int)i;
    return -1;
}

void peers_take(struct peers *p, uint64_t ticket, const char *session_id, const char *token, int64_t seq, bool again)
{
    struct taking *t = calloc(1, sizeof *t);
    if (!t)
        log_fatal("out of memory");
    *t = (struct taking){.peers = p, .ticket = ticket, .asked_first = again ? -1 : find_owner(p, session_id)};
    snprintf(t->session_id, sizeof t->session_id, "%s", session_id);
    const char *bare = strncmp(token, "Bot ", 4) ? token : token + 4;
    crypto_generichash(t->token_hash, HASH_BYTES, (const unsigned char *)bare, strlen(bare), NULL, 0);
    hubbub__v1__take_session_request__init(&t->request);
    t->request.session_id = t->session_id;
    PB_SET(&t->request, token_hash, ((ProtobufCBinaryData){HASH_BYTES, t->token_hash}));
    PB_SET(&t->request, seq, seq);
    if (t->asked_first >= 0)
        ask_one(t, (unsigned)t->asked_first);
    else
        ask_others(t);
}

/* ---- Confirm ----------------------------------------------------------------------------------------------------- */

struct confirming {
    struct edge *edge;
    uint64_t ticket;
};

static void on_confirmed(void *user, const struct rpc_result *result)
{
    struct confirming c = *(struct confirming *)user;
    free(user);
    bool ok = result->st == ST_OK && ((const Hubbub__V1__ConfirmMoveResponse *)result->response)->ok;
    hub_on_confirm(c.edge->hub, c.ticket, result->st, ok, clock_mono_ms());
    edge_touch(c.edge);
}

void peers_confirm(struct peers *p, uint64_t ticket, uint64_t from, const char *session_id, uint64_t hop)
{
    struct confirming *c = malloc(sizeof *c);
    if (!c)
        log_fatal("out of memory");
    *c = (struct confirming){p->edge, ticket};
    Hubbub__V1__ConfirmMoveRequest request = HUBBUB__V1__CONFIRM_MOVE_REQUEST__INIT;
    request.session_id = (char *)session_id;
    PB_SET(&request, hop, hop);
    struct rpc_identity who = {0};
    rpc_call(p->all[from - 1].group, 0, &hubbub__v1__gateway__confirm_move__method, &request.base, &who,
             TAKE_TIMEOUT_MS, on_confirmed, c);
}

/* ---- Who is there ------------------------------------------------------------------------------------------------ */

static void on_looked(void *user, const struct rpc_result *result)
{
    struct peer *p = user;
    p->looking = false;
    note_answer(p, result);
}

static void look(struct peer *p)
{
    Hubbub__V1__TakeSessionRequest request = HUBBUB__V1__TAKE_SESSION_REQUEST__INIT;
    struct rpc_identity who = {0};
    p->looking = true;
    rpc_call(p->group, 0, &hubbub__v1__gateway__take_session__method, &request.base, &who, TAKE_TIMEOUT_MS, on_looked,
             p);
}

bool peers_take_over(struct peers *p, int64_t now_ms)
{
    bool due = now_ms >= p->next_look_ms, any = false;
    if (due)
        p->next_look_ms = now_ms + LOOK_EVERY_MS;
    for (unsigned i = 0; i < p->n; i++) {
        if (due && !p->all[i].looking)
            look(&p->all[i]);
        any |= !p->all[i].draining && !is_gone(&p->all[i]);
    }
    return any;
}
