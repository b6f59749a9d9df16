/* Unix milliseconds from and to ISO-8601, by the proleptic Gregorian calendar; no time zone database. */
#include "lib/wire/internal.h"

#define DAY_MS INT64_C(86400000)
#define FIRST_MS INT64_C(-62135596800000) /* 0001-01-01 */
#define LAST_MS INT64_C(253402300799999)  /* 9999-12-31T23:59:59.999 */

struct date {
    int64_t year;
    unsigned month, day;
};

/* Counts from 1 March, so that the leap day is a year's last. era: 400 years. */
static int64_t days_of(const struct date *d)
{
    int64_t year = d->month <= 2 ? d->year - 1 : d->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct date date_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct date d = {.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1)};
    d.month = (unsigned)(month < 10 ? month + 3 : month - 9);
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

static void put_digits(char **out, unsigned n, unsigned width)
{
    for (unsigned i = width; i-- > 0; n /= 10)
        (*out)[i] = (char)('0' + n % 10);
    *out += width;
}

void wire_time_write(char out[WIRE_TIME_BYTES], int64_t ms)
{
    ms = ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
    int64_t days = (ms >= 0 ? ms : ms - DAY_MS + 1) / DAY_MS;
    unsigned of_day = (unsigned)(ms - days * DAY_MS);
    struct date d = date_of(days);
    const struct {
        unsigned n, width;
        char after;
    } parts[] = {
        {(unsigned)d.year, 4, '-'},
        {d.month, 2, '-'},
        {d.day, 2, 'T'},
        {of_day / 3600000, 2, ':'},
        {of_day / 60000 % 60, 2, ':'},
        {of_day / 1000 % 60, 2, '.'},
        {of_day % 1000, 3, '0'},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        put_digits(&out, parts[i].n, parts[i].width);
        *out++ = parts[i].after;
    }
    memcpy(out, "00+00:00", sizeof "00+00:00");
}

/* Exactly width digits, at most max. */
static bool take(const char **s, unsigned width, unsigned max, unsigned *ret)
{
    unsigned n = 0;
    for (unsigned i = 0; i < width; i++) {
        if (**s < '0' || **s > '9')
            return false;
        n = n * 10 + (unsigned)(*(*s)++ - '0');
    }
    *ret = n;
    return n <= max;
}

static bool take_char(const char **s, const char *any)
{
    if (!**s || !strchr(any, **s))
        return false;
    (*s)++;
    return true;
}

static bool take_date(const char **s, struct date *d)
{
    static const unsigned char lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year;
    if (!take(s, 4, 9999, &year) || !take_char(s, "-") || !take(s, 2, 12, &d->month) || !take_char(s, "-"))
        return false;
    d->year = year;
    if (!take(s, 2, 31, &d->day) || year == 0 || d->month == 0 || d->day == 0 || d->day > lengths[d->month])
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return d->month != 2 || d->day < 29 || leap;
}

/* ".123456789": only milliseconds count. */
static bool take_fraction(const char **s, unsigned *ms)
{
    *ms = 0;
    if (!take_char(s, ".,"))
        return true;
    unsigned scale = 100;
    const char *start = *s;
    for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10)
        *ms += (unsigned)(**s - '0') * scale;
    return *s > start && *s - start <= 9;
}

static bool take_time(const char **s, int64_t *ms)
{
    unsigned hour, minute, second = 0, fraction = 0;
    if (!take(s, 2, 23, &hour) || !take_char(s, ":") || !take(s, 2, 59, &minute))
        return false;
    if (take_char(s, ":") && (!take(s, 2, 59, &second) || !take_fraction(s, &fraction)))
        return false;
    *ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + fraction;
    return true;
}

static bool take_offset(const char **s, int64_t *ms)
{
    *ms = 0;
    if (take_char(s, "Zz"))
        return true;
    int sign = **s == '-' ? -1 : 1;
    unsigned hours, minutes = 0;
    if (!take_char(s, "+-") || !take(s, 2, 23, &hours))
        return false;
    bool colon = take_char(s, ":");
    if ((colon || **s) && !take(s, 2, 59, &minutes))
        return false;
    *ms = sign * ((int64_t)hours * 60 + minutes) * 60000;
    return true;
}

bool wire_time_read(const char *s, int64_t *ret_ms)
{
    struct date d;
    int64_t of_day, offset;
    if (!take_date(&s, &d) || !take_char(&s, "Tt ") || !take_time(&s, &of_day) || !take_offset(&s, &offset) || *s)
        return false;
    *ret_ms = days_of(&d) * DAY_MS + of_day - offset;
    return true;
}
