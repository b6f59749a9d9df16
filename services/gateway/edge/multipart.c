#define _GNU_SOURCE
#include "services/gateway/edge/multipart.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { AT_START, AT_DELIMITER_END, IN_HEADERS, IN_CONTENT, AFTER_CONTENT, ENDED };

/* After a quote: up to the closing one; a backslash takes the next character as it is, but browsers send file names
 * with backslashes of their own, so it does so only before a quote or a backslash. */
static const char *read_quoted(const char *at, char *ret, size_t size, bool *fits)
{
    size_t len = 0;
    *fits = true;
    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (len + 1 < size)
            ret[len++] = *at;
        else
            *fits = false;
    }
    ret[len] = '\0';
    return *at ? at + 1 : NULL;
}

static const char *read_plain(const char *at, char *ret, size_t size, bool *fits)
{
    size_t n = strcspn(at, "; \t\r\n");
    *fits = n < size;
    n = *fits ? n : size - 1;
    memcpy(ret, at, n);
    ret[n] = '\0';
    return at + strcspn(at, "; \t\r\n");
}

bool multipart_parameter(const char *header, const char *name, char *ret, size_t size)
{
    const char *at = header + strcspn(header, ";\r\n");
    char skipped[MULTIPART_FILENAME_MAX + 1];
    while (at && *at == ';') {
        at += strspn(at, "; \t");
        size_t n = strcspn(at, "=; \t\r\n");
        bool wanted = n == strlen(name) && !strncasecmp(at, name, n), fits = false;
        char *into = wanted ? ret : skipped;
        size_t room = wanted ? size : sizeof skipped;
        at += n;
        if (*at == '=')
            at = at[1] == '"' ? read_quoted(at + 2, into, room, &fits) : read_plain(at + 1, into, room, &fits);
        if (wanted)
            return at && fits;
        if (at)
            at += strspn(at, " \t");
    }
    return false;
}

static bool boundary_ok(const char *boundary)
{
    size_t n = strlen(boundary);
    if (!n || n > MULTIPART_BOUNDARY_MAX || boundary[n - 1] == ' ')
        return false;
    for (; *boundary; boundary++)
        if ((unsigned char)*boundary < 0x20 || (unsigned char)*boundary > 0x7e)
            return false;
    return true;
}

bool multipart_init(struct multipart *m, const char *content_type)
{
    static const char type[] = "multipart/form-data";
    *m = (struct multipart){0};
    char boundary[MULTIPART_BOUNDARY_MAX + 2];
    if (!content_type || strncasecmp(content_type, type, sizeof type - 1))
        return false;
    if (!strchr("; \t", content_type[sizeof type - 1]) ||
        !multipart_parameter(content_type, "boundary", boundary, sizeof boundary))
        return false;
    if (!boundary_ok(boundary))
        return false;
    memcpy(m->delimiter, "\r\n--", 4);
    strcpy(m->delimiter + 4, boundary);
    m->delimiter_len = strlen(m->delimiter);
    return true;
}

/* A header line of a part, cut at its end. */
static bool take_header(struct multipart *m, const char *line)
{
    static const char disposition[] = "content-disposition:", type[] = "content-type:";
    if (!strncasecmp(line, disposition, sizeof disposition - 1)) {
        const char *value = line + sizeof disposition - 1;
        value += strspn(value, " \t");
        if (strncasecmp(value, "form-data", 9) || !multipart_parameter(value, "name", m->name, sizeof m->name))
            return false;
        char whole[MULTIPART_HEADERS_MAX];
        m->is_file = multipart_parameter(value, "filename", whole, sizeof whole);
        size_t n = m->is_file ? strlen(whole) : 0;
        const char *end = whole + (n > MULTIPART_FILENAME_MAX ? n - MULTIPART_FILENAME_MAX : 0);
        while (m->is_file && ((unsigned char)*end & 0xc0) == 0x80)
            end++; /* not in the middle of a character */
        strcpy(m->filename, m->is_file ? end : "");
    } else if (!strncasecmp(line, type, sizeof type - 1)) {
        const char *value = line + sizeof type - 1;
        value += strspn(value, " \t");
        strncpy(m->content_type, value, sizeof m->content_type - 1);
    }
    return true;
}

/* Headers of one part, blank line included: len bytes at in. */
static bool take_headers(struct multipart *m, const char *in, size_t len)
{
    char text[MULTIPART_HEADERS_MAX + 1];
    if (memchr(in, '\0', len))
        return false;
    memcpy(text, in, len);
    text[len] = '\0';
    m->name[0] = m->filename[0] = '\0';
    memset(m->content_type, 0, sizeof m->content_type);
    m->is_file = false;
    for (char *at = text; *at && strncmp(at, "\r\n", 2);) {
        char *end = strstr(at, "\r\n");
        *end = '\0';
        if (!take_header(m, at))
            return false;
        at = end + 2;
    }
    return m->name[0] != '\0';
}

static enum multipart_event read_headers(struct multipart *m, const char *in, size_t n, size_t *used)
{
    size_t look = n < MULTIPART_HEADERS_MAX ? n : MULTIPART_HEADERS_MAX;
    const char *blank = memmem(in, look, "\r\n\r\n", 4);
    if (!blank)
        return n >= MULTIPART_HEADERS_MAX ? MULTIPART_ERROR : MULTIPART_MORE;
    size_t len = (size_t)(blank + 4 - in);
    if (++m->parts > MULTIPART_PARTS_MAX || !take_headers(m, in, len))
        return MULTIPART_ERROR;
    *used = len;
    m->state = IN_CONTENT;
    return MULTIPART_PART;
}

/* What stands after a delimiter: CRLF and another part, or -- and the end. RFC 2046 allows white space before the CRLF.
 */
static enum multipart_event read_delimiter_end(struct multipart *m, const char *in, size_t n, size_t *used)
{
    size_t blank = 0;
    while (blank < n && blank < 64 && (in[blank] == ' ' || in[blank] == '\t'))
        blank++;
    if (n - blank < 2)
        return MULTIPART_MORE;
    *used = blank + 2;
    if (!memcmp(in + blank, "--", 2)) {
        m->state = ENDED;
        return MULTIPART_END;
    }
    if (memcmp(in + blank, "\r\n", 2))
        return MULTIPART_ERROR;
    m->state = IN_HEADERS;
    return MULTIPART_MORE;
}

/* The first delimiter has no CRLF before it when there is no preamble. */
static enum multipart_event read_start(struct multipart *m, const char *in, size_t n, size_t *used)
{
    size_t len = m->delimiter_len - 2;
    if (n < len)
        return memcmp(in, m->delimiter + 2, n) ? MULTIPART_ERROR : MULTIPART_MORE;
    if (memcmp(in, m->delimiter + 2, len))
        return MULTIPART_ERROR;
    *used = len;
    m->state = AT_DELIMITER_END;
    return MULTIPART_MORE;
}

static enum multipart_event read_content(struct multipart *m, const char *in, size_t n, size_t *used, const char **data,
                                         size_t *data_len)
{
    const char *found = memmem(in, n, m->delimiter, m->delimiter_len);
    if (found == in) {
        *used = m->delimiter_len;
        m->state = AT_DELIMITER_END;
        return MULTIPART_PART_END;
    }
    size_t len = found ? (size_t)(found - in) : n;
    if (!found) { /* the end may be the beginning of a delimiter */
        size_t from = n < m->delimiter_len ? 0 : n - m->delimiter_len + 1;
        const char *cr = memchr(in + from, '\r', n - from);
        while (cr && memcmp(cr, m->delimiter, (size_t)(in + n - cr)))
            cr = memchr(cr + 1, '\r', (size_t)(in + n - cr - 1));
        len = cr ? (size_t)(cr - in) : n;
    }
    if (!len)
        return MULTIPART_MORE;
    *data = in;
    *data_len = *used = len;
    return MULTIPART_DATA;
}

static enum multipart_event read_one(struct multipart *m, const char *in, size_t n, size_t *used, const char **data,
                                     size_t *data_len)
{
    switch (m->state) {
    case AT_START:
        return read_start(m, in, n, used);
    case AT_DELIMITER_END:
        return read_delimiter_end(m, in, n, used);
    case IN_HEADERS:
        return read_headers(m, in, n, used);
    case IN_CONTENT:
        return read_content(m, in, n, used, data, data_len);
    default:
        *used = n;
        return MULTIPART_END;
    }
}

enum multipart_event multipart_read(struct multipart *m, const char *in, size_t n, size_t *used, const char **data,
                                    size_t *data_len)
{
    *data_len = *used = 0;
    for (;;) {
        size_t step = 0;
        enum multipart_event event = read_one(m, in + *used, n - *used, &step, data, data_len);
        *used += step;
        if (event != MULTIPART_MORE || !step)
            return event;
    }
}

int multipart_file_index(const char *name)
{
    if (!strcmp(name, "file"))
        return 0;
    bool brackets = !strncmp(name, "files[", 6);
    if (!brackets && strncmp(name, "file", 4))
        return -1;
    const char *digits = name + (brackets ? 6 : 4);
    size_t n = strspn(digits, "0123456789");
    if (!n || n > 4 || strcmp(digits + n, brackets ? "]" : ""))
        return -1;
    return atoi(digits);
}
