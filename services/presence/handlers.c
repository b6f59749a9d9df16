#include "services/presence/handlers.h"
#include "hubbub/v1/presence.hub.h"
#include "services/presence/store.h"
#include "services/presence/update.h"
#include <string.h>

enum {
    NAME_BYTES_MAX = 128,
    ACTIVITIES_BYTES_MAX = 16 << 10,
    GUILDS_MAX = 1000,
    FRIENDS_MAX = 1000,
    RETRY_AFTER_MS = 1000
};

static const char *const statuses[] = {"online", "idle", "dnd", "invisible", "offline", NULL};
static const char *const clients[] = {"desktop", "mobile", "web", NULL};

static bool is_name(const char *s)
{
    size_t n = s ? strnlen(s, NAME_BYTES_MAX + 1) : 0;
    return n && n <= NAME_BYTES_MAX;
}

/* Unset and empty mean: as it was. */
static bool is_one_of(const char *s, const char *const *choices)
{
    if (!s || !*s)
        return true;
    while (*choices && strcmp(*choices, s))
        choices++;
    return *choices;
}

static bool is_valid(const Hubbub__V1__SessionPresence *p)
{
    return p->user_id && is_name(p->session_id) && is_one_of(p->status, statuses) && is_one_of(p->client, clients) &&
           p->activities.len <= ACTIVITIES_BYTES_MAX && p->n_guild_ids <= GUILDS_MAX && p->n_friend_ids <= FRIENDS_MAX;
}

static status unavailable(struct call *c)
{
    call_retry_after(c, RETRY_AFTER_MS);
    return call_fail(c, ST_UNAVAILABLE, "redis does not answer");
}

static status beat(struct call *c, const Hubbub__V1__BeatRequest *request, Hubbub__V1__BeatResponse *response)
{
    if (!is_name(request->gateway_id) || request->n_sessions > STORE_SESSIONS_MAX)
        return call_fail(c, ST_BAD_REQUEST, "%zu sessions, or no gateway", request->n_sessions);
    for (size_t i = 0; i < request->n_sessions; i++)
        if (!is_valid(request->sessions[i]))
            return call_fail(c, ST_BAD_REQUEST, "session %zu is not valid", i);
    bool wiped;
    if (store_beat(call_worker(c), call_arena(c), request, &wiped) != ST_OK)
        return unavailable(c);
    PB_SET(response, wiped, wiped);
    return ST_OK;
}

static status get(struct call *c, const Hubbub__V1__GetPresencesRequest *request,
                  Hubbub__V1__GetPresencesResponse *response)
{
    if (request->n_user_ids > STORE_USERS_MAX)
        return call_fail(c, ST_BAD_REQUEST, "%zu users", request->n_user_ids);
    struct arena *a = call_arena(c);
    struct shown *found;
    size_t n;
    if (store_get(call_worker(c), a, request->user_ids, request->n_user_ids, &found, &n) != ST_OK)
        return unavailable(c);
    response->presences = ARENA_ARRAY(a, Hubbub__V1__PresenceUpdated *, n);
    for (size_t i = 0; i < n; i++)
        response->presences[response->n_presences++] = update_new(a, &found[i]);
    return ST_OK;
}

static status get_connected(struct call *c, const Hubbub__V1__GetConnectedRequest *request,
                            Hubbub__V1__GetConnectedResponse *response)
{
    if (request->n_user_ids > STORE_USERS_MAX)
        return call_fail(c, ST_BAD_REQUEST, "%zu users", request->n_user_ids);
    status st = store_connected(call_worker(c), call_arena(c), request->user_ids, request->n_user_ids,
                                &response->user_ids, &response->n_user_ids);
    return st == ST_OK ? ST_OK : unavailable(c);
}

void handlers_serve(struct rpc_server *server)
{
    static const struct hubbub__v1__presences__handlers handlers = {
        .beat = beat, .get = get, .get_connected = get_connected};
    hubbub__v1__presences__serve(server, &handlers);
}
