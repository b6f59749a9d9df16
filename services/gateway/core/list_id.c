/* list_id.c - what a member list is called: channels that the same people may view share one. */
#include "lib/permission/permission.h"
#include "services/gateway/core/member_list.h"
#include <inttypes.h>
#include <stdio.h>

static uint32_t rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t scramble(uint32_t k)
{
    return rotate(k * 0xcc9e2d51, 15) * 0x1b873593;
}

/* MurmurHash3, 32 bits, seed 0. */
uint32_t list_murmur3(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    uint32_t hash = 0, last = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint32_t k = p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
        hash = rotate(hash ^ scramble(k), 13) * 5 + 0xe6546b64;
    }
    for (size_t k = n - i; k > 0; k--)
        last = last << 8 | p[i + k - 1];
    hash ^= scramble(last);
    hash ^= (uint32_t)n;
    hash = (hash ^ hash >> 16) * 0x85ebca6b;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35;
    return hash ^ hash >> 16;
}

enum { TOKEN_BYTES = 32 };

static int compare_tokens(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool everyone_views(const struct replica *r)
{
    for (size_t i = 0; i < r->guild->n_roles; i++)
        if (r->guild->roles[i]->id == r->guild_id)
            return r->guild->roles[i]->permissions & PERM_VIEW_CHANNEL;
    return false;
}

void list_id(const struct replica *r, const Hubbub__V1__Channel *c, char ret[LIST_ID_BYTES])
{
    char(*tokens)[TOKEN_BYTES] = memory_zeroed(c->n_permission_overwrites * TOKEN_BYTES);
    size_t n = 0;
    bool denied = false;
    for (size_t i = 0; i < c->n_permission_overwrites; i++) {
        const Hubbub__V1__Overwrite *o = c->permission_overwrites[i];
        denied |= !!(o->deny & PERM_VIEW_CHANNEL);
        if ((o->allow | o->deny) & PERM_VIEW_CHANNEL)
            snprintf(tokens[n++], TOKEN_BYTES, "%s:%" PRIu64, o->allow & PERM_VIEW_CHANNEL ? "allow" : "deny", o->id);
    }
    qsort(tokens, n, TOKEN_BYTES, compare_tokens);
    struct buf b = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", tokens[i]);
    if (!denied && everyone_views(r))
        snprintf(ret, LIST_ID_BYTES, "everyone");
    else
        snprintf(ret, LIST_ID_BYTES, "%" PRIu32, list_murmur3(b.data, b.len));
    buf_finish(&b);
    free(tokens);
}
