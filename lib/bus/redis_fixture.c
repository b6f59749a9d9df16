#include "lib/bus/redis_fixture.h"
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "redis fixture: %s\n", what);
    exit(1);
}

void redis_fixture_init(struct redis_fixture *f)
{
    *f = (struct redis_fixture){0};
    strcpy(f->directory, "/tmp/hubbub-redis-XXXXXX");
    require(mkdtemp(f->directory), "no directory");
    snprintf(f->socket, sizeof f->socket, "%s/s", f->directory);
    snprintf(f->url, sizeof f->url, "unix://%s", f->socket);
}

void redis_fixture_start(struct redis_fixture *f)
{
    f->pid = fork();
    if (!f->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", f->socket, "--save", "", "--appendonly",
               "no", "--daemonize", "no", "--dir", f->directory, "--logfile", "redis.log", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        redisContext *c = redisConnectUnix(f->socket);
        bool ok = c && !c->err;
        if (c)
            redisFree(c);
        if (ok)
            return;
        usleep(10000);
    }
    require(false, "redis-server does not answer");
}

void redis_fixture_kill(struct redis_fixture *f)
{
    kill(f->pid, SIGKILL);
    waitpid(f->pid, NULL, 0);
    f->pid = 0;
}

void redis_fixture_signal(struct redis_fixture *f, int signal)
{
    kill(f->pid, signal);
}

void redis_fixture_finish(struct redis_fixture *f)
{
    char path[128];
    if (f->pid)
        redis_fixture_kill(f);
    unlink(f->socket);
    snprintf(path, sizeof path, "%s/redis.log", f->directory);
    unlink(path);
    rmdir(f->directory);
}

const char *redis_fixture_ask(struct redis_fixture *f, const char *command)
{
    static char text[4096];
    redisContext *c = redisConnectUnix(f->socket);
    require(c && !c->err, "no connection");
    redisReply *r = redisCommand(c, command);
    require(r, "no reply");
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof text, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_ARRAY && r->elements)
        snprintf(text, sizeof text, "%s",
                 r->element[r->elements - 1]->type == REDIS_REPLY_INTEGER
                     ? (char[]){(char)('0' + r->element[r->elements - 1]->integer % 10), 0}
                     : r->element[r->elements - 1]->str);
    else
        snprintf(text, sizeof text, "%s", r->str ? r->str : "");
    freeReplyObject(r);
    redisFree(c);
    return text;
}
