/* What protobuf-c's descriptors say of a field, and what they do not. */
#include "lib/wire/internal.h"

size_t wire_value_size(ProtobufCType type)
{
    static const size_t sizes[] = {
        [PROTOBUF_C_TYPE_INT32] = 4,
        [PROTOBUF_C_TYPE_SINT32] = 4,
        [PROTOBUF_C_TYPE_SFIXED32] = 4,
        [PROTOBUF_C_TYPE_INT64] = 8,
        [PROTOBUF_C_TYPE_SINT64] = 8,
        [PROTOBUF_C_TYPE_SFIXED64] = 8,
        [PROTOBUF_C_TYPE_UINT32] = 4,
        [PROTOBUF_C_TYPE_FIXED32] = 4,
        [PROTOBUF_C_TYPE_UINT64] = 8,
        [PROTOBUF_C_TYPE_FIXED64] = 8,
        [PROTOBUF_C_TYPE_FLOAT] = sizeof(float),
        [PROTOBUF_C_TYPE_DOUBLE] = sizeof(double),
        [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
        [PROTOBUF_C_TYPE_ENUM] = sizeof(int),
        [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
        [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
        [PROTOBUF_C_TYPE_MESSAGE] = sizeof(ProtobufCMessage *),
    };
    return sizes[type];
}

bool wire_is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
    const void *at = wire_member(m, fd);
    if (wire_is_repeated(fd))
        return *(size_t *)wire_quantifier(m, fd) > 0;
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(ProtobufCMessage *const *)at != NULL;
    if (fd->type == PROTOBUF_C_TYPE_STRING) {
        const char *s = *(char *const *)at;
        return s && *s && s != fd->default_value;
    }
    bool has = fd->quantifier_offset == 0 || *(protobuf_c_boolean *)wire_quantifier(m, fd);
    return has && (fd->type != PROTOBUF_C_TYPE_BYTES || ((const ProtobufCBinaryData *)at)->len > 0);
}

int wire_find(const struct wire_message *w, const char *name)
{
    for (unsigned i = 0; i < w->descriptor->n_fields; i++)
        if (!strcmp(w->descriptor->fields[i].name, name) || !strcmp(w->fields[i].key, name))
            return (int)i;
    return -1;
}

const struct wire_field *wire_event_field(const struct wire_message *event_wire, const ProtobufCMessage *event,
                                          const ProtobufCMessage **ret_message)
{
    const ProtobufCMessageDescriptor *d = event_wire->descriptor;
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *fd = &d->fields[i];
        if (fd->type != PROTOBUF_C_TYPE_MESSAGE || wire_is_repeated(fd) || !wire_is_set(event, fd))
            continue;
        *ret_message = *(ProtobufCMessage *const *)wire_member(event, fd);
        return &event_wire->fields[i];
    }
    return NULL;
}
