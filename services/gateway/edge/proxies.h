/* proxies.h - whose word about a client's address counts. Pure.
 * X-Forwarded-For is a list that each proxy adds the address to that it was called from; what stands left of the last
 * proxy that we trust may have been made up by the client. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>

enum { PROXIES_MAX = 64 };

struct proxy_network {
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;
};
struct proxies {
    struct proxy_network networks[PROXIES_MAX];
    unsigned n;
};

/* "10.0.0.0/8, ::1, 192.168.1.1"; "" trusts nobody. false when one is none, or there are too many. */
bool proxies_parse(const char *text, struct proxies *ret);
/* The rightmost address that is not a trusted proxy's; forwarded: the header's lines joined by commas, or NULL. An
 * entry that is no address ends the search at the proxy that added it. IPv4 inside IPv6 becomes IPv4. */
void proxies_client_address(const struct proxies *, const char *peer, const char *forwarded,
                            char ret[INET6_ADDRSTRLEN]);
/* What stands for one client when it is counted: the IPv4 address, or the /64 of an IPv6 one, which every host has to
 * itself. text may be anything: what is no address stands for itself as ::. */
struct in6_addr proxies_counted_address(const char *text);
