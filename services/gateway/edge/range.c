#include "services/gateway/edge/range.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Digits up to something else; false for none, or for more than fit. */
static bool read_number(const char **at, uint64_t *ret)
{
    const char *start = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return *at > start;
}

static enum range_kind last_bytes(const char *at, uint64_t size, uint64_t *first, uint64_t *length)
{
    uint64_t n;
    if (!read_number(&at, &n) || *at)
        return RANGE_WHOLE;
    if (n == 0 || size == 0)
        return RANGE_UNSATISFIABLE;
    *length = n < size ? n : size;
    *first = size - *length;
    return RANGE_PART;
}

enum range_kind range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *length)
{
    if (!header || strncasecmp(header, "bytes=", 6))
        return RANGE_WHOLE;
    const char *at = header + 6;
    if (*at == '-')
        return last_bytes(at + 1, size, first, length);
    uint64_t from, to = UINT64_MAX;
    if (!read_number(&at, &from) || *at++ != '-')
        return RANGE_WHOLE;
    if (*at && (!read_number(&at, &to) || *at || to < from))
        return RANGE_WHOLE;
    if (from >= size)
        return RANGE_UNSATISFIABLE;
    *first = from;
    *length = (to < size ? to + 1 : size) - from;
    return RANGE_PART;
}
