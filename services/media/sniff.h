/* sniff.h - what kind of file it is, from its bytes: never a type that a browser would run. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether bytes that come in pieces are UTF-8 without NUL, as RFC 3629 has it. Zeroed: nothing seen yet. */
struct text_check {
    unsigned missing;  /* continuation bytes still to come */
    uint8_t low, high; /* what the next one may be */
    bool refused;
};
void text_check_feed(struct text_check *, const uint8_t *, size_t n);
/* Whether all of it was text. */
bool text_check_holds(const struct text_check *);

/* The media type of a file. head: its first bytes (512 are enough); is_text: what text_check said of all of it;
 * claimed: what the client said, or NULL: believed only for audio, video and fonts that the bytes do not tell. Static
 * text, or claimed. */
const char *sniff_type(const uint8_t *head, size_t n, bool is_text, const char *claimed);
