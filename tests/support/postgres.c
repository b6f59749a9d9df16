#define _GNU_SOURCE
#include "tests/support/postgres.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char script[] = "tests/support/postgres.sh";
static FILE *commands, *answers;
static pid_t owner, server;
static char url[256];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void read_line(char *line, size_t n)
{
    if (!fgets(line, (int)n, answers))
        die("postgres.sh ended");
    line[strcspn(line, "\n")] = '\0';
}

/* The test may be the root of a group that is killed at its end: the clean-up is waited for. */
static void stop(void)
{
    if (getpid() != owner)
        return; /* a test in a process of its own */
    fclose(commands);
    waitpid(server, NULL, 0);
}

const char *postgres_start(void)
{
    int in[2], out[2];
    if (*url)
        return url;
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        die("pipe");
    owner = getpid();
    server = fork();
    if (server < 0)
        die("fork");
    if (server == 0) {
        setpgid(0, 0); /* a test that is killed as a group leaves it to clean up */
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(script, script, (char *)NULL);
        die(script);
    }
    close(in[0]);
    close(out[1]);
    commands = fdopen(in[1], "w");
    answers = fdopen(out[0], "r");
    atexit(stop);
    read_line(url, sizeof url);
    return url;
}

void postgres_command(const char *command)
{
    char line[64];
    fprintf(commands, "%s\n", command);
    fflush(commands);
    read_line(line, sizeof line);
    if (strcmp(line, "ok"))
        die(command);
}
