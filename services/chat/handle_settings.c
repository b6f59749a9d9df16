/* handle_settings.c - the service Settings. Each edit reads, merges and writes under the user's own feeds row, so edits
 * of two devices do not lose each other's fields. */
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include "services/chat/settings.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static status begin(struct call *c, struct change **ret)
{
    const uint64_t user_id = call_user(c);
    return change_begin(c, &user_id, 1, ST_UNKNOWN_USER, ret);
}

static struct db_blob pack(struct arena *a, const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *packed = arena_alloc(a, n + 1);
    protobuf_c_message_pack(m, packed);
    return (struct db_blob){packed, n};
}

/* ---- Of the account ---------------------------------------------------------------------------------------------- */

static status get(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__UserSettings *ret)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__UserSettings *s;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = settings_load(c, d, call_user(c), &s);
    if (st == ST_OK)
        *ret = *s;
    return st;
}

static status store(struct call *c, struct change *ch, const Hubbub__V1__UserSettings *s)
{
    struct db_rows *r;
    struct db_blob packed = pack(call_arena(c), &s->base);
    return change_query(ch, &r,
                        "INSERT INTO user_settings (user_id, settings) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE "
                        "SET settings = excluded.settings",
                        DB_ID(call_user(c)), DB_BYTES(packed.data, packed.n));
}

static status edit(struct call *c, const Hubbub__V1__UserSettings *req, Hubbub__V1__UserSettings *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__UserSettings *s;
    status st = begin(c, &ch);
    if (st == ST_OK)
        st = settings_load(c, change_db(ch), call_user(c), &s);
    if (st != ST_OK)
        return st;
    settings_merge(&s->base, &req->base, req->n_present, req->present);
    st = store(c, ch, s);
    if (st != ST_OK)
        return st;
    change_add(ch, call_user(c), call_user(c), 0, ROWS_EVENT(call_arena(c), user_settings_update, s));
    st = change_commit(ch);
    if (st == ST_OK)
        *ret = *s;
    return st;
}

/* ---- In the client's own form ------------------------------------------------------------------------------------ */

static status get_proto(struct call *c, const Hubbub__V1__SettingsProtoRequest *req, Hubbub__V1__SettingsProto *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK ? settings_load_proto(c, d, call_user(c), req->type, &ret->settings) : st;
}

static status bad_proto(struct call *c)
{
    return call_fail_field(c, "settings", "SETTINGS_PROTO_INVALID", "No protobuf in base64, or too much of it");
}

static status decode(struct call *c, const char *text, struct db_blob *ret)
{
    size_t n = strlen(text), n_bytes;
    uint8_t *bytes = arena_alloc(call_arena(c), n + 1);
    if (sodium_base642bin(bytes, n, text, n, NULL, &n_bytes, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return bad_proto(c);
    *ret = (struct db_blob){bytes, n_bytes};
    return ST_OK;
}

static status merge_proto(struct call *c, struct change *ch, int type, const struct db_blob *patch)
{
    struct db_rows *r;
    size_t n_old = 0, n;
    status st = change_query(
        ch, &r,
        "INSERT INTO user_settings AS s (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET user_id = $1 "
        "RETURNING CASE $2::int WHEN 1 THEN s.proto_1 ELSE s.proto_2 END",
        DB_ID(call_user(c)), DB_I64(type));
    if (st != ST_OK)
        return st;
    const uint8_t *old = db_bytes(r, 0, 0, &n_old);
    uint8_t *merged = settings_merge_proto(call_arena(c), old, n_old, patch->data, patch->n, &n);
    if (!merged || n > SETTINGS_PROTO_MAX)
        return bad_proto(c);
    return change_query(ch, &r,
                        "UPDATE user_settings SET proto_1 = CASE $2::int WHEN 1 THEN $3 ELSE proto_1 END, proto_2 = "
                        "CASE $2::int WHEN 2 THEN $3 ELSE proto_2 END WHERE user_id = $1",
                        DB_ID(call_user(c)), DB_I64(type), DB_BYTES(merged, n));
}

static void add_proto(struct call *c, struct change *ch, const Hubbub__V1__EditSettingsProtoRequest *req)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__SettingsProtoUpdated *e =
        PB_NEW(a, Hubbub__V1__SettingsProtoUpdated, hubbub__v1__settings_proto_updated);
    e->settings = PB_NEW(a, Hubbub__V1__SettingsProtoChange, hubbub__v1__settings_proto_change);
    e->settings->proto = req->settings;
    PB_SET(e->settings, type, req->type);
    PB_SET(e, partial, true);
    change_add(ch, call_user(c), call_user(c), 0, ROWS_EVENT(a, user_settings_proto_update, e));
}

static status edit_proto(struct call *c, const Hubbub__V1__EditSettingsProtoRequest *req,
                         Hubbub__V1__SettingsProto *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_blob patch = {0};
    status st = decode(c, req->settings, &patch);
    if (st == ST_OK)
        st = begin(c, &ch);
    if (st == ST_OK)
        st = merge_proto(c, ch, req->type, &patch);
    if (st == ST_OK)
        st = settings_load_proto(c, change_db(ch), call_user(c), req->type, &ret->settings);
    if (st != ST_OK)
        return st;
    add_proto(c, ch, req);
    return change_commit(ch);
}

/* ---- Objects by id ----------------------------------------------------------------------------------------------- */

/* An object whose keys are ids: each value is read into a message of its own. */
struct by_id {
    struct call *call;
    const char *field;
    const struct wire_message *wire;
    size_t n, max;
    uint64_t *ids; /* 0: @me */
    ProtobufCMessage **messages;
    status st;
};

static status refuse(struct by_id *b, const char *key, const Hubbub__V1__ErrorLeaf *leaf)
{
    const char *path = leaf ? arena_printf(call_arena(b->call), "%s.%s.%s", b->field, key, leaf->path)
                            : arena_printf(call_arena(b->call), "%s.%s", b->field, key);
    return leaf ? call_fail_field(b->call, path, leaf->code, leaf->message)
                : call_fail_field(b->call, path, "NUMBER_TYPE_COERCE", "Value is not a snowflake, or is one too many.");
}

static uint64_t id_of(const char *key)
{
    size_t n = strspn(key, "0123456789");
    uint64_t id = n && n < 20 && !key[n] ? strtoull(key, NULL, 10) : 0;
    return id <= INT64_MAX ? id : 0;
}

static void take_one(void *user, const char *key, struct wire_json *value)
{
    struct by_id *b = user;
    struct wire_errors errors = {.arena = call_arena(b->call)};
    uint64_t id = id_of(key);
    if (b->st != ST_OK)
        return;
    if (b->n == b->max || (!id && strcmp(key, "@me") != 0)) {
        b->st = refuse(b, key, NULL);
        return;
    }
    wire_read(value, b->wire, &errors, call_arena(b->call), &b->messages[b->n]);
    b->ids[b->n++] = id;
    if (errors.n)
        b->st = refuse(b, key, errors.leaves[0]);
}

static status read_by_id(struct by_id *b, const ProtobufCBinaryData *text)
{
    struct wire_json *json = NULL;
    b->ids = ARENA_ARRAY(call_arena(b->call), uint64_t, b->max);
    b->messages = ARENA_ARRAY(call_arena(b->call), ProtobufCMessage *, b->max);
    status st = wire_parse((const char *)text->data, text->len, &json);
    if (st != ST_OK || !wire_json_each(json, take_one, b))
        b->st = call_fail_field(b->call, b->field, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
    wire_json_free(json);
    return b->st;
}

/* ---- Of guilds --------------------------------------------------------------------------------------------------- */

static Hubbub__V1__ChannelOverride *override_of(struct call *c, Hubbub__V1__GuildSettings *s, uint64_t channel_id)
{
    for (size_t i = 0; i < s->n_channel_overrides; i++)
        if (s->channel_overrides[i]->channel_id == channel_id)
            return s->channel_overrides[i];
    Hubbub__V1__ChannelOverride **list =
        ARENA_ARRAY(call_arena(c), Hubbub__V1__ChannelOverride *, s->n_channel_overrides + 1);
    for (size_t i = 0; i < s->n_channel_overrides; i++)
        list[i] = s->channel_overrides[i];
    s->channel_overrides = list;
    list[s->n_channel_overrides] = PB_NEW(call_arena(c), Hubbub__V1__ChannelOverride, hubbub__v1__channel_override);
    PB_SET(list[s->n_channel_overrides], channel_id, channel_id);
    return list[s->n_channel_overrides++];
}

static status merge_overrides(struct call *c, const ProtobufCBinaryData *text, Hubbub__V1__GuildSettings *s)
{
    struct by_id b = {c, "channel_overrides", &hubbub__v1__channel_override__wire, .max = SETTINGS_OVERRIDES_MAX};
    status st = read_by_id(&b, text);
    for (size_t i = 0; st == ST_OK && i < b.n; i++) {
        const Hubbub__V1__ChannelOverride *given = (const Hubbub__V1__ChannelOverride *)b.messages[i];
        Hubbub__V1__ChannelOverride *to = override_of(c, s, b.ids[i]);
        settings_merge(&to->base, &given->base, given->n_present, given->present);
        PB_SET(to, channel_id, b.ids[i]);
    }
    if (st == ST_OK && s->n_channel_overrides > SETTINGS_OVERRIDES_MAX)
        st = call_fail_field(c, "channel_overrides", "BASE_TYPE_MAX_LENGTH", "Must be 1000 or fewer in length.");
    return st;
}

static size_t muted_channels(struct arena *a, const Hubbub__V1__GuildSettings *s, uint64_t **ret)
{
    size_t n = 0;
    *ret = ARENA_ARRAY(a, uint64_t, s->n_channel_overrides);
    for (size_t i = 0; i < s->n_channel_overrides; i++) {
        const Hubbub__V1__ChannelOverride *o = s->channel_overrides[i];
        if (o->muted && !(o->mute_config && o->mute_config->has_end_time))
            (*ret)[n++] = o->channel_id;
    }
    return n;
}

static status store_guild(struct call *c, struct change *ch, uint64_t guild_id, const Hubbub__V1__GuildSettings *s)
{
    struct db_rows *r;
    uint64_t *muted;
    size_t n = muted_channels(call_arena(c), s, &muted);
    struct db_blob packed = pack(call_arena(c), &s->base);
    return change_query(ch, &r,
                        "INSERT INTO guild_settings (user_id, guild_id, suppress_everyone, suppress_roles, "
                        "muted_channels, settings) VALUES ($1, $2, $3, $4, $5::bigint[], $6) ON CONFLICT (user_id, "
                        "guild_id) DO UPDATE SET suppress_everyone = excluded.suppress_everyone, suppress_roles = "
                        "excluded.suppress_roles, muted_channels = excluded.muted_channels, settings = "
                        "excluded.settings",
                        DB_ID(call_user(c)), DB_ID(guild_id), DB_BOOL(s->suppress_everyone), DB_BOOL(s->suppress_roles),
                        DB_IDS(muted, n), DB_BYTES(packed.data, packed.n));
}

static status load_guild(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__GuildSettings **ret)
{
    struct db_rows *r;
    size_t n = 0;
    status st = change_query(ch, &r, "SELECT settings FROM guild_settings WHERE user_id = $1 AND guild_id = $2",
                             DB_ID(call_user(c)), DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    const uint8_t *packed = db_count(r) ? db_bytes(r, 0, 0, &n) : NULL;
    *ret = n ? hubbub__v1__guild_settings__unpack(arena_protobuf(call_arena(c)), n, packed) : NULL;
    if (!*ret)
        *ret = PB_NEW(call_arena(c), Hubbub__V1__GuildSettings, hubbub__v1__guild_settings);
    return ST_OK;
}

/* 0: the DMs. */
static void set_guild(Hubbub__V1__GuildSettings *s, uint64_t guild_id)
{
    s->has_guild_id = guild_id != 0;
    s->guild_id = guild_id;
}

static status edit_one(struct call *c, struct change *ch, uint64_t guild_id,
                       const Hubbub__V1__EditGuildSettingsRequest *req, Hubbub__V1__GuildSettings **ret)
{
    struct access a;
    status st = guild_id ? access_guild(c, change_db(ch), guild_id, &a) : ST_OK;
    if (st == ST_OK)
        st = load_guild(c, ch, guild_id, ret);
    if (st != ST_OK)
        return st;
    settings_merge(&(*ret)->base, &req->base, req->n_present, req->present);
    set_guild(*ret, guild_id);
    if (req->has_channel_overrides && req->channel_overrides.len)
        st = merge_overrides(c, &req->channel_overrides, *ret);
    if (st != ST_OK)
        return st;
    PB_SET(*ret, version,
           change_add(ch, call_user(c), call_user(c), 0, ROWS_EVENT(call_arena(c), user_guild_settings_update, *ret)));
    return store_guild(c, ch, guild_id, *ret);
}

static status edit_in_change(struct call *c, uint64_t guild_id, const Hubbub__V1__EditGuildSettingsRequest *req,
                             Hubbub__V1__GuildSettings *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__GuildSettings *s;
    status st = begin(c, &ch);
    if (st == ST_OK)
        st = edit_one(c, ch, guild_id, req, &s);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *s;
    return st;
}

static status edit_guild(struct call *c, const Hubbub__V1__EditGuildSettingsRequest *req,
                         Hubbub__V1__GuildSettings *ret)
{
    if (!req->guild_id)
        return call_fail(c, ST_UNKNOWN_GUILD, "guild 0");
    return edit_in_change(c, req->guild_id, req, ret);
}

static status edit_directs(struct call *c, const Hubbub__V1__EditGuildSettingsRequest *req,
                           Hubbub__V1__GuildSettings *ret)
{
    return edit_in_change(c, 0, req, ret);
}

static status edit_guilds(struct call *c, const Hubbub__V1__EditManyGuildSettingsRequest *req,
                          Hubbub__V1__GuildSettingsList *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct by_id b = {c, "guilds", &hubbub__v1__edit_guild_settings_request__wire, .max = SETTINGS_GUILDS_AT_ONCE_MAX};
    status st = read_by_id(&b, &req->guilds);
    if (st == ST_OK)
        st = begin(c, &ch);
    ret->entries = ARENA_ARRAY(call_arena(c), Hubbub__V1__GuildSettings *, b.n);
    for (size_t i = 0; st == ST_OK && i < b.n; i++)
        st = edit_one(c, ch, b.ids[i], (const Hubbub__V1__EditGuildSettingsRequest *)b.messages[i],
                      &ret->entries[ret->n_entries++]);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__settings__handlers settings_handlers = {
    .get = get,
    .edit = edit,
    .get_proto = get_proto,
    .edit_proto = edit_proto,
    .edit_guild = edit_guild,
    .edit_directs = edit_directs,
    .edit_guilds = edit_guilds,
};
