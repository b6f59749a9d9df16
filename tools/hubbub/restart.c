/* restart.c - `hubbub restart`: asks the supervisor for a rolling restart, and waits for its end. */
#define _GNU_SOURCE
#include "tools/hubbub/commands.h"
#include "tools/hubbub/instance.h"
#include "tools/hubbub/up.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_US = 100000 };

static int parse(int argc, char **argv)
{
    if (argc == 1)
        return RESTART_ALL;
    if (argc == 2 && !strcmp(argv[1], "--gateways"))
        return RESTART_GATEWAYS;
    bool help = argc == 2 && !strcmp(argv[1], "--help");
    fprintf(help ? stdout : stderr,
            "hubbub restart [--gateways]: stops and starts every service of the running Hubbub (only its gateways) one\n"
            "after the other, each when the one before is ready, and waits for the last. With two gateways and two chats\n"
            "nobody is cut off: sessions move to the other gateway. PostgreSQL and Redis go on.\n");
    exit(help ? 0 : 2);
}

static pid_t find_supervisor(const struct instance *in)
{
    int pid = 0;
    if (instance_lock(in, &pid) || !pid)
        give_up(1, "no hubbub runs on %s", in->data);
    return pid;
}

static void ask(pid_t supervisor, int what, const char *marker)
{
    int fd = open(marker, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up(1, errno == EEXIST ? "a restart is under way (%s)" : "cannot make %s", marker);
    close(fd);
    if (sigqueue(supervisor, SIGUSR1, (union sigval){.sival_int = what}) < 0) {
        unlink(marker);
        give_up(1, "cannot signal hubbub (pid %d): %s", (int)supervisor, strerror(errno));
    }
}

int restart_main(int argc, char **argv)
{
    int what = parse(argc, argv);
    struct instance in;
    instance_load(&in);
    char *marker = instance_path(&in, RESTART_MARKER);
    pid_t supervisor = find_supervisor(&in);
    ask(supervisor, what, marker);
    while (!access(marker, F_OK) && !kill(supervisor, 0))
        usleep(LOOK_US);
    bool done = access(marker, F_OK) != 0 && !kill(supervisor, 0);
    unlink(marker);
    free(marker);
    if (done)
        say(what == RESTART_GATEWAYS ? "every gateway was restarted" : "every service was restarted");
    else
        say("hubbub stopped meanwhile");
    return done ? 0 : 1;
}
