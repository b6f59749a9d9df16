/* doctor.c - `hubbub doctor`: reads, asks and measures; changes nothing. The configuration is checked by the services' own
 * --check-config, under the environment that `hubbub up` would give them, so that the two cannot differ. */
#define _GNU_SOURCE
#include "tools/hubbub/doctor.h"
#include "lib/base/clock.h"
#include "lib/rpc/options.h"
#include "tools/hubbub/commands.h"
#include "tools/hubbub/services.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_MS = 10000, READY_MS = 2000, LINE_MAX_BYTES = 512 };

void doctor_report(struct doctor *d, enum finding finding, const char *check, const char *format, ...)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    va_list args;
    va_start(args, format);
    printf("%-5s %s: ", words[finding], check);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    d->count[finding]++;
}

/* ---- Running a program ------------------------------------------------------------------------------------------------- */

static void exec_child(char *const *argv, char *const *env, int out)
{
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(argv[0], argv, env ? env : environ);
    dprintf(STDERR_FILENO, "cannot be run: %s", strerror(errno));
    _exit(127);
}

static void read_all(int fd, char *output, size_t size)
{
    size_t n = 0;
    int64_t end = clock_mono_ms() + RUN_MS;
    for (;;) {
        char chunk[LINE_MAX_BYTES];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - clock_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got && n + 1 < size; i++)
            output[n++] = (unsigned char)chunk[i] < ' ' ? ' ' : chunk[i];
    }
    while (n && output[n - 1] == ' ')
        n--;
    output[n] = '\0';
}

int doctor_run(char *const *argv, char *const *env, char *output, size_t size)
{
    int pipes[2], status = -1;
    output[0] = '\0';
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        exec_child(argv, env, pipes[1]);
    close(pipes[1]);
    if (pid > 0) {
        read_all(pipes[0], output, size);
        kill(pid, SIGKILL); /* it has closed its output, or had its time */
        siginfo_t info = {0};
        while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
            ;
        status = info.si_code == CLD_EXITED ? info.si_status : -1;
    }
    close(pipes[0]);
    return status;
}

/* ---- Configuration ----------------------------------------------------------------------------------------------------- */

static void check_own_configuration(void)
{
    char output[LINE_MAX_BYTES];
    char *argv[] = {"/proc/self/exe", "up", "--check-config", NULL};
    struct doctor d = {0};
    if (doctor_run(argv, NULL, output, sizeof output) == 0) {
        doctor_report(&d, FINDING_OK, "configuration of hubbub", "right");
        return;
    }
    doctor_report(&d, FINDING_FAIL, "configuration of hubbub", "%s; the other checks need it right first", output);
    exit(1);
}

static void check_configuration(struct doctor *d)
{
    const char *name;
    for (unsigned k = 0; (name = services_kind(k)); k++) {
        char output[LINE_MAX_BYTES], *check = text("configuration of %s", name);
        char *program = instance_program(&d->instance, name);
        /* Before the first start there is no address yet: any will do, it is not connected to here. */
        char **env = services_environment(&d->instance, k, d->database_url ? d->database_url : "host=/none",
                                          d->redis_url ? d->redis_url : "unix:///none");
        if (!program)
            doctor_report(d, FINDING_FAIL, check, "the program is missing; build it (./run does), or set HUBBUB_BIN_DIR");
        else if (doctor_run((char *[]){program, "--check-config", NULL}, env, output, sizeof output) == 0)
            doctor_report(d, FINDING_OK, check, "right");
        else
            doctor_report(d, FINDING_FAIL, check, "%s", *output ? output : "the program crashes; look for a library that is missing");
        free(program);
        free(check);
    }
}

/* A wrong one ended the check of hubbub's own configuration. */
static void check_certificates(struct doctor *d)
{
    enum { SOON_DAYS = 30 };
    const struct rpc_certificates *c = rpc_options_certificates();
    if (!c)
        doctor_report(d, FINDING_OK, "certificates between services", "none: their connections are plain");
    else if (c->days_left < SOON_DAYS)
        doctor_report(d, FINDING_WARN, "certificates between services", "one ends in %d days; make new ones and restart", c->days_left);
    else
        doctor_report(d, FINDING_OK, "certificates between services", "right for %d days", c->days_left);
}

/* ---- Mail -------------------------------------------------------------------------------------------------------------- */

static void check_mail(struct doctor *d)
{
    char output[LINE_MAX_BYTES], *program = instance_program(&d->instance, "chat");
    unsigned chat = 0;
    while (strcmp(services_kind(chat), "chat"))
        chat++;
    char **env = services_environment(&d->instance, chat, "host=/none", "unix:///none"); /* neither is connected to */
    if (!program) {
        doctor_report(d, FINDING_FAIL, "mail", "the program chat is missing");
        return;
    }
    if (doctor_run((char *[]){program, "--check-mail", NULL}, env, output, sizeof output) == 0)
        doctor_report(d, FINDING_OK, "mail", "%s", output);
    else
        doctor_report(d, FINDING_FAIL, "mail", "%s; check HUBBUB_SMTP_URL, _USER, _PASSWORD, _TLS and _CA", output);
    free(program);
}

/* ---- Processes --------------------------------------------------------------------------------------------------------- */

static int is_pid_file(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && !strcmp(e->d_name + n - 4, ".pid");
}

static int read_pid(const struct doctor *d, const char *file)
{
    int pid = 0;
    char *path = instance_path(&d->instance, "run/%s", file);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    free(path);
    return pid;
}

static bool is_alive(int pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

/* The HTTP status of 127.0.0.1:port/readyz, 0 without an answer; the body, on one line. */
static int ask_readyz(int port, char *body, size_t size)
{
    static const char request[] = "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = READY_MS / 1000};
    char answer[2048] = "";
    size_t n = 0;
    int code = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    body[0] = '\0';
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        for (ssize_t got; n + 1 < sizeof answer && (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0;)
            n += (size_t)got;
    close(fd);
    if (sscanf(answer, "HTTP/1.%*d %d", &code) != 1)
        return 0;
    const char *start = strstr(answer, "\r\n\r\n");
    size_t used = 0;
    for (const char *s = start ? start + 4 : ""; *s && used + 3 < size; s++) {
        if (*s == '\n' && s[1])
            body[used++] = ',';
        if (*s >= ' ' || (*s == '\n' && s[1]))
            body[used++] = *s == '\n' ? ' ' : *s;
    }
    body[used] = '\0';
    return code;
}

static void check_process(struct doctor *d, const char *name, int pid)
{
    char body[LINE_MAX_BYTES], *check = text("process %s", name);
    int port = services_admin_port(&d->instance, name);
    int code = is_alive(pid) && port ? ask_readyz(port, body, sizeof body) : 0;
    if (!is_alive(pid))
        doctor_report(d, FINDING_FAIL, check, "is dead; look into %s/log/%s.log and start ./run", d->instance.data, name);
    else if (!port)
        doctor_report(d, FINDING_OK, check, "runs, pid %d", pid);
    else if (code == 200)
        doctor_report(d, FINDING_OK, check, "is ready (%s)", body);
    else if (code)
        doctor_report(d, FINDING_FAIL, check, "is not ready (%s); what is not ok there is checked above", body);
    else
        doctor_report(d, FINDING_FAIL, check,
                      "runs as pid %d but does not answer on 127.0.0.1:%d; is HUBBUB_LISTEN here what it was started with?", pid, port);
    free(check);
}

static void check_processes(struct doctor *d)
{
    char *run = instance_path(&d->instance, "run");
    struct dirent **files;
    int n = scandir(run, &files, is_pid_file, alphasort);
    if (!d->running)
        doctor_report(d, FINDING_WARN, "processes", "nothing runs on %s; start it with ./run", d->instance.data);
    for (int i = 0; d->running && i < n; i++) {
        int pid = read_pid(d, files[i]->d_name);
        files[i]->d_name[strlen(files[i]->d_name) - 4] = '\0';
        check_process(d, files[i]->d_name, pid);
    }
    for (int i = 0; i < n; i++)
        free(files[i]);
    if (n >= 0)
        free(files);
    free(run);
}

static bool anything_runs(const struct doctor *d)
{
    char *run = instance_path(&d->instance, "run");
    bool found = false;
    DIR *folder = opendir(run);
    for (const struct dirent *e; folder && (e = readdir(folder));)
        found |= is_pid_file(e) && is_alive(read_pid(d, e->d_name));
    if (folder)
        closedir(folder);
    free(run);
    return found;
}

/* ---- The command ------------------------------------------------------------------------------------------------------- */

static void look_around(struct doctor *d)
{
    instance_load(&d->instance);
    if (!instance_read_secret(&d->instance)) /* made at the first start */
        memset(d->instance.secret, '0', INSTANCE_SECRET_HEX);
    d->running = anything_runs(d);
    bool cluster = postgres_find(&d->instance, &d->postgres);
    d->database_url = *d->instance.database_url ? d->instance.database_url : cluster ? d->postgres.url : NULL;
    d->redis_url = *d->instance.redis_url ? d->instance.redis_url : text("unix://%s/run/redis.sock", d->instance.data);
}

int doctor_main(int argc, char **argv)
{
    static struct doctor d;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        printf("hubbub doctor: one line a check, ok, warn or fail, with what to do. Changes nothing. Exit status 1 when one failed.\n"
               "Run it as the user and under the environment of `hubbub up`.\n");
        return 0;
    }
    if (argc > 1)
        give_up(2, "hubbub doctor takes no argument: %s", argv[1]);
    check_own_configuration();
    d.count[FINDING_OK] = 1;
    look_around(&d);
    check_configuration(&d);
    check_certificates(&d);
    doctor_check_programs(&d);
    doctor_check_libraries(&d);
    doctor_check_limits(&d);
    doctor_check_disks(&d);
    doctor_check_postgres(&d);
    doctor_check_redis(&d);
    check_mail(&d);
    check_processes(&d);
    printf("%u ok, %u to look at, %u failed\n", d.count[FINDING_OK], d.count[FINDING_WARN], d.count[FINDING_FAIL]);
    return d.count[FINDING_FAIL] ? 1 : 0;
}
