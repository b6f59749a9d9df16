/* Images at URLs of their own, as Discord's CDN has them: /icons/{guild}/{hash}.png?size=128. The hash says what it is,
 * so nobody is asked whose it is; who knows it may see it. An emoji's URL has its id only: chat says the hash. */
#include "hubbub/v1/emojis.hub.h"
#include "hubbub/v1/media.hub.h"
#include "services/gateway/edge/default_avatar.h"
#include "services/gateway/edge/download.h"
#include "services/gateway/edge/url.h"
#include <stdlib.h>
#include <string.h>

enum { SIZE_MIN = 16, SIZE_MAX_ASKED = 4096, QUERY_PAIRS_MAX = 16, HASH_BYTES_MAX = 34 };

/* '#': an id, '@': a hash; the extension stands behind. */
static const char *const paths[] = {
    "/avatars/#/@",     "/icons/#/@",         "/banners/#/@",
    "/splashes/#/@",    "/role-icons/#/@",    "/guilds/#/users/#/avatars/@",
    "/app-icons/#/@",   "/channel-icons/#/@", "/discovery-splashes/#/@",
    "/embed/avatars/#", "/emojis/#",
};

static const struct {
    const char *extension, *format, *type;
} formats[] = {
    {"png", "png", "image/png"},    {"webp", "webp", "image/webp"}, {"jpg", "jpeg", "image/jpeg"},
    {"jpeg", "jpeg", "image/jpeg"}, {"gif", "gif", "image/gif"},
};

struct asset {
    struct download download;
    const char *pattern;
    uint64_t id; /* the last one of the path */
    char hash[HASH_BYTES_MAX + 1];
    const char *extension;
    uint32_t size;
    bool animated;
    const char *format;
};

/* ---- The path --------------------------------------------------------------------------------------------------- */

static const char *read_id(const char *at, uint64_t *ret)
{
    size_t n = strspn(at, "0123456789");
    if (!n || n > 20)
        return NULL;
    *ret = strtoull(at, NULL, 10);
    return at + n;
}

static const char *read_hash(const char *at, char *ret)
{
    size_t prefix = strncmp(at, "a_", 2) ? 0 : 2, n = prefix + strspn(at + prefix, "0123456789abcdef");
    if (n != prefix + 32)
        return NULL;
    memcpy(ret, at, n);
    ret[n] = '\0';
    return at + n;
}

/* Where the extension begins; NULL when the path is another. */
static const char *match(const char *pattern, const char *at, struct asset *a)
{
    for (; *pattern && at; pattern++) {
        if (*pattern == '#')
            at = read_id(at, &a->id);
        else if (*pattern == '@')
            at = read_hash(at, a->hash);
        else
            at = *at == *pattern ? at + 1 : NULL;
    }
    return at && *at == '.' ? at + 1 : NULL;
}

static bool read_path(const char *path, struct asset *a)
{
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        a->extension = match(paths[i], path, a);
        a->pattern = paths[i];
        if (a->extension)
            return true;
    }
    return false;
}

/* A power of two. false: another size; what else is asked (quality, ...) changes nothing. */
static bool read_query(struct exchange *x, struct asset *a)
{
    struct url_pair pairs[QUERY_PAIRS_MAX];
    unsigned n;
    if (!url_query(x->arena, x->head.query, pairs, QUERY_PAIRS_MAX, &n))
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(pairs[i].name, "size")) {
            uint64_t size = 0;
            const char *end = read_id(pairs[i].value, &size);
            if (!end || *end || size < SIZE_MIN || size > SIZE_MAX_ASKED || (size & (size - 1)))
                return false;
            a->size = (uint32_t)size;
        }
        a->animated |= !strcmp(pairs[i].name, "animated") && !strcmp(pairs[i].value, "true");
    }
    return true;
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

static const char *headers(struct exchange *x, const char *etag)
{
    return arena_printf(x->arena,
                        "ETag: %s\r\nCache-Control: public, max-age=31536000, immutable\r\n"
                        "Content-Security-Policy: default-src 'none'; sandbox\r\n"
                        "Cross-Origin-Resource-Policy: cross-origin\r\n",
                        etag);
}

static void answer_default(struct exchange *x, const struct asset *a)
{
    size_t n;
    const void *png = a->id < DEFAULT_AVATARS ? default_avatar((unsigned)a->id, &n) : NULL;
    if (!png || strcmp(a->extension, "png"))
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
    else
        exchange_answer(x, 200, "image/png", headers(x, arena_printf(x->arena, "\"default.%u\"", (unsigned)a->id)), png,
                        n);
}

/* An animation as GIF moves; as WebP when that is asked for. A still image has no GIF. */
static void answer_image(struct exchange *x, struct asset *a)
{
    Hubbub__V1__ImageRequest request = HUBBUB__V1__IMAGE_REQUEST__INIT;
    bool moves = a->hash[1] == '_' && (!strcmp(a->format, "gif") || (!strcmp(a->format, "webp") && a->animated));
    const char *etag = arena_printf(x->arena, "\"%s.%u.%s%s\"", a->hash, a->size, a->format, moves ? "a" : "");
    a->download.code = 200;
    a->download.headers = headers(x, etag);
    if (download_is_known(x, etag)) {
        exchange_answer(x, 304, NULL, a->download.headers, NULL, 0);
        return;
    }
    request.hash = a->hash;
    request.format = (char *)a->format;
    PB_SET(&request, size, a->size);
    PB_SET(&request, animated, moves);
    download_start(x, &hubbub__v1__media__image__method, &request.base);
}

static void on_resolved(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    struct asset *a = x->state;
    const char *hash = result->response ? ((const Hubbub__V1__EmojiImage *)result->response)->hash : NULL;
    if (result->st != ST_OK)
        exchange_fail(x, result->st, result->error);
    else if (!hash || strlen(hash) > HASH_BYTES_MAX)
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
    else if (exchange_alive(x)) {
        strcpy(a->hash, hash);
        answer_image(x, a);
    }
    exchange_unref(x);
}

static void answer_emoji(struct exchange *x, const struct asset *a)
{
    Hubbub__V1__ResolveEmojiRequest request = HUBBUB__V1__RESOLVE_EMOJI_REQUEST__INIT;
    if (!rpc_group_ready(x->edge->chat)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    PB_SET(&request, emoji_id, a->id);
    exchange_ref(x);
    rpc_call(x->edge->chat, a->id, &hubbub__v1__emojis__resolve__method, &request.base, &x->caller, 0, on_resolved, x);
}

static bool find_format(struct asset *a)
{
    for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(a->extension, formats[i].extension)) {
            a->format = formats[i].format;
            a->download.content_type = formats[i].type;
            return true;
        }
    return false;
}

bool asset_start(struct exchange *x)
{
    struct asset *a = ARENA_NEW(x->arena, struct asset);
    if (!read_path(x->head.path, a))
        return false;
    x->state = a;
    if (strcmp(x->head.verb, "GET") && !x->is_head)
        exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
    else if (!find_format(a))
        exchange_fail(x, ST_UNSUPPORTED_MEDIA_TYPE, NULL);
    else if (!read_query(x, a))
        exchange_fail(x, ST_BAD_REQUEST, NULL);
    else if (!strcmp(a->pattern, "/embed/avatars/#"))
        answer_default(x, a);
    else if (!strcmp(a->pattern, "/emojis/#"))
        answer_emoji(x, a);
    else
        answer_image(x, a);
    return true;
}
