#include "lib/db/hosts.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static unsigned count(const char *list)
{
    unsigned n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

static char *copy(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

/* A conninfo that cannot be read is the connection's to complain of. */
void hosts_init(struct hosts *h, const char *url)
{
    *h = (struct hosts){0};
    PQconninfoOption *all = PQconninfoParse(url, NULL);
    for (PQconninfoOption *o = all; o && o->keyword; o++) {
        char **to = !strcmp(o->keyword, "host")       ? &h->host
                    : !strcmp(o->keyword, "hostaddr") ? &h->hostaddr
                    : !strcmp(o->keyword, "port")     ? &h->port
                                                      : NULL;
        if (to)
            *to = copy(o->val);
    }
    PQconninfoFree(all);
}

void hosts_finish(struct hosts *h)
{
    free(h->host);
    free(h->hostaddr);
    free(h->port);
}

char *hosts_turn(const char *list, unsigned first)
{
    if (!list)
        return NULL;
    const char *at = list;
    for (unsigned skip = first % count(list); skip > 0; skip--)
        at = strchr(at, ',') + 1;
    size_t tail = strlen(at), head = (size_t)(at - list);
    char *turned = malloc(tail + head + 1);
    if (!turned)
        return NULL;
    memcpy(turned, at, tail + 1);
    if (head > 0) {
        turned[tail] = ',';
        memcpy(turned + tail + 1, list, head - 1);
        turned[tail + head] = '\0';
    }
    return turned;
}

static bool is_item(const char *list, unsigned i, const char *item)
{
    char *turned = hosts_turn(list, i);
    size_t n = turned ? strcspn(turned, ",") : 0;
    bool same = !turned || (strlen(item) == n && strncmp(turned, item, n) == 0);
    free(turned);
    return same;
}

unsigned hosts_find(const struct hosts *h, const char *host, const char *port)
{
    for (unsigned i = 0; h->host && i < count(h->host); i++)
        if (is_item(h->host, i, host) && is_item(h->port, i, port))
            return i;
    return 0;
}
