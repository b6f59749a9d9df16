/* etf.h - Erlang's external term format (erl_ext_dist; PROTOCOL.md section 7), of and into the JSON form. Pure.
 *
 * Written: objects are maps with binaries for keys, strings are binaries, null is the atom nil. What many sessions are
 * sent is written once; a session's own s follows as an integer of fixed length.
 * Read: what a client sends. Strings and keys are binaries in UTF-8, true, false, nil and null atoms; tuples, other
 * atoms, atoms for keys, integers of more than eight bytes, numbers that are not finite, what nests deeper than JSON
 * may, compressed terms and bytes behind the term are refused. A count that the peer states is believed only as far as
 * bytes are there. */
#pragma once
#include "lib/base/buf.h"

enum { ETF_TAIL_BYTES = 5, ETF_DEPTH_MAX = 64 };

/* Appends the term of a JSON text: a whole one, or an object that is cut behind a key and its colon, whose value
 * etf_tail gives. False: it is no such text; what was appended is to be thrown away. */
bool etf_write(struct buf *, const char *json, size_t n);
void etf_tail(unsigned char ret[ETF_TAIL_BYTES], int64_t s);
/* Appends the JSON text of a term; false: it is refused. At most seven bytes for each of n, and 32. */
bool etf_read(struct buf *, const char *term, size_t n);
