/* member_list.h - lazy member lists: ops 14 and 37 ask for ranges of the list beside a channel, and
 * GUILD_MEMBER_LIST_UPDATE tells what stands there and how it moves (PROTOCOL section 9).
 *
 *   roster.c        who may stand in the lists of one guild: members, presences; loaded while somebody looks
 *   member_list.c   the lists: one for each set of people who may view, order, operations, subscriptions
 *   list_id.c       what a list is called
 *
 * A guild has a roster only while somebody looks (and ROSTER_LINGER_MS longer). In a guild of more than
 * LIST_LARGE_MEMBERS it holds those who are online only, as Discord shows it: pages of everybody are gone through once,
 * and who comes online later is asked for by id. Changes are gathered for LIST_FLUSH_MS; more than LIST_CHANGES_MAX of
 * them, or anything that decides order or views, and the lists are made anew and told by SYNC: a raid costs a number
 * per join, and one SYNC a LIST_REBUILD_MS. */
#pragma once
#include "services/gateway/core/order_tree.h"
#include "services/gateway/core/state.h"

enum {
    LIST_LARGE_MEMBERS = 1000, /* above: no offline group */
    LIST_SMALL_MEMBERS = 900,  /* at most: it has one again */
    LIST_FLUSH_MS = 100,
    LIST_REBUILD_MS = 1000,
    LIST_CHANGES_MAX = 100,    /* in one flush; more: SYNC */
    LIST_CHANNELS_MAX = 5,     /* lists that a session looks at in one guild */
    LIST_RANGES_MAX = 5,       /* of one list */
    LIST_RANGE_ROWS_MAX = 200, /* of one range */
    LIST_INDEX_MAX = 100000,
    ROSTER_LINGER_MS = 5000,
    ROSTER_ROWS_MAX = 20000, /* more are not listed, and counted */
    ROSTER_PAGE = 1000,
    ROSTER_IDS = 100,    /* of one question for those who came online */
    ROSTER_ASKS_MAX = 4, /* in flight, of all guilds */
};

/* One user, as far as lists care. */
struct roster_row {
    uint64_t user_id;
    Hubbub__V1__Member *member;            /* NULL: not known yet, or gone */
    Hubbub__V1__PresenceUpdated *presence; /* NULL: offline */
    uint64_t member_seq;                   /* the MEMBER_* that was folded last; 0: none since the roster is */
    bool gone, shown, wanted, dirty;       /* shown: presence was told since the roster is */
    struct roster_row *prev_dirty, *next_dirty, *prev_wanted, *next_wanted;
    UT_hash_handle hh;
};

struct member_list;
struct list_view;

struct roster {
    struct scope *scope;
    struct roster_row *rows, *dirty, *wanted;
    unsigned n_dirty;
    uint32_t online;
    bool loading, large;
    bool rebuild;           /* order or views changed */
    bool missed;            /* the offline are needed again: everybody is gone through */
    uint64_t views_version; /* of the replica */
    int64_t flush_at, rebuilt_at, idle_since, not_before;
    unsigned backoff_ms, n_views;
    uint64_t after; /* pages */
    int64_t joined_by;
    struct ticket *ticket;                   /* in flight */
    Hubbub__V1__SearchMembersResponse *page; /* whose presences are asked for */
    struct member_list *lists;
    struct roster *prev, *next; /* hub.rosters */
};

/* ---- For the rest of the core -------------------------------------------------------------------------------------
 */

/* Ops 14 and 37. d: the subscription's object. Channels that it does not name any longer are dropped. */
void lists_subscribe(struct hub *, struct session *, uint64_t guild_id, struct wire_json *d);
/* The hold ends, or is detached. */
void lists_forget(struct hub *, struct hold *);
/* The session has a socket again: it is told everything anew. */
void lists_resume(struct hub *, struct session *);
/* What the hold looks at, for another gateway; in the arena. */
void lists_describe(struct arena *, const struct hold *, Hubbub__V1__ScopePosition *ret);
/* ... and the other way: what the session may view no longer is left out. */
void lists_adopt(struct hub *, struct hold *, const Hubbub__V1__ScopePosition *);
void lists_tick(struct hub *);
/* Folds, in turn. */
void roster_member(struct hub *, struct scope *, const Hubbub__V1__Member *, uint64_t seq);
void roster_member_gone(struct hub *, struct scope *, uint64_t user_id, uint64_t seq);
void roster_presence(struct hub *, struct scope *, const Hubbub__V1__PresenceUpdated *);
/* Roles, owner or guild: order may be another. What decides views is noticed without it. */
void roster_roles(struct scope *);
/* ... and is taken from everybody. */
void roster_role_gone(struct scope *, uint64_t role_id);
/* The scope is cleared. */
void roster_drop(struct hub *, struct scope *);
/* The answers, when the ticket is a roster's. */
void roster_on_members(struct hub *, struct ticket *, bool good, const Hubbub__V1__SearchMembersResponse *);
void roster_on_presences(struct hub *, struct ticket *, status, const Hubbub__V1__GetPresencesResponse *);

/* ---- Between the three files --------------------------------------------------------------------------------------
 */

struct roster *roster_ensure(struct hub *, struct scope *);
void roster_tick(struct hub *, struct roster *);
/* Whether the user stands in lists at all. */
bool roster_lists(const struct roster *, const struct roster_row *);
/* What is left to do once the lists followed: rows that nobody needs are freed. */
void roster_settle(struct roster *);
void roster_count(struct hub *, struct roster *);
void lists_drop(struct hub *, struct roster *);

enum { LIST_ID_BYTES = 12 };
/* "everyone", or the hash of who may view. */
void list_id(const struct replica *, const Hubbub__V1__Channel *, char ret[LIST_ID_BYTES]);
uint32_t list_murmur3(const char *text, size_t n);
