/* Leaves of the 50035 tree: collected by path, nested when they are written (PROTOCOL section 21). */
#include "lib/wire/internal.h"

enum { LEAVES_MAX = sizeof((struct wire_errors *)0)->leaves / sizeof(Hubbub__V1__ErrorLeaf *) };

void wire_error_add(struct wire_errors *e, const char *path, const char *code, const char *message)
{
    if (e->n == LEAVES_MAX)
        return;
    Hubbub__V1__ErrorLeaf *leaf = PB_NEW(e->arena, Hubbub__V1__ErrorLeaf, hubbub__v1__error_leaf);
    leaf->path = arena_strdup(e->arena, path);
    leaf->code = arena_strdup(e->arena, code);
    leaf->message = arena_strdup(e->arena, message);
    e->leaves[e->n++] = leaf;
}

Hubbub__V1__ErrorDetail *wire_errors_detail(const struct wire_errors *e)
{
    Hubbub__V1__ErrorDetail *d = PB_NEW(e->arena, Hubbub__V1__ErrorDetail, hubbub__v1__error_detail);
    PB_SET(d, status, ST_INVALID_FORM);
    d->n_leaves = e->n;
    d->leaves = arena_memdup(e->arena, e->leaves, e->n * sizeof *e->leaves);
    return d;
}

/* ---- The tree -------------------------------------------------------------------------------------------------- */

/* A leaf, and what of its path is not written yet. */
struct twig {
    const Hubbub__V1__ErrorLeaf *leaf;
    const char *path;
};

static const char *text_or(const char *s, const char *other)
{
    return s && *s ? s : other;
}

/* Splits [0, n) into the twigs whose first key is key (n bytes of it; they come first, in their order) and the rest. */
static size_t gather(struct twig *twigs, size_t n, const char *key, size_t key_bytes)
{
    size_t with = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcspn(twigs[i].path, ".") != key_bytes || memcmp(twigs[i].path, key, key_bytes))
            continue;
        struct twig found = twigs[i];
        memmove(&twigs[with + 1], &twigs[with], (i - with) * sizeof found);
        twigs[with++] = found;
    }
    return with;
}

static void put_leaves(struct buf *b, const struct twig *twigs, size_t n)
{
    buf_puts(b, "\"_errors\":[");
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, i ? ",{\"code\":" : "{\"code\":");
        wire_write_string(b, text_or(twigs[i].leaf->code, "BASE_TYPE_INVALID"));
        buf_puts(b, ",\"message\":");
        wire_write_string(b, text_or(twigs[i].leaf->message, "This field is invalid"));
        buf_putc(b, '}');
    }
    buf_putc(b, ']');
}

static void put_tree(struct buf *b, struct twig *twigs, size_t n);

static void put_branch(struct buf *b, struct twig *twigs, size_t n, const char *key, size_t key_bytes)
{
    wire_put_string(b, key, key_bytes);
    buf_putc(b, ':');
    for (size_t i = 0; i < n; i++)
        twigs[i].path += key_bytes + (twigs[i].path[key_bytes] == '.');
    put_tree(b, twigs, n);
}

static void put_tree(struct buf *b, struct twig *twigs, size_t n)
{
    buf_putc(b, '{');
    for (size_t done = 0; done < n;) {
        if (done)
            buf_putc(b, ',');
        const char *key = twigs[done].path;
        size_t key_bytes = strcspn(key, ".");
        size_t with = gather(twigs + done, n - done, key, key_bytes);
        if (key_bytes == 0)
            put_leaves(b, twigs + done, with);
        else
            put_branch(b, twigs + done, with, key, key_bytes);
        done += with;
    }
    buf_putc(b, '}');
}

static void put_errors(struct buf *b, const Hubbub__V1__ErrorDetail *d)
{
    struct twig twigs[LEAVES_MAX];
    size_t n = d->n_leaves < LEAVES_MAX ? d->n_leaves : LEAVES_MAX;
    for (size_t i = 0; i < n; i++)
        twigs[i] = (struct twig){d->leaves[i], text_or(d->leaves[i]->path, "")};
    buf_puts(b, ",\"errors\":");
    put_tree(b, twigs, n);
}

/* Seconds with three digits: "1.250". */
static void put_seconds(struct buf *b, int64_t ms)
{
    ms = ms < 0 ? 0 : ms;
    buf_printf(b, ",\"retry_after\":%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

void wire_write_error(struct buf *b, status st, const Hubbub__V1__ErrorDetail *d)
{
    const struct status_row *row = status_row(st);
    buf_printf(b, "{\"code\":%d,\"message\":", row->json);
    wire_write_string(b, text_or(d ? d->message : NULL, row->text));
    if (d && d->n_leaves)
        put_errors(b, d);
    if (d && d->has_retry_after_ms)
        put_seconds(b, d->retry_after_ms);
    if (st == ST_INDEX_NOT_READY)
        buf_puts(b, ",\"documents_indexed\":0"); /* libraries read it; how many is not counted */
    buf_putc(b, '}');
}
