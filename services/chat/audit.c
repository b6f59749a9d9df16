#include "services/chat/audit.h"
#include "hubbub/v1/moderation.hub.h"
#include "lib/permission/permission.h"
#include "services/chat/rows.h"
#include <string.h>

const char *const AUDIT_GUILD_FIELDS[] = {"name",
                                          "description",
                                          "owner_id",
                                          "verification_level",
                                          "mfa_level",
                                          "default_message_notifications",
                                          "explicit_content_filter",
                                          "system_channel_id",
                                          "afk_channel_id",
                                          "afk_timeout",
                                          "preferred_locale",
                                          "icon_hash",
                                          "banner_hash",
                                          "splash_hash",
                                          "discovery_splash_hash",
                                          NULL};
const char *const AUDIT_CHANNEL_FIELDS[] = {
    "name", "type", "topic", "position", "parent_id", "nsfw", "bitrate", "user_limit", "rate_limit_per_user", NULL};
const char *const AUDIT_ROLE_FIELDS[] = {"name", "color", "hoist", "position", "permissions", "mentionable",
                                         "icon_hash", "unicode_emoji", NULL};
const char *const AUDIT_MEMBER_FIELDS[] = {"nick", "communication_disabled_until", "mute", "deaf", NULL};
const char *const AUDIT_INVITE_FIELDS[] = {"code", "max_age", "max_uses", "uses", "temporary", NULL};
const char *const AUDIT_WEBHOOK_FIELDS[] = {"name", "type", "channel_id", "avatar_hash", NULL};
const char *const AUDIT_OVERWRITE_FIELDS[] = {"id", "type", "allow", "deny", NULL};

Hubbub__V1__AuditEntry *audit_entry(struct call *c, enum audit_action action, uint64_t target_id)
{
    Hubbub__V1__AuditEntry *e = PB_NEW(call_arena(c), Hubbub__V1__AuditEntry, hubbub__v1__audit_entry);
    const char *reason = call_reason(c);
    if (call_user(c))
        PB_SET(e, user_id, call_user(c));
    PB_SET(e, action_type, action);
    if (target_id)
        PB_SET(e, target_id, target_id);
    if (*reason)
        e->reason = arena_strdup(call_arena(c), reason);
    return e;
}

Hubbub__V1__AuditOptions *audit_options(struct call *c, Hubbub__V1__AuditEntry *e)
{
    if (!e->options)
        e->options = PB_NEW(call_arena(c), Hubbub__V1__AuditOptions, hubbub__v1__audit_options);
    return e->options;
}

/* ---- What changed ---------------------------------------------------------------------------------------------- */

/* What the log calls icon_hash is the field icon. */
static const char *field_of(struct arena *a, const char *key)
{
    size_t n = strlen(key), suffix = sizeof "_hash" - 1;
    return n > suffix && !strcmp(key + n - suffix, "_hash") ? arena_strndup(a, key, n - suffix) : key;
}

/* The JSON of a field; {0} when there is no message, or the field is null in it. */
static ProtobufCBinaryData value_of(struct call *c, const struct wire_message *wire, const ProtobufCMessage *message,
                                    const char *field)
{
    ProtobufCBinaryData value = {0};
    struct buf b = {0};
    if (!message)
        return value;
    wire_write_field(&b, wire, message, field);
    if (!b.failed && b.len && !(b.len == 4 && !memcmp(b.data, "null", 4))) {
        value = (ProtobufCBinaryData){b.len, arena_alloc(call_arena(c), b.len)};
        memcpy(value.data, b.data, b.len);
    }
    buf_finish(&b);
    return value;
}

static void add_change(struct call *c, Hubbub__V1__AuditEntry *e, const char *key, ProtobufCBinaryData old,
                       ProtobufCBinaryData new)
{
    struct arena *a = call_arena(c);
    if (old.len == new.len && (!old.len || !memcmp(old.data, new.data, old.len)))
        return;
    Hubbub__V1__AuditChange *change = PB_NEW(a, Hubbub__V1__AuditChange, hubbub__v1__audit_change);
    change->key = (char *)key;
    change->has_old_value = old.len > 0;
    change->old_value = old;
    change->has_new_value = new.len > 0;
    change->new_value = new;
    Hubbub__V1__AuditChange **changes = ARENA_ARRAY(a, Hubbub__V1__AuditChange *, e->n_changes + 1);
    if (e->n_changes)
        memcpy(changes, e->changes, e->n_changes * sizeof *changes);
    changes[e->n_changes++] = change;
    e->changes = changes;
}

void audit_compare(struct call *c, Hubbub__V1__AuditEntry *e, const struct wire_message *wire, const void *before,
                   const void *after, const char *const *fields)
{
    for (; *fields; fields++) {
        const char *field = field_of(call_arena(c), *fields);
        add_change(c, e, *fields, value_of(c, wire, before, field), value_of(c, wire, after, field));
    }
}

void audit_roles(struct call *c, Hubbub__V1__AuditEntry *e, const char *key, const Hubbub__V1__AuditRoles *roles)
{
    const ProtobufCBinaryData none = {0};
    if (roles->n_roles)
        add_change(c, e, key, none, value_of(c, &hubbub__v1__audit_roles__wire, &roles->base, "roles"));
}

/* ---- Writing --------------------------------------------------------------------------------------------------- */

static bool is_update(const Hubbub__V1__AuditEntry *e)
{
    return e->action_type == AUDIT_GUILD_UPDATE || e->action_type == AUDIT_CHANNEL_UPDATE ||
           e->action_type == AUDIT_OVERWRITE_UPDATE || e->action_type == AUDIT_MEMBER_UPDATE ||
           e->action_type == AUDIT_MEMBER_ROLE_UPDATE || e->action_type == AUDIT_ROLE_UPDATE ||
           e->action_type == AUDIT_WEBHOOK_UPDATE;
}

static status new_ids(struct change *ch, Hubbub__V1__AuditEntry *const *entries, size_t n)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT next_id() FROM generate_series(1, $1::bigint) ORDER BY 1", DB_I64(n));
    for (unsigned i = 0; st == ST_OK && i < n; i++)
        PB_SET(entries[i], id, db_u64(rows, i, 0));
    return st;
}

static status insert(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__AuditEntry *const *entries,
                     size_t n)
{
    struct arena *a = call_arena(c);
    uint64_t *ids = ARENA_ARRAY(a, uint64_t, n), *targets = ARENA_ARRAY(a, uint64_t, n);
    int64_t *actions = ARENA_ARRAY(a, int64_t, n);
    struct db_blob *packed = ARENA_ARRAY(a, struct db_blob, n);
    for (size_t i = 0; i < n; i++) {
        size_t size = hubbub__v1__audit_entry__get_packed_size(entries[i]);
        uint8_t *data = arena_alloc(a, size);
        hubbub__v1__audit_entry__pack(entries[i], data);
        packed[i] = (struct db_blob){data, size};
        ids[i] = entries[i]->id;
        targets[i] = entries[i]->target_id;
        actions[i] = entries[i]->action_type;
    }
    struct db_rows *rows;
    return change_query(ch, &rows,
                        "INSERT INTO audit_log (guild_id, id, user_id, target_id, action_type, entry) "
                        "SELECT $1::bigint, x.id, $2::bigint, nullif(x.target_id, 0), x.action_type, x.entry "
                        "FROM unnest($3::bigint[], $4::bigint[], $5::smallint[], $6::bytea[]) "
                        "AS x (id, target_id, action_type, entry)",
                        DB_ID(guild_id), DB_ID(call_user(c)), DB_IDS(ids, n), DB_IDS(targets, n), DB_I64S(actions, n),
                        DB_BYTES_ARRAY(packed, n));
}

static void tell(struct call *c, struct change *ch, uint64_t guild_id, const Hubbub__V1__AuditEntry *entry)
{
    Hubbub__V1__AuditEntry *told = PB_NEW(call_arena(c), Hubbub__V1__AuditEntry, hubbub__v1__audit_entry);
    *told = *entry;
    PB_SET(told, guild_id, guild_id);
    change_add_for(ch, guild_id, PERM_VIEW_AUDIT_LOG, ROWS_EVENT(call_arena(c), audit_entry, told));
}

status audit_add_all(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__AuditEntry *const *entries,
                     size_t n)
{
    Hubbub__V1__AuditEntry **kept = ARENA_ARRAY(call_arena(c), Hubbub__V1__AuditEntry *, n);
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (entries[i]->n_changes || !is_update(entries[i]))
            kept[n_kept++] = entries[i];
    if (!n_kept || !guild_id) /* a DM has no log */
        return ST_OK;
    status st = new_ids(ch, kept, n_kept);
    if (st == ST_OK)
        st = insert(c, ch, guild_id, kept, n_kept);
    for (size_t i = 0; st == ST_OK && i < n_kept; i++)
        tell(c, ch, guild_id, kept[i]);
    return st;
}
