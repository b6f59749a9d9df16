/* range.h - the Range header of a request for one file, RFC 9110 section 14. Pure. */
#pragma once
#include <stdint.h>

enum range_kind {
    RANGE_WHOLE,        /* no header, another unit, several ranges or a syntax we do not know: answer 200 */
    RANGE_PART,         /* answer 206 */
    RANGE_UNSATISFIABLE /* answer 416 */
};
/* *first and *length are set for RANGE_PART only; they lie inside size. header may be NULL. */
enum range_kind range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *length);
