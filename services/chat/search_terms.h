/* search_terms.h - what a message is found by, and what is looked for: the same terms from both. Pure.
 *
 * Text is brought to its compatibility form without case (utf8proc NFKC_Casefold) and cut into words of letters, digits
 * and marks. Of Chinese, Japanese and Korean, which set no spaces, each letter and each pair of neighbours is a term.
 * What the message is stands beside its words as "LETTER:VALUE"; a word has no colon. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "lib/base/arena.h"

enum { SEARCH_TERMS_MAX = 2048 /* of one text, more are dropped */, SEARCH_WORD_BYTES_MAX = 96 /* cut */ };
struct search_terms {
    struct arena *arena;
    const char **items; /* each once */
    size_t n;
};
/* whole: letters of East Asia one by one too, as a message has them; else pairs alone where there are any. */
void search_add_text(struct search_terms *, const char *text, bool whole);
/* "u:5" from search_add_id(t, 'u', 5). Author u, mentioned user m, mentioned role r, answered message a. */
void search_add_id(struct search_terms *, char kind, uint64_t id);
/* "h:image" of has. */
void search_add_has(struct search_terms *, const char *what);
/* All that the message is found by. */
void search_add_message(struct search_terms *, const Hubbub__V1__Message *);
