#include "services/chat/settings.h"
#include <sodium.h>
#include <string.h>

/* ---- Loads ------------------------------------------------------------------------------------------------------- */

status settings_load(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__UserSettings **ret)
{
    struct db_rows *r;
    size_t n = 0;
    status st = chat_query(c, d, &r, "SELECT settings FROM user_settings WHERE user_id = $1", DB_ID(user_id));
    if (st != ST_OK)
        return st;
    const uint8_t *packed = db_count(r) ? db_bytes(r, 0, 0, &n) : NULL;
    *ret = n ? hubbub__v1__user_settings__unpack(arena_protobuf(call_arena(c)), n, packed) : NULL;
    if (!*ret)
        *ret = PB_NEW(call_arena(c), Hubbub__V1__UserSettings, hubbub__v1__user_settings);
    return ST_OK;
}

status settings_load_proto(struct call *c, struct db *d, uint64_t user_id, int type, char **ret)
{
    struct db_rows *r;
    size_t n = 0;
    status st = chat_query(
        c, d, &r, "SELECT CASE $2::int WHEN 1 THEN proto_1 ELSE proto_2 END FROM user_settings WHERE user_id = $1",
        DB_ID(user_id), DB_I64(type));
    if (st != ST_OK)
        return st;
    const uint8_t *packed = db_count(r) ? db_bytes(r, 0, 0, &n) : NULL;
    *ret = NULL;
    if (!n)
        return ST_OK;
    size_t room = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    *ret = sodium_bin2base64(arena_alloc(call_arena(c), room), room, packed, n, sodium_base64_VARIANT_ORIGINAL);
    return ST_OK;
}

status settings_load_guilds(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__GuildSettings ***ret,
                            size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT g.settings FROM guild_settings g WHERE g.user_id = $1 AND (g.guild_id = 0 OR EXISTS "
                           "(SELECT FROM members m WHERE m.guild_id = g.guild_id AND m.user_id = $1)) ORDER BY "
                           "g.guild_id",
                           DB_ID(user_id));
    if (st != ST_OK)
        return st;
    *ret_n = 0;
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__GuildSettings *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++) {
        size_t n;
        const uint8_t *packed = db_bytes(r, i, 0, &n);
        Hubbub__V1__GuildSettings *s = hubbub__v1__guild_settings__unpack(arena_protobuf(call_arena(c)), n, packed);
        if (s)
            (*ret)[(*ret_n)++] = s;
    }
    return ST_OK;
}

/* ---- Merging ----------------------------------------------------------------------------------------------------- */

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED || f->type == PROTOBUF_C_TYPE_MESSAGE ||
        f->type == PROTOBUF_C_TYPE_STRING)
        return sizeof(void *);
    switch (f->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    default:
        return 4;
    }
}

/* The quantifier is a flag, or how many a repeated field has; strings and messages have none. */
static void copy_field(ProtobufCMessage *to, const ProtobufCFieldDescriptor *t, const ProtobufCMessage *from,
                       const ProtobufCFieldDescriptor *f)
{
    memcpy((char *)to + t->offset, (const char *)from + f->offset, size_of(f));
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        memcpy((char *)to + t->quantifier_offset, (const char *)from + f->quantifier_offset, sizeof(size_t));
    else if (f->quantifier_offset)
        memcpy((char *)to + t->quantifier_offset, (const char *)from + f->quantifier_offset,
               sizeof(protobuf_c_boolean));
}

void settings_merge(ProtobufCMessage *to, const ProtobufCMessage *from, size_t n_present, const uint32_t *present)
{
    for (size_t i = 0; i < n_present; i++) {
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(from->descriptor, present[i]);
        const ProtobufCFieldDescriptor *t = protobuf_c_message_descriptor_get_field(to->descriptor, present[i]);
        if (f && t && f->type == t->type && f->label == t->label)
            copy_field(to, t, from, f);
    }
}

/* ---- Protobuf of others ------------------------------------------------------------------------------------------ */

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* One field with its tag; groups are not taken. Returns its end, NULL when it is none. */
static const uint8_t *read_field(const uint8_t *at, const uint8_t *end, uint64_t *ret_number)
{
    uint64_t tag, n = 0;
    if (!read_varint(&at, end, &tag) || !(tag >> 3) || tag >> 3 > UINT32_MAX >> 3)
        return NULL;
    *ret_number = tag >> 3;
    switch (tag & 7) {
    case 0:
        return read_varint(&at, end, &n) ? at : NULL;
    case 1:
        n = 8;
        break;
    case 2:
        if (!read_varint(&at, end, &n))
            return NULL;
        break;
    case 5:
        n = 4;
        break;
    default:
        return NULL;
    }
    return n <= (uint64_t)(end - at) ? at + n : NULL;
}

static bool has_field(const uint8_t *at, const uint8_t *end, uint64_t number)
{
    uint64_t found = 0;
    while (at < end && found != number)
        at = read_field(at, end, &found);
    return found == number;
}

/* Of few enough fields that comparing two of them is cheap. */
static bool is_protobuf(const uint8_t *at, const uint8_t *end)
{
    uint64_t number;
    unsigned n = 0;
    while (at && at < end && n++ < SETTINGS_PROTO_FIELDS_MAX)
        at = read_field(at, end, &number);
    return at == end;
}

uint8_t *settings_merge_proto(struct arena *a, const uint8_t *old, size_t n_old, const uint8_t *patch, size_t n_patch,
                              size_t *ret_n)
{
    const uint8_t *old_end = old + n_old, *patch_end = patch + n_patch, *next;
    uint64_t number;
    if (!is_protobuf(old, old_end) || !is_protobuf(patch, patch_end))
        return NULL;
    uint8_t *merged = arena_alloc(a, n_old + n_patch + 1);
    *ret_n = 0;
    for (const uint8_t *at = old; at < old_end; at = next) {
        next = read_field(at, old_end, &number);
        if (has_field(patch, patch_end, number))
            continue;
        memcpy(merged + *ret_n, at, (size_t)(next - at));
        *ret_n += (size_t)(next - at);
    }
    memcpy(merged + *ret_n, patch, n_patch);
    *ret_n += n_patch;
    return is_protobuf(merged, merged + *ret_n) ? merged : NULL;
}
