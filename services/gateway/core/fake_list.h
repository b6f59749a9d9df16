/* fake_list.h - a client that looks at a member list of guild 0, and what it has to see there: a plain sort of who may
 * view the channel. */
#pragma once
#include "services/gateway/core/fake_world.h"

enum { LOOKER_ROWS_MAX = 4000, LOOKER_RANGES = 2 };

struct looker {
    struct fake_client *client;
    unsigned channel, user;
    unsigned ranges[LOOKER_RANGES][2], n_ranges;
    char *rows[LOOKER_ROWS_MAX + 1]; /* "g:ID" or "m:ID:NAME:STATUS"; NULL: not known */
    unsigned seen;                   /* frames */
    char id[24], groups[256];
    unsigned updates, ops, online, members;
};

/* Op 14 for its channel and ranges. */
void looker_subscribe(struct fake_world *, struct looker *);
/* Applies what its client was sent since. */
void looker_look(struct looker *);
/* What is wrong in its ranges, in a static buffer; NULL: nothing. large: the guild's lists show no offline members. */
const char *looker_wrong(const struct fake_world *, struct looker *, bool large);
/* Frees what it holds. */
void looker_end(struct looker *);
