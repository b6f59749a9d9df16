#define _GNU_SOURCE
#include "tools/hubbub/process.h"
#include "tools/hubbub/instance.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000, SETTLED_MS = 10000, PROBE_MS = 1000 };

void process_init(struct process *p, const char *log_path)
{
    p->state = PROCESS_WAITING;
    p->output = p->probe = -1;
    p->backoff_ms = BACKOFF_MIN_MS;
    rotated_log_init(&p->log, log_path);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void process_finish(struct process *p)
{
    close_fd(&p->output);
    close_fd(&p->probe);
    rotated_log_finish(&p->log);
}

static void write_pid(const struct process *p)
{
    char *new_path = text("%s.new", p->pid_path);
    FILE *f = fopen(new_path, "we");
    if (!f || fprintf(f, "%d\n", (int)p->pid) < 0 || fclose(f) != 0 || rename(new_path, p->pid_path) < 0)
        say("cannot write %s: %s", p->pid_path, strerror(errno));
    free(new_path);
}

/* ---- The child, between fork and exec -------------------------------------------------------------------------------- */
static void child_fail(const struct process *p, const char *what) __attribute__((noreturn));
static void child_fail(const struct process *p, const char *what)
{
    dprintf(STDERR_FILENO, "%s: %s: %s\n", p->name, what, strerror(errno));
    _exit(127);
}

static void child_run(const struct process *p, pid_t parent, int output) __attribute__((noreturn));
static void child_run(const struct process *p, pid_t parent, int output)
{
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE};
    sigset_t none;
    sigemptyset(&none);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    setpgid(0, 0); /* Ctrl-C in the terminal is for the supervisor, which stops its children in order */
    if (p->uid && (setgroups(0, NULL) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 || setresuid(p->uid, p->uid, p->uid) < 0))
        child_fail(p, "cannot change the user");
    /* After the change of user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, p->orphan_signal) < 0 || getppid() != parent)
        _exit(1);
    if (chdir(p->folder) < 0)
        child_fail(p, p->folder);
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
        signal(handled[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(p->argv[0], p->argv, p->env);
    child_fail(p, p->argv[0]);
}

static void start(struct process *p, int64_t now_ms)
{
    int ends[2];
    pid_t self = getpid();
    p->ready = false;
    close_fd(&p->output);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        p->start_at_ms = now_ms + BACKOFF_MAX_MS;
        return;
    }
    sigset_t all, before; /* a signal that comes before exec is the new program's, not our handler's */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    p->pid = fork();
    if (p->pid == 0)
        child_run(p, self, ends[1]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (p->pid < 0) {
        close(ends[0]);
        p->start_at_ms = now_ms + BACKOFF_MAX_MS;
        return;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->output = ends[0];
    p->state = PROCESS_RUNNING;
    p->started_ms = now_ms;
    p->starts++;
    write_pid(p);
}

/* ---- Is it ready? ---------------------------------------------------------------------------------------------------- */
static int open_probe(const struct process_door *door)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)door->admin_port)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (door->unix_socket)
        snprintf(un.sun_path, sizeof un.sun_path, "%s", door->unix_socket);
    const struct sockaddr *address = door->unix_socket ? (struct sockaddr *)&un : (struct sockaddr *)&in;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, address, door->unix_socket ? sizeof un : sizeof in) < 0 && errno != EINPROGRESS)
        close_fd(&fd);
    return fd;
}

/* One look at the door, without waiting. */
static bool look(struct process *p, int64_t now_ms)
{
    static const char request[] = "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (p->probe < 0) {
        p->probe = open_probe(&p->door);
        p->probe_until_ms = now_ms + PROBE_MS;
        if (p->probe < 0)
            return false;
        if (p->door.unix_socket || send(p->probe, request, sizeof request - 1, MSG_NOSIGNAL) < 0) {
            close_fd(&p->probe);
            return p->door.unix_socket != NULL;
        }
    }
    char answer[16] = "";
    ssize_t n = recv(p->probe, answer, sizeof answer - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN && now_ms < p->probe_until_ms)
        return false;
    close_fd(&p->probe);
    return n >= 12 && !strncmp(answer, "HTTP/1.", 7) && !strncmp(answer + 8, " 200", 4);
}

/* ---- Life ------------------------------------------------------------------------------------------------------------ */
void process_step(struct process *p, int64_t now_ms)
{
    if (p->state == PROCESS_WAITING && now_ms >= p->start_at_ms)
        start(p, now_ms);
    else if (p->state == PROCESS_RUNNING && !p->ready)
        p->ready = look(p, now_ms);
    else if (p->state == PROCESS_STOPPING && now_ms >= p->kill_at_ms)
        kill(p->pid, SIGKILL);
}

void process_read_output(struct process *p)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(p->output, chunk, sizeof chunk)) > 0)
        rotated_log_write(&p->log, chunk, (size_t)n);
    if (n == 0) /* every writer has closed it */
        close_fd(&p->output);
}

void process_stop(struct process *p, int64_t now_ms, int64_t grace_ms)
{
    p->again = false;
    if (p->state == PROCESS_WAITING)
        p->state = PROCESS_ENDED;
    if (p->state != PROCESS_RUNNING)
        return;
    p->state = PROCESS_STOPPING;
    p->kill_at_ms = now_ms + grace_ms;
    kill(p->pid, p->stop_signal);
    kill(p->pid, SIGCONT); /* one that was frozen hears it too */
}

void process_restart(struct process *p, int64_t now_ms, int64_t grace_ms)
{
    process_stop(p, now_ms, grace_ms);
    p->again = true;
}

void process_hurry(struct process *p)
{
    if (p->state != PROCESS_RUNNING && p->state != PROCESS_STOPPING)
        return;
    p->state = PROCESS_STOPPING;
    kill(p->pid, p->hurry_signal);
    kill(p->pid, SIGCONT);
}

void process_ended(struct process *p, int exit_status, int64_t now_ms)
{
    if (p->output >= 0)
        process_read_output(p);
    close_fd(&p->probe);
    unlink(p->pid_path);
    p->exit_status = exit_status;
    p->pid = 0;
    p->ready = false;
    if (p->state == PROCESS_STOPPING) {
        p->state = p->again ? PROCESS_WAITING : PROCESS_ENDED;
        p->start_at_ms = now_ms;
        p->again = false;
        return;
    }
    if (now_ms - p->started_ms > SETTLED_MS)
        p->backoff_ms = BACKOFF_MIN_MS;
    p->state = PROCESS_WAITING;
    p->start_at_ms = now_ms + p->backoff_ms;
    p->backoff_ms = p->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : p->backoff_ms * 2;
}

const char *process_end_in_words(int exit_status)
{
    static char words[64];
    if (WIFSIGNALED(exit_status))
        snprintf(words, sizeof words, "was ended by signal %d (%s)", WTERMSIG(exit_status), strsignal(WTERMSIG(exit_status)));
    else
        snprintf(words, sizeof words, "ended with exit status %d", WEXITSTATUS(exit_status));
    return words;
}
