/* status_page.c - one row a pid file in $HUBBUB_DATA/run. RSS counts the pages of a shared library in every process that
 * maps them; PSS divides them among those processes, so that its sum is what the machine really spends. */
#include "tools/hubbub/status_page.h"
#include "tools/hubbub/instance.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    long rss_kib, pss_kib;
};

static int read_pid(const char *path)
{
    int pid = 0;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

static struct memory read_memory(int pid)
{
    struct memory m = {0};
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Rss: %ld", &m.rss_kib) != 1 && !strncmp(line, "Pss:", 4))
            sscanf(line, "Pss: %ld", &m.pss_kib);
    if (f)
        fclose(f);
    return m;
}

static bool is_server(const char *name)
{
    return !strncmp(name, "postgres-", 9) || !strncmp(name, "redis-", 6);
}

static void print_row(const char *name, const char *pid, const char *state, struct memory m)
{
    printf("%-12s %8s  %-8s %9.1f %9.1f\n", name, pid, state, (double)m.rss_kib / 1024, (double)m.pss_kib / 1024);
}

static int is_pid_file(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && !strcmp(e->d_name + n - 4, ".pid");
}

int status_main(int argc, char **argv)
{
    struct instance in;
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        printf("hubbub status: the processes of $HUBBUB_DATA and their memory; exit status 1 when one of them is dead.\n");
        return 0;
    }
    if (argc > 1)
        give_up(2, "hubbub status takes no argument: %s", argv[1]);
    instance_load(&in);
    char *run = instance_path(&in, "run");
    struct dirent **files;
    int n = scandir(run, &files, is_pid_file, alphasort), running = 0;
    struct memory services = {0};
    if (n <= 0)
        give_up(1, "nothing runs on %s", in.data);
    printf("%-12s %8s  %-8s %9s %9s\n", "process", "pid", "state", "RSS MiB", "PSS MiB");
    for (int i = 0; i < n; i++) {
        char *path = text("%s/%s", run, files[i]->d_name), pid_text[16];
        int pid = read_pid(path);
        bool alive = pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
        struct memory m = alive ? read_memory(pid) : (struct memory){0};
        files[i]->d_name[strlen(files[i]->d_name) - 4] = '\0';
        snprintf(pid_text, sizeof pid_text, "%d", pid);
        print_row(files[i]->d_name, pid_text, alive ? "running" : "dead", m);
        running += alive;
        services.rss_kib += is_server(files[i]->d_name) ? 0 : m.rss_kib;
        services.pss_kib += is_server(files[i]->d_name) ? 0 : m.pss_kib;
        free(path);
        free(files[i]);
    }
    print_row("services", "", "together", services);
    free(files);
    free(run);
    return running == n ? 0 : 1;
}
