#include "services/gateway/edge/router.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>

struct segment {
    const char *text;
    size_t len;
    char *parameter; /* its name, NULL for a literal */
};
struct entry {
    struct segment segments[ROUTER_SEGMENTS_MAX];
    unsigned n;
};
struct router {
    const struct wire_route *routes;
    unsigned n;
    struct entry entries[]; /* beside routes */
};

/* The segments between slashes; ROUTER_SEGMENTS_MAX + 1 when there are too many. */
static unsigned split(const char *path, struct segment *ret)
{
    unsigned n = 0;
    while (*path == '/') {
        size_t len = strcspn(++path, "/");
        if (!len && !path[len])
            break; /* the slash at the end */
        if (n == ROUTER_SEGMENTS_MAX)
            return ROUTER_SEGMENTS_MAX + 1;
        ret[n++] = (struct segment){path, len, NULL};
        path += len;
    }
    return n;
}

static void name_parameters(struct entry *e, const char *path)
{
    e->n = split(path, e->segments);
    if (e->n > ROUTER_SEGMENTS_MAX)
        log_fatal("route %s has too many segments", path);
    for (unsigned i = 0; i < e->n; i++) {
        struct segment *s = &e->segments[i];
        if (s->len > 2 && s->text[0] == '{' && s->text[s->len - 1] == '}')
            s->parameter = strndup(s->text + 1, s->len - 2);
    }
}

struct router *router_create(const struct wire_route *routes, unsigned n)
{
    struct router *r = calloc(1, sizeof *r + n * sizeof r->entries[0]);
    if (!r)
        log_fatal("out of memory");
    r->routes = routes;
    r->n = n;
    for (unsigned i = 0; i < n; i++)
        name_parameters(&r->entries[i], routes[i].path);
    return r;
}

void router_destroy(struct router *r)
{
    for (unsigned i = 0; r && i < r->n; i++)
        for (unsigned k = 0; k < r->entries[i].n; k++)
            free(r->entries[i].segments[k].parameter);
    free(r);
}

static bool fits(const struct entry *e, const struct segment *path, unsigned n)
{
    if (e->n != n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        const struct segment *s = &e->segments[i];
        if (s->parameter ? path[i].len == 0 : s->len != path[i].len || memcmp(s->text, path[i].text, s->len))
            return false;
    }
    return true;
}

/* Whether a has a literal where b, which is as long, has the first parameter that differs. */
static bool beats(const struct entry *a, const struct entry *b)
{
    for (unsigned i = 0; i < a->n; i++)
        if (!a->segments[i].parameter != !b->segments[i].parameter)
            return !a->segments[i].parameter;
    return false;
}

static void fill(const struct entry *e, const struct segment *path, struct router_match *ret)
{
    for (unsigned i = 0; i < e->n && ret->n_parameters < ROUTER_PARAMETERS_MAX; i++)
        if (e->segments[i].parameter)
            ret->parameters[ret->n_parameters++] =
                (struct router_parameter){e->segments[i].parameter, path[i].text, path[i].len};
}

void router_find(const struct router *r, const char *verb, const char *path, struct router_match *ret)
{
    struct segment segments[ROUTER_SEGMENTS_MAX];
    unsigned n = split(path, segments);
    const struct entry *best = NULL;
    *ret = (struct router_match){0};
    for (unsigned i = 0; i < r->n && n <= ROUTER_SEGMENTS_MAX; i++) {
        const struct entry *e = &r->entries[i];
        if (!fits(e, segments, n))
            continue;
        ret->path_exists = true;
        if (!strcmp(r->routes[i].verb, verb) && (!best || beats(e, best))) {
            best = e;
            ret->index = i;
        }
    }
    if (!best)
        return;
    ret->route = &r->routes[ret->index];
    fill(best, segments, ret);
}

const char *router_strip_prefix(const char *path, bool *bad_version)
{
    static const char *const prefixes[] = {"/v1/", "/api/v9/", "/api/v10/"};
    *bad_version = false;
    for (unsigned i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
            return path + strlen(prefixes[i]) - 1;
    if (strncmp(path, "/api/", 5))
        return NULL;
    size_t digits = path[5] == 'v' ? strspn(path + 6, "0123456789") : 0;
    *bad_version = digits && (path[6 + digits] == '/' || !path[6 + digits]);
    return *bad_version ? NULL : path + 4;
}
