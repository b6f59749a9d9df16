#include "services/presence/update.h"
#include <string.h>

static char *or_null(const char *s)
{
    return *s ? (char *)s : NULL;
}

Hubbub__V1__PresenceUpdated *update_new(struct arena *a, const struct shown *s)
{
    Hubbub__V1__PresenceUpdated *p = PB_NEW(a, Hubbub__V1__PresenceUpdated, hubbub__v1__presence_updated);
    p->user = PB_NEW(a, Hubbub__V1__PresenceUser, hubbub__v1__presence_user);
    PB_SET(p->user, id, s->user_id);
    p->status = (char *)s->status;
    PB_SET(p, activities, ((ProtobufCBinaryData){strlen(s->activities), (uint8_t *)s->activities}));
    p->client_status = PB_NEW(a, Hubbub__V1__ClientStatus, hubbub__v1__client_status);
    p->client_status->desktop = or_null(s->desktop);
    p->client_status->mobile = or_null(s->mobile);
    p->client_status->web = or_null(s->web);
    return p;
}

static void *pack(struct arena *a, Hubbub__V1__Event *event, size_t *ret_n)
{
    Hubbub__V1__BusMessage message = HUBBUB__V1__BUS_MESSAGE__INIT;
    message.n_ephemeral = 1;
    message.ephemeral = &event;
    *ret_n = hubbub__v1__bus_message__get_packed_size(&message);
    uint8_t *packed = arena_alloc(a, *ret_n);
    hubbub__v1__bus_message__pack(&message, packed);
    return packed;
}

void *update_pack(struct arena *a, const struct shown *s, uint64_t guild_id, size_t *ret_n)
{
    Hubbub__V1__Event event = HUBBUB__V1__EVENT__INIT;
    event.presence_update = update_new(a, s);
    PB_SET(event.presence_update, guild_id, guild_id);
    return pack(a, &event, ret_n);
}

void *update_pack_friend(struct arena *a, const struct shown *s, uint64_t friend_id, size_t *ret_n)
{
    Hubbub__V1__Event event = HUBBUB__V1__EVENT__INIT;
    event.presence_update = update_new(a, s);
    PB_SET(event.presence_update, friend_id, friend_id);
    return pack(a, &event, ret_n);
}

static Hubbub__V1__OwnSession *own_session(struct arena *a, const struct shown_session *s)
{
    Hubbub__V1__OwnSession *o = PB_NEW(a, Hubbub__V1__OwnSession, hubbub__v1__own_session);
    o->session_id = (char *)s->session_id;
    o->status = (char *)s->status;
    PB_SET(o, activities, ((ProtobufCBinaryData){strlen(s->activities), (uint8_t *)s->activities}));
    o->client_info = PB_NEW(a, Hubbub__V1__OwnSessionClient, hubbub__v1__own_session_client);
    o->client_info->client = (char *)s->client;
    return o;
}

void *update_pack_sessions(struct arena *a, const struct shown *s, size_t *ret_n)
{
    Hubbub__V1__SessionsReplaced replaced = HUBBUB__V1__SESSIONS_REPLACED__INIT;
    Hubbub__V1__Event event = HUBBUB__V1__EVENT__INIT;
    bool offline = strcmp(s->status, "offline") == 0;
    struct shown_session all = {"all", offline ? "invisible" : s->status, "unknown", s->activities};
    PB_SET(&replaced, user_id, s->user_id);
    replaced.sessions = ARENA_ARRAY(a, Hubbub__V1__OwnSession *, s->n_sessions + 1);
    if (s->n_sessions > 1)
        replaced.sessions[replaced.n_sessions++] = own_session(a, &all);
    for (size_t i = 0; i < s->n_sessions; i++)
        replaced.sessions[replaced.n_sessions++] = own_session(a, &s->sessions[i]);
    event.sessions_replace = &replaced;
    return pack(a, &event, ret_n);
}
