/* story.h - what each session of a fake world was told, and whether that is what it had to be told.
 *
 * story_look() after every turn of a hub gathers from the rings. A session that moves has one story all the way: where
 * it moves in it has a draft, which takes the story's place once it is confirmed. A claimed one goes on from a tick:
 * the story is cut there, and what is told again has to be what was told before. So behind any number of moves a story
 * is that of a session which was never cut. */
#pragma once
#include "services/gateway/core/fake_world.h"

enum { SEGMENTS_MAX = 96, SEGMENT_CHANNELS_MAX = 256 };

/* What a session was told of one guild, from GUILD_CREATE to GUILD_DELETE. */
struct segment {
    unsigned guild;
    uint64_t start; /* position of the GUILD_CREATE */
    bool open;
    uint64_t *seqs;
    unsigned n, cap;
    uint64_t channels[SEGMENT_CHANNELS_MAX];
    unsigned n_channels;
};
struct telling {
    int64_t s;
    char *text;
    uint64_t start; /* of a GUILD_CREATE */
};
struct story {
    char session_id[80];
    unsigned user, gateway;
    uint64_t hop;
    bool draft; /* it moves in, and nobody has said yet that it may stay */
    bool alive, seen;
    bool doubtful; /* its gateway hangs, or hung and does not know yet whether the session is its own still */
    int64_t s;     /* of the last telling */
    int64_t tick;  /* the lowest that it went on from since stories_note_ticks(); INT64_MAX: from none */
    struct telling *tellings;
    unsigned n_tellings, cap_tellings;
    struct segment segments[SEGMENTS_MAX];
    unsigned n_segments;
    uint64_t *direct[FAKE_DIRECTS]; /* the messages that were told */
    unsigned n_direct[FAKE_DIRECTS];
    struct story *prev, *next;
};
struct stories {
    uint64_t seed;
    struct fake_world *w;
    struct story *list;
    struct audience { /* by client: what of its frames was compared */
        unsigned seen;
        int64_t last; /* -1: nothing yet */
    } audiences[FAKE_CLIENTS];
    unsigned moved, claimed;
};

#define EXPECT(sim, condition, ...)                                                                                    \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "seed %llu: ", (unsigned long long)(sim)->seed);                                           \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            ck_abort_msg("seed %llu", (unsigned long long)(sim)->seed);                                                \
        }                                                                                                              \
    } while (0)

/* After every turn. */
void stories_look(struct stories *);
/* From now on story.tick is the lowest. */
void stories_note_ticks(struct stories *, const char *session_id);
/* Whether it went on from a tick of that s or before it since: what it asked for behind that is lost. */
bool stories_went_back(const struct stories *, const char *session_id, int64_t s);
/* Whether a gateway has the session, and it is not just moving. */
bool stories_alive(const struct stories *, const char *session_id);
/* At the end, when everything works and nothing is on its way. */
void stories_check(struct stories *);
void stories_end(struct stories *);
