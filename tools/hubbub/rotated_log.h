/* rotated_log.h - a log file that is rotated by size: PATH, PATH.1, ... PATH.3. Also remembers the last line, to tell
 * people why a process would not start. One thread. */
#pragma once
#include <stddef.h>

enum { ROTATED_LOG_BYTES_MAX = 10 << 20, ROTATED_LOG_KEPT = 3, ROTATED_LOG_LINE_MAX = 512 };

struct rotated_log {
    char *path;
    int fd;
    size_t size;
    char line[ROTATED_LOG_LINE_MAX]; /* the last whole line, cut */
    char next[ROTATED_LOG_LINE_MAX]; /* the line being written */
    size_t next_len;
};

void rotated_log_init(struct rotated_log *, const char *path);
void rotated_log_finish(struct rotated_log *);
/* A file that cannot be written loses the text: a full disk must not stop the process that logs. */
void rotated_log_write(struct rotated_log *, const char *data, size_t n);
