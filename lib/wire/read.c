/* JSON objects and parameters into messages. A fault becomes a leaf and reading goes on, so that a client is told of
 * everything at once; the field with the fault stays unset. Memory: all in the arena. The tree's depth is bounded by
 * wire_parse, an array's length by its max_len before any of its items is looked at. */
#include "lib/wire/read.h"

/* ---- Storing --------------------------------------------------------------------------------------------------- */

static void set_has(ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
    bool pointer = fd->type == PROTOBUF_C_TYPE_STRING || fd->type == PROTOBUF_C_TYPE_MESSAGE;
    if (fd->quantifier_offset && !pointer)
        *(protobuf_c_boolean *)wire_quantifier(m, fd) = 1;
}

/* Any single value in C. */
union value {
    uint32_t tag;
    uint64_t number;
    void *pointer;
    ProtobufCBinaryData bytes;
};

/* An array's capacity is its count's next power of two: it grows when it is one. */
static void append(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd, const union value *v)
{
    size_t *n = wire_quantifier(m, fd), size = wire_value_size(fd->type);
    char **items = wire_member(m, fd);
    if ((*n & (*n - 1)) == 0) {
        char *grown = arena_alloc(a, (*n ? 2 * *n : 1) * size);
        if (*n)
            memcpy(grown, *items, *n * size);
        *items = grown;
    }
    memcpy(*items + (*n)++ * size, v, size);
}

static ProtobufCMessage *new_message(struct arena *a, const struct wire_message *w)
{
    ProtobufCMessage *m = arena_alloc(a, w->descriptor->sizeof_message);
    protobuf_c_message_init(w->descriptor, m);
    return m;
}

/* ---- Objects and arrays ---------------------------------------------------------------------------------------- */

static void read_fields(struct reader *, const struct path *, const struct wire_message *, const json_t *,
                        ProtobufCMessage *, bool nested);

static enum value_result read_message(struct reader *r, const struct path *p, const struct wire_field *f,
                                      const json_t *json, void *at)
{
    if (!json_is_object(json))
        return wire_fault(r, p, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a model type");
    ProtobufCMessage *m = new_message(r->arena, f->message);
    read_fields(r, p, f->message, json, m, true);
    *(ProtobufCMessage **)at = m;
    return VALUE_OK;
}

/* One value, or one item of an array. */
static enum value_result read_one(struct reader *r, const struct path *p, const struct wire_field *f,
                                  const ProtobufCFieldDescriptor *fd, const json_t *json, bool item, void *at)
{
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
        return read_message(r, p, f, json, at);
    struct input in = wire_input(json);
    in.item = item;
    return wire_read_value(r, p, f, fd, &in, at);
}

static void read_array(struct reader *r, const struct path *p, const struct wire_field *f,
                       const ProtobufCFieldDescriptor *fd, const json_t *json, ProtobufCMessage *m)
{
    if (!json_is_array(json)) {
        wire_fault(r, p, "LIST_TYPE_CONVERT", "Only iterables may be used in a list type");
        return;
    }
    size_t n = json_array_size(json);
    if (!wire_check_length(r, p, (int64_t)n, f->min_len, f->max_len))
        return;
    for (size_t i = 0; i < n; i++) {
        const struct path at = {.up = p, .index = i};
        const json_t *value = json_array_get(json, i);
        union value read;
        if (json_is_null(value))
            wire_fault_required(r, &at);
        else if (read_one(r, &at, f, fd, value, true, &read) == VALUE_OK)
            append(r->arena, m, fd, &read);
    }
}

static void read_field(struct reader *r, const struct path *p, const struct wire_field *f,
                       const ProtobufCFieldDescriptor *fd, const json_t *json, ProtobufCMessage *m)
{
    if (json_is_null(json)) {
        if (!(f->flags & WIRE_NULLABLE))
            wire_fault_required(r, p);
        return;
    }
    if (wire_is_repeated(fd))
        read_array(r, p, f, fd, json, m);
    else if (read_one(r, p, f, fd, json, false, wire_member(m, fd)) == VALUE_OK)
        set_has(m, fd);
}

/* The field that holds which keys were there, or NULL. */
static const ProtobufCFieldDescriptor *present_field(const struct wire_message *w)
{
    for (unsigned i = 0; i < w->descriptor->n_fields; i++)
        if (w->fields[i].form == WIRE_PRESENT)
            return &w->descriptor->fields[i];
    return NULL;
}

static void note_present(struct reader *r, ProtobufCMessage *m, const ProtobufCFieldDescriptor *present, uint32_t tag)
{
    if (present)
        append(r->arena, m, present, &(union value){.tag = tag});
}

static bool is_readable(const struct wire_field *f)
{
    return f->form != WIRE_PRESENT && f->form != WIRE_HIDDEN && !(f->flags & WIRE_INLINE);
}

static void read_fields(struct reader *r, const struct path *up, const struct wire_message *w, const json_t *json,
                        ProtobufCMessage *m, bool nested)
{
    const ProtobufCFieldDescriptor *present = present_field(w);
    for (unsigned i = 0; i < w->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *fd = &w->descriptor->fields[i];
        const struct wire_field *f = &w->fields[i];
        const struct path p = {.up = up, .key = f->key};
        if (!is_readable(f))
            continue;
        const json_t *value = json_object_get(json, f->key);
        if (value) {
            note_present(r, m, present, fd->id);
            read_field(r, &p, f, fd, value, m);
        } else if (nested && (f->flags & WIRE_REQUIRED)) {
            wire_fault_required(r, &p);
        }
    }
}

void wire_read(struct wire_json *json, const struct wire_message *w, struct wire_errors *errors, struct arena *a,
               ProtobufCMessage **ret)
{
    struct reader r = {errors, a};
    *ret = new_message(a, w);
    if (json_is_object((const json_t *)json))
        read_fields(&r, NULL, w, (const json_t *)json, *ret, false);
    else
        wire_fault(&r, NULL, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a model type");
}

void wire_read_field(struct wire_json *json, const struct wire_message *w, ProtobufCMessage *m, const char *field_name,
                     struct wire_errors *errors, struct arena *a)
{
    struct reader r = {errors, a};
    int i = wire_find(w, field_name);
    if (i < 0 || !is_readable(&w->fields[i]))
        return;
    if (json)
        read_field(&r, NULL, &w->fields[i], &w->descriptor->fields[i], (const json_t *)json, m);
    else
        wire_fault_required(&r, NULL);
}

/* ---- Parameters ------------------------------------------------------------------------------------------------ */

static void append_text(struct reader *r, const struct path *p, const struct wire_field *f,
                        const ProtobufCFieldDescriptor *fd, const struct input *in, ProtobufCMessage *m)
{
    int64_t n = (int64_t) * (size_t *)wire_quantifier(m, fd);
    if (!wire_check_length(r, p, n + 1, 0, f->max_len))
        return;
    union value read;
    if (wire_read_value(r, p, f, fd, in, &read) == VALUE_OK)
        append(r->arena, m, fd, &read);
}

void wire_read_text(const struct wire_message *w, ProtobufCMessage *m, const char *name, const char *text,
                    struct wire_errors *errors, struct arena *a)
{
    struct reader r = {errors, a};
    int i = wire_find(w, name);
    if (i < 0 || !is_readable(&w->fields[i]) || w->fields[i].form == WIRE_RAW || w->fields[i].message)
        return;
    const ProtobufCFieldDescriptor *fd = &w->descriptor->fields[i];
    const struct path p = {.key = name};
    struct input in = {.kind = INPUT_TEXT, .parameter = true, .text = text, .bytes = strlen(text)};
    in.item = wire_is_repeated(fd);
    if (in.item)
        append_text(&r, &p, &w->fields[i], fd, &in, m);
    else if (wire_read_value(&r, &p, &w->fields[i], fd, &in, wire_member(m, fd)) == VALUE_OK)
        set_has(m, fd);
}

/* ---- What is missing ------------------------------------------------------------------------------------------- */

/* Whether a leaf speaks of the key already, or of the whole request. */
static bool is_told(const struct wire_errors *e, const char *key)
{
    size_t n = strlen(key);
    for (unsigned i = 0; i < e->n; i++) {
        const char *path = e->leaves[i]->path;
        if (!*path || (!strncmp(path, key, n) && (path[n] == '\0' || path[n] == '.')))
            return true;
    }
    return false;
}

void wire_check_required(const struct wire_message *w, const ProtobufCMessage *m, struct wire_errors *errors)
{
    for (unsigned i = 0; i < w->descriptor->n_fields; i++) {
        const struct wire_field *f = &w->fields[i];
        if (!(f->flags & WIRE_REQUIRED) || wire_is_set(m, &w->descriptor->fields[i]) || is_told(errors, f->key))
            continue;
        struct reader r = {errors, errors->arena};
        wire_fault_required(&r, &(struct path){.key = f->key});
    }
}
