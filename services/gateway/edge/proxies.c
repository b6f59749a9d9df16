#include "services/gateway/edge/proxies.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { V4_OFFSET = 12, TOKEN_BYTES_MAX = 64 };

/* Any of 1.2.3.4, ::1, ::ffff:1.2.3.4 to sixteen bytes. */
static bool read_address(const char *text, struct in6_addr *ret, bool *is_v4)
{
    struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    *is_v4 = inet_pton(AF_INET, text, a.s6_addr + V4_OFFSET) == 1;
    if (!*is_v4 && inet_pton(AF_INET6, text, &a) != 1)
        return false;
    *ret = a;
    return true;
}

static bool read_network(char *text, struct proxy_network *ret)
{
    bool is_v4;
    char *slash = strchr(text, '/'), *end = "";
    if (slash)
        *slash = '\0';
    if (!read_address(text, &ret->address, &is_v4))
        return false;
    long max = is_v4 ? 32 : 128, bits = slash ? strtol(slash + 1, &end, 10) : max;
    if (*end || bits < 0 || bits > max || (slash && (slash[1] < '0' || slash[1] > '9')))
        return false;
    ret->bits = (unsigned)(is_v4 ? bits + 96 : bits);
    return true;
}

/* The entry that text begins with, without white space; false when it is longer than an address can be. */
static bool cut(const char *text, size_t n, char ret[TOKEN_BYTES_MAX])
{
    while (n && (*text == ' ' || *text == '\t')) {
        text++;
        n--;
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    if (n >= TOKEN_BYTES_MAX)
        return false;
    memcpy(ret, text, n);
    ret[n] = '\0';
    return true;
}

bool proxies_parse(const char *text, struct proxies *ret)
{
    struct proxies p = {.n = 0};
    while (*text) {
        char entry[TOKEN_BYTES_MAX];
        size_t n = strcspn(text, ",");
        if (!cut(text, n, entry))
            return false;
        if (*entry && (p.n == PROXIES_MAX || !read_network(entry, &p.networks[p.n++])))
            return false;
        text += n + (text[n] == ',');
    }
    *ret = p;
    return true;
}

static bool is_trusted(const struct proxies *p, const struct in6_addr *a)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct proxy_network *n = &p->networks[i];
        unsigned bytes = n->bits / 8, rest = n->bits % 8;
        unsigned char mask = (unsigned char)(0xff << (8 - rest));
        if (!memcmp(n->address.s6_addr, a->s6_addr, bytes) &&
            (!rest || !((n->address.s6_addr[bytes] ^ a->s6_addr[bytes]) & mask)))
            return true;
    }
    return false;
}

/* "1.2.3.4:5678" and "[::1]:5678", which some proxies write, to the address alone. */
static void cut_port(char *entry)
{
    char *bracket = *entry == '[' ? strchr(entry, ']') : NULL, *colon = strchr(entry, ':');
    if (bracket) {
        *bracket = '\0';
        memmove(entry, entry + 1, strlen(entry + 1) + 1);
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
    }
}

/* Takes the last entry off forwarded[0..*n). */
static bool take_last(const char *forwarded, size_t *n, struct in6_addr *ret)
{
    size_t start = *n;
    while (start && forwarded[start - 1] != ',')
        start--;
    char entry[TOKEN_BYTES_MAX];
    bool is_v4, ok = cut(forwarded + start, *n - start, entry);
    *n = start ? start - 1 : 0;
    if (!ok)
        return false;
    cut_port(entry);
    return read_address(entry, ret, &is_v4);
}

static void write_address(const struct in6_addr *a, char ret[INET6_ADDRSTRLEN])
{
    if (IN6_IS_ADDR_V4MAPPED(a))
        inet_ntop(AF_INET, a->s6_addr + V4_OFFSET, ret, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, a, ret, INET6_ADDRSTRLEN);
}

void proxies_client_address(const struct proxies *p, const char *peer, const char *forwarded,
                            char ret[INET6_ADDRSTRLEN])
{
    struct in6_addr address, next;
    bool is_v4;
    *ret = '\0';
    if (!read_address(peer, &address, &is_v4))
        return;
    size_t n = forwarded ? strlen(forwarded) : 0;
    while (n && is_trusted(p, &address) && take_last(forwarded, &n, &next))
        address = next;
    write_address(&address, ret);
}

struct in6_addr proxies_counted_address(const char *text)
{
    struct in6_addr a = IN6ADDR_ANY_INIT;
    bool is_v4;
    if (read_address(text, &a, &is_v4) && !IN6_IS_ADDR_V4MAPPED(&a))
        memset(a.s6_addr + 8, 0, 8);
    return a;
}
