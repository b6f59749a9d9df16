/* router.h - from verb and path to a row of the generated route table. Pure; the path is still percent-encoded.
 * A literal segment beats a parameter; a slash at the end is tolerated. */
#pragma once
#include "lib/wire/wire.h"

enum { ROUTER_PARAMETERS_MAX = 8, ROUTER_SEGMENTS_MAX = 16 };

struct router;
/* routes outlive the router. */
struct router *router_create(const struct wire_route *routes, unsigned n);
void router_destroy(struct router *);

struct router_parameter {
    const char *name;  /* NUL-terminated, the route's */
    const char *value; /* inside the path, not terminated, not decoded */
    size_t len;
};
struct router_match {
    const struct wire_route *route; /* NULL: none for this verb */
    unsigned index;                 /* of route in the table */
    bool path_exists;               /* no route, but the path has other verbs: 405 */
    struct router_parameter parameters[ROUTER_PARAMETERS_MAX];
    unsigned n_parameters;
};
/* path: after the version prefix, "/channels/1". HEAD is asked as GET by the caller. */
void router_find(const struct router *, const char *verb, const char *path, struct router_match *ret);
/* Cuts "/v1", "/api", "/api/v9", "/api/v10" off; NULL when path has none of them. *bad_version: /api/v<other>. */
const char *router_strip_prefix(const char *path, bool *bad_version);
