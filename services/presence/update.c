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

void *update_pack(struct arena *a, const struct shown *s, uint64_t guild_id, size_t *ret_n)
{
    Hubbub__V1__Event event = HUBBUB__V1__EVENT__INIT, *events[] = {&event};
    event.presence_update = update_new(a, s);
    PB_SET(event.presence_update, guild_id, guild_id);
    Hubbub__V1__BusMessage message = HUBBUB__V1__BUS_MESSAGE__INIT;
    message.n_ephemeral = 1;
    message.ephemeral = events;
    *ret_n = hubbub__v1__bus_message__get_packed_size(&message);
    uint8_t *packed = arena_alloc(a, *ret_n);
    hubbub__v1__bus_message__pack(&message, packed);
    return packed;
}
