#define _GNU_SOURCE /* pidfd_open */
#include "services/media/converter.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct converter {
    const char *program;
    pthread_mutex_t lock;
    pthread_cond_t has_place;
    unsigned places, waiting;
};

static struct metric done = METRIC_COUNTER("hubbub_media_conversions_total", "Images decoded", "result=\"done\"");
static struct metric refused = METRIC_COUNTER("hubbub_media_conversions_total", "Images decoded", "result=\"refused\"");
static struct metric failed = METRIC_COUNTER("hubbub_media_conversions_total", "Images decoded", "result=\"failed\"");
static struct metric turned_away =
    METRIC_COUNTER("hubbub_media_conversions_total", "Images decoded", "result=\"turned away\"");

void converter_find(char *ret, size_t n)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(self, '/');
    snprintf(ret, n, "%.*s/convert/convert", (int)(slash ? slash - self : 0), self); /* as it is built */
    if (access(ret, X_OK))
        snprintf(ret, n, "%.*s/convert", (int)(slash ? slash - self : 0), self);
}

struct converter *converter_create(const char *program, unsigned processes_max)
{
    if (access(program, X_OK)) {
        log_error("no program to decode images", LOG_S("path", program), LOG_S("error", strerror(errno)));
        return NULL;
    }
    struct converter *c = calloc(1, sizeof *c);
    if (!c || !(c->program = strdup(program)))
        log_fatal("out of memory");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->has_place, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c->lock, NULL);
    c->places = processes_max;
    struct metric *all[] = {&done, &refused, &failed, &turned_away};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        metric_register(all[i]);
    return c;
}

void converter_destroy(struct converter *c)
{
    if (!c)
        return;
    pthread_cond_destroy(&c->has_place);
    pthread_mutex_destroy(&c->lock);
    free((char *)c->program);
    free(c);
}

/* ---- Places ----------------------------------------------------------------------------------------------------- */

static bool take_place(struct converter *c, int64_t deadline_ms)
{
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    pthread_mutex_lock(&c->lock);
    bool may_wait = c->waiting < CONVERTER_WAITING_MAX;
    c->waiting++;
    while (may_wait && !c->places && !pthread_cond_timedwait(&c->has_place, &c->lock, &until))
        ;
    c->waiting--;
    bool taken = c->places > 0;
    c->places -= taken;
    pthread_mutex_unlock(&c->lock);
    return taken;
}

static void give_place(struct converter *c)
{
    pthread_mutex_lock(&c->lock);
    c->places++;
    pthread_cond_signal(&c->has_place);
    pthread_mutex_unlock(&c->lock);
}

/* ---- One process ------------------------------------------------------------------------------------------------ */

/* 0, or an errno. The environment: one thread, and no text in other languages. */
static int start(const struct converter *c, int in, int out, char *const argv[], pid_t *ret)
{
    static char *const environment[] = {"LC_ALL=C", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=1", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error =
        lseek(in, 0, SEEK_SET) < 0 ? errno : posix_spawn(ret, c->program, &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* Waits for its end; kills it when the time is over. The status of waitpid. */
static int wait_for(pid_t pid, int64_t deadline_ms, bool *ret_late)
{
    int fd = pidfd_open(pid, 0), status, ready = 0;
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    do {
        int64_t left = deadline_ms - clock_mono_ms();
        ready = fd < 0 || left <= 0 ? 0 : poll(&ended, 1, (int)left);
    } while (ready < 0 && errno == EINTR);
    *ret_late = ready <= 0;
    if (*ret_late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        close(fd);
    return status;
}

static int result_of(int status)
{
    if (WIFSIGNALED(status)) {
        log_warn("the decoder of images was killed", LOG_I("signal", WTERMSIG(status)));
        return CONVERT_REFUSED;
    }
    int code = WEXITSTATUS(status);
    if (code != CONVERT_STILL && code != CONVERT_ANIMATED && code != CONVERT_REFUSED)
        log_error("the decoder of images does not work", LOG_I("status", code));
    return code == CONVERT_STILL || code == CONVERT_ANIMATED || code == CONVERT_REFUSED ? code : CONVERT_FAILED;
}

static int run(const struct converter *c, int in, int out, char *const argv[], int64_t deadline_ms)
{
    pid_t pid;
    bool late;
    int error = start(c, in, out, argv, &pid);
    if (error) {
        log_error("the decoder of images does not start", LOG_S("error", strerror(error)));
        return CONVERT_FAILED;
    }
    int status = wait_for(pid, deadline_ms, &late);
    return late ? CONVERT_BUSY : result_of(status);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int converter_run(struct converter *c, int in, int out, const char *size, const char *format, int64_t deadline_ms)
{
    if (!take_place(c, earlier(deadline_ms, clock_mono_ms() + CONVERTER_WAIT_MS))) {
        metric_add(&turned_away, 1);
        return CONVERT_BUSY;
    }
    char *const argv[] = {"convert", (char *)size, (char *)format, NULL};
    int result = run(c, in, out, argv, earlier(deadline_ms, clock_mono_ms() + CONVERTER_RUN_MS));
    give_place(c);
    metric_add(result == CONVERT_FAILED    ? &failed
               : result == CONVERT_REFUSED ? &refused
               : result == CONVERT_BUSY    ? &turned_away
                                           : &done,
               1);
    return result;
}
