/* up.c - the supervisor.
 *
 * One loop around poll(): signals come through a signalfd, what the children write through one pipe each, and every 20 ms
 * (a second once all is ready) each process is moved on. PostgreSQL and Redis first; the services when those accept, or
 * after DEPENDENCIES_MS, for the services start without them too. When every door was seen open once, the line "Hubbub is
 * ready" is printed. From then on whatever dies is started again.
 *
 * SIGUSR1 (`hubbub restart`): every service of ours is stopped and started again, one after the other, each when the one
 * before it is ready; a service that dies meanwhile is waited for.
 *
 * SIGINT or SIGTERM: gateways are drained first, then chat, presence and media, then Redis, then PostgreSQL, each phase
 * when the one before has ended. A second signal ends all at once. If the supervisor itself is killed, the kernel ends its
 * children (PR_SET_PDEATHSIG); what a killed child leaves behind becomes the supervisor's (PR_SET_CHILD_SUBREAPER), which
 * ends it last. */
#define _GNU_SOURCE
#include "tools/hubbub/up.h"
#include "lib/base/clock.h"
#include "tools/hubbub/services.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STARTING_TURN_MS = 20,
    TURN_MS = 1000,
    DEPENDENCIES_MS = 15000,
    PATIENCE_MS = 30000,   /* of waiting before people are told what is missing */
    GRACE_MS = 15000,      /* of stopping before a process is killed; services promise 10 s */
    DRAIN_GRACE_MS = 180000, /* of a gateway: it sends its sessions away by HUBBUB_DRAIN_PER_SECOND */
    EXIT_WRONG_CONFIG = 2, /* of a service: starting it again would not help */
};

struct supervisor {
    struct instance instance;
    struct services services;
    int signals;
    bool announced;      /* "Hubbub is ready" was printed */
    bool stopping, hurried;
    enum service_phase phase; /* being stopped */
    struct service *restarting; /* of the rolling restart; NULL: none is under way */
    unsigned restarting_starts; /* its starts before */
    bool restart_gateways_only;
    int64_t started_ms, patience_ms;
    int exit_status;
};

#define EACH_SERVICE(v, s) (struct service *s = (v)->services.all; s < (v)->services.all + (v)->services.n; s++)

/* ---- Arguments ------------------------------------------------------------------------------------------------------- */
static unsigned parse_count(const char *option, const char *value)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (*end || end == value || n < 1 || n > SERVICES_MAX)
        give_up(2, "--%s %s: a number from 1 to %d is needed", option, value, SERVICES_MAX);
    return (unsigned)n;
}

static void print_usage(void)
{
    printf("hubbub up [--gateways N] [--chats N]: starts Hubbub here and stays in the foreground; Ctrl-C stops it.\n"
           "Options of the services (HUBBUB_REGISTRATION, HUBBUB_LOG_LEVEL, ...) are passed on to them.\n\n");
    instance_load_options("hubbub up", 2, (char *[]){"hubbub", "--help"});
}

static void check_config(void)
{
    struct instance in;
    instance_load(&in);
    printf("hubbub: the configuration is right\n");
    exit(0);
}

static void parse_arguments(int argc, char **argv, unsigned *gateways, unsigned *chats)
{
    static const struct option options[] = {
        {"gateways", required_argument, NULL, 'g'}, {"chats", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
        {"check-config", no_argument, NULL, 'C'}, {"print-config-table", no_argument, NULL, 'T'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'g')
            *gateways = parse_count("gateways", optarg);
        else if (c == 'c')
            *chats = parse_count("chats", optarg);
        else if (c == 'h')
            print_usage();
        else if (c == 'C')
            check_config();
        else if (c == 'T')
            instance_load_options("hubbub up", 2, (char *[]){"hubbub", "--print-config-table"});
        else
            exit(2);
    }
    if (optind < argc)
        give_up(2, "unknown argument %s (see hubbub up --help)", argv[optind]);
}

/* false when something listens there already; errno says what else was wrong. */
static bool is_free(const char *host, int port)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    int on = 1;
    snprintf(service, sizeof service, "%d", port);
    int fault = getaddrinfo(*host ? host : NULL, service, &hints, &found);
    if (fault)
        give_up(2, "HUBBUB_LISTEN: %s: %s", host, gai_strerror(fault));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return is;
}

/* Gateways share the public port (SO_REUSEPORT), so that another program on it would go unnoticed: asked here, once. */
static void require_free_public_port(const struct instance *in)
{
    char host[sizeof in->host];
    snprintf(host, sizeof host, "%s", *in->host == '[' ? in->host + 1 : in->host);
    host[strcspn(host, "]")] = '\0';
    if (!is_free(host, in->port))
        give_up(1, "cannot listen on %s: %s (HUBBUB_LISTEN=127.0.0.1:PORT chooses another port)", in->listen, strerror(errno));
}

/* A stranger on an admin port would answer /readyz in our service's place. */
static void require_free_admin_ports(const struct supervisor *v)
{
    for EACH_SERVICE(v, s)
        if (s->process.door.admin_port && !is_free("127.0.0.1", s->process.door.admin_port))
            give_up(1, "cannot listen on 127.0.0.1:%d, the admin port of %s: %s (HUBBUB_LISTEN moves it)", s->process.door.admin_port,
                    s->process.name, strerror(errno));
}

/* ---- Starting -------------------------------------------------------------------------------------------------------- */
static bool is_dependency(const struct service *s)
{
    return s->phase == PHASE_REDIS || s->phase == PHASE_POSTGRES;
}

static bool dependencies_ready(struct supervisor *v, int64_t now_ms)
{
    for EACH_SERVICE(v, s)
        if (is_dependency(s) && !s->process.starts)
            return false;
    for EACH_SERVICE(v, s)
        if (is_dependency(s) && !s->process.ready)
            return now_ms - v->started_ms > DEPENDENCIES_MS;
    return true;
}

static bool all_ready(struct supervisor *v)
{
    for EACH_SERVICE(v, s)
        if (!s->process.ready)
            return false;
    return true;
}

static void tell_what_is_missing(struct supervisor *v)
{
    for EACH_SERVICE(v, s)
        if (!s->process.ready)
            say("still waiting for %s; it last said: %s (all of it: %s)", s->process.name,
                *s->process.log.line ? s->process.log.line : "nothing", s->process.log.path);
}

static void announce(struct supervisor *v, int64_t now_ms)
{
    if (all_ready(v)) {
        printf("Hubbub is ready at %s\n", v->instance.public_url);
        fflush(stdout);
        v->announced = true;
    } else if (now_ms > v->patience_ms) {
        tell_what_is_missing(v);
        v->patience_ms = now_ms + PATIENCE_MS;
    }
}

/* ---- Restarting ------------------------------------------------------------------------------------------------------ */
static void end_restart(struct supervisor *v)
{
    char *marker = instance_path(&v->instance, RESTART_MARKER);
    unlink(marker); /* whoever asked waits for this */
    free(marker);
    v->restarting = NULL;
}

/* The first from `s` on that is to be restarted; NULL: none is left. */
static struct service *find_next(struct supervisor *v, struct service *s)
{
    for (; s < v->services.all + v->services.n; s++)
        if (s->phase == PHASE_GATEWAYS || (s->phase == PHASE_SERVICES && !v->restart_gateways_only))
            return s;
    return NULL;
}

static void restart_one(struct supervisor *v, struct service *s, int64_t now_ms)
{
    v->restarting = s;
    if (!s) {
        end_restart(v);
        return;
    }
    v->restarting_starts = s->process.starts;
    process_restart(&s->process, now_ms, DRAIN_GRACE_MS);
}

static void begin_restart(struct supervisor *v, bool gateways_only, int64_t now_ms)
{
    if (v->restarting || !v->announced)
        return;
    v->restart_gateways_only = gateways_only;
    restart_one(v, find_next(v, v->services.all), now_ms);
}

static void restart_goes_on(struct supervisor *v, int64_t now_ms)
{
    struct service *s = v->restarting;
    if (s && s->process.starts > v->restarting_starts && all_ready(v))
        restart_one(v, find_next(v, s + 1), now_ms);
    else if (s && s->process.starts == v->restarting_starts && s->process.state == PROCESS_RUNNING)
        process_restart(&s->process, now_ms, DRAIN_GRACE_MS); /* it was just starting when its turn came */
}

/* ---- Stopping -------------------------------------------------------------------------------------------------------- */
static bool phase_ended(struct supervisor *v)
{
    for EACH_SERVICE(v, s)
        if (s->phase == v->phase && s->process.state != PROCESS_ENDED)
            return false;
    return true;
}

static void stop_phase(struct supervisor *v, int64_t now_ms)
{
    for EACH_SERVICE(v, s)
        if (s->phase == v->phase)
            process_stop(&s->process, now_ms, v->phase == PHASE_GATEWAYS ? DRAIN_GRACE_MS : GRACE_MS);
}

static void begin_stop(struct supervisor *v, int exit_status, int64_t now_ms)
{
    v->stopping = true;
    end_restart(v);
    v->exit_status = exit_status;
    v->phase = 0;
    stop_phase(v, now_ms);
}

static void hurry(struct supervisor *v, int64_t now_ms)
{
    v->hurried = true;
    for EACH_SERVICE(v, s) {
        process_stop(&s->process, now_ms, GRACE_MS / 5);
        process_hurry(&s->process);
    }
}

static bool stop_went_on(struct supervisor *v, int64_t now_ms)
{
    while (v->phase < PHASE_COUNT && phase_ended(v)) {
        v->phase++;
        stop_phase(v, now_ms);
    }
    return v->phase < PHASE_COUNT;
}

/* A killed PostgreSQL may have left frozen children: they are ours by now. */
static void kill_leftovers(void)
{
    FILE *f = fopen("/proc/thread-self/children", "re");
    int pid;
    while (f && fscanf(f, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    if (f)
        fclose(f);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* ---- Signals --------------------------------------------------------------------------------------------------------- */
static void child_ended(struct supervisor *v, struct process *p, int status, int64_t now_ms)
{
    bool wanted = p->state == PROCESS_STOPPING, was_ready = p->ready;
    process_ended(p, status, now_ms);
    if (wanted || v->stopping)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WRONG_CONFIG && !was_ready && !v->announced) {
        say("%s will not start: %s", p->name, p->log.line);
        begin_stop(v, EXIT_WRONG_CONFIG, now_ms);
        return;
    }
    bool told = *p->log.line && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* a killed one said nothing of it */
    say("%s %s; starting it again in %d ms%s%s", p->name, process_end_in_words(status), (int)(p->start_at_ms - now_ms),
        told ? ". It last said: " : "", told ? p->log.line : "");
}

static void reap(struct supervisor *v, int64_t now_ms)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for EACH_SERVICE(v, s)
            if (s->process.pid == pid)
                child_ended(v, &s->process, status, now_ms);
}

static void take_signals(struct supervisor *v, int64_t now_ms)
{
    struct signalfd_siginfo info;
    while (read(v->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(v, now_ms);
        else if (info.ssi_signo == SIGUSR1 && !v->stopping)
            begin_restart(v, info.ssi_int == RESTART_GATEWAYS, now_ms);
        else if (info.ssi_signo == SIGUSR1)
            continue;
        else if (!v->stopping)
            begin_stop(v, 0, now_ms);
        else if (!v->hurried)
            hurry(v, now_ms);
    }
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignores it would have left that to us, and no death would be seen */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- The loop -------------------------------------------------------------------------------------------------------- */
static int turn_ms(struct supervisor *v)
{
    bool busy = !v->announced || v->restarting;
    for EACH_SERVICE(v, s)
        busy |= !s->process.ready && s->process.state != PROCESS_ENDED;
    return busy ? STARTING_TURN_MS : TURN_MS;
}

static void wait_and_read(struct supervisor *v)
{
    struct pollfd fds[1 + 2 * SERVICES_MAX + 4];
    nfds_t n = 0;
    fds[n++] = (struct pollfd){.fd = v->signals, .events = POLLIN};
    for EACH_SERVICE(v, s)
        fds[n++] = (struct pollfd){.fd = s->process.output, .events = POLLIN};
    if (poll(fds, n, turn_ms(v)) <= 0)
        return;
    for (unsigned i = 0; i < v->services.n; i++)
        if (fds[1 + i].revents && v->services.all[i].process.output >= 0)
            process_read_output(&v->services.all[i].process);
    if (fds[0].revents)
        take_signals(v, clock_mono_ms());
}

static void run(struct supervisor *v)
{
    v->started_ms = clock_mono_ms();
    v->patience_ms = v->started_ms + PATIENCE_MS;
    for (;;) {
        int64_t now_ms = clock_mono_ms();
        bool may_start = v->announced || dependencies_ready(v, now_ms);
        for EACH_SERVICE(v, s)
            if (is_dependency(s) || may_start || v->stopping)
                process_step(&s->process, now_ms);
        if (v->stopping && !stop_went_on(v, now_ms))
            return;
        if (!v->announced && !v->stopping)
            announce(v, now_ms);
        if (!v->stopping)
            restart_goes_on(v, now_ms);
        wait_and_read(v);
    }
}

int up_main(int argc, char **argv)
{
    struct supervisor v = {0};
    unsigned gateways = 1, chats = 1;
    int other = 0;
    parse_arguments(argc, argv, &gateways, &chats);
    instance_load(&v.instance);
    instance_create_folders(&v.instance);
    if (!instance_lock(&v.instance, &other))
        give_up(1, "another hubbub (pid %d) already runs on %s: stop it first, or choose another HUBBUB_DATA", other, v.instance.data);
    require_free_public_port(&v.instance);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    v.signals = open_signals();
    services_prepare(&v.instance, gateways, chats, &v.services);
    require_free_admin_ports(&v);
    run(&v);
    kill_leftovers();
    services_finish(&v.services);
    return v.exit_status;
}
