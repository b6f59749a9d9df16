/* log.h - one JSON object a line on stderr: ts, level, service, msg and the fields given. Thread-safe: a line is one
 * write(2). Never put a token, a password or message text into a log. Libraries log only what nobody can be told. */
#pragma once
#include "lib/base/status.h"
#include <stdint.h>

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

/* A named value of a line; LOG_S and LOG_I build one. */
struct log_field {
    const char *key;
    const char *text; /* NULL: the number */
    int64_t number;
};
#define LOG_S(key, value) ((struct log_field){(key), (value) ? (value) : "", 0})
#define LOG_I(key, value) ((struct log_field){(key), NULL, (int64_t)(value)})

/* Names the process in every line, and the lowest level that is written (HUBBUB_LOG_LEVEL). Call once, first. */
void log_init(const char *service, const char *level);
void log_write(enum log_level, const char *msg, const struct log_field *fields, unsigned n);
/* log_info("listening", LOG_S("address", a), LOG_I("port", p)); */
#define LOG_FIELDS_(...) (struct log_field[]){{0}, ##__VA_ARGS__} + 1, sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1
#define log_debug(msg, ...) log_write(LOG_DEBUG_, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_info(msg, ...) log_write(LOG_INFO_, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_warn(msg, ...) log_write(LOG_WARN_, (msg), LOG_FIELDS_(__VA_ARGS__))
#define log_error(msg, ...) log_write(LOG_ERROR_, (msg), LOG_FIELDS_(__VA_ARGS__))
/* Writes the line and aborts: for what can only be a programmer's error, or no memory. */
void log_fatal(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
