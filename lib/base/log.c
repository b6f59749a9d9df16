#include "lib/base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };
static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *service_name = "";
static enum log_level level_min = LOG_INFO_;

void log_init(const char *service, const char *level)
{
    service_name = service;
    for (int i = 0; level && i <= LOG_ERROR_; i++)
        if (!strcmp(level, level_names[i]))
            level_min = (enum log_level)i;
}

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void put(struct line *l, const char *s, size_t n)
{
    size_t end = sizeof l->text - 16; /* always room for closing quotes, a brace and a newline */
    size_t room = l->len < end ? end - l->len : 0;
    n = n < room ? n : room;
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static void put_string(struct line *l, const char *s)
{
    put(l, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char escaped[8];
        if (c == '"' || c == '\\')
            put(l, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\%c", c));
        else if (c < 0x20 || c == 0x7f)
            put(l, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        else
            put(l, s, 1);
    }
    l->text[l->len++] = '"';
}

static void put_pair(struct line *l, const char *key, const char *value)
{
    put(l, l->len > 1 ? "," : "", l->len > 1);
    put_string(l, key);
    put(l, ":", 1);
    put_string(l, value);
}

static void put_time(struct line *l)
{
    struct timeval now;
    struct tm utc;
    char text[40];
    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, sizeof text - n, ".%03ldZ", (long)now.tv_usec / 1000);
    put_pair(l, "ts", text);
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, unsigned n)
{
    if (level < level_min)
        return;
    struct line l = {.text = "{", .len = 1};
    put_time(&l);
    put_pair(&l, "level", level_names[level]);
    put_pair(&l, "service", service_name);
    put_pair(&l, "msg", msg);
    for (unsigned i = 0; i < n && l.len < LINE_MAX_BYTES - 256; i++) {
        char number[24];
        if (fields[i].text) {
            put_pair(&l, fields[i].key, fields[i].text);
            continue;
        }
        put(&l, ",", 1);
        put_string(&l, fields[i].key);
        put(&l, ":", 1);
        put(&l, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)fields[i].number));
    }
    l.text[l.len++] = '}';
    l.text[l.len++] = '\n';
    if (write(STDERR_FILENO, l.text, l.len) < 0)
        return; /* there is nowhere left to say it */
}

void log_fatal(const char *format, ...)
{
    char msg[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(msg, sizeof msg, format, args);
    va_end(args);
    log_error(msg);
    abort();
}
