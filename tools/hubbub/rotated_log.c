#include "tools/hubbub/rotated_log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_file(struct rotated_log *l)
{
    struct stat st;
    l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    l->size = l->fd >= 0 && fstat(l->fd, &st) == 0 ? (size_t)st.st_size : 0;
}

void rotated_log_init(struct rotated_log *l, const char *path)
{
    *l = (struct rotated_log){.path = strdup(path), .fd = -1};
    open_file(l);
}

void rotated_log_finish(struct rotated_log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    free(l->path);
    *l = (struct rotated_log){.fd = -1};
}

static void rotate(struct rotated_log *l)
{
    char from[4096], to[4096];
    for (int i = ROTATED_LOG_KEPT; i > 0; i--) {
        snprintf(to, sizeof to, "%s.%d", l->path, i);
        snprintf(from, sizeof from, i > 1 ? "%s.%d" : "%s", l->path, i - 1);
        rename(from, to);
    }
    if (l->fd >= 0)
        close(l->fd);
    open_file(l);
}

static void remember(struct rotated_log *l, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] != '\n') {
            if (l->next_len < sizeof l->next - 1)
                l->next[l->next_len++] = data[i];
            continue;
        }
        l->next[l->next_len] = '\0';
        if (l->next_len)
            memcpy(l->line, l->next, l->next_len + 1);
        l->next_len = 0;
    }
}

void rotated_log_write(struct rotated_log *l, const char *data, size_t n)
{
    remember(l, data, n);
    if (l->size + n > ROTATED_LOG_BYTES_MAX)
        rotate(l);
    if (l->fd < 0)
        open_file(l);
    if (l->fd >= 0 && write(l->fd, data, n) > 0)
        l->size += n;
}
