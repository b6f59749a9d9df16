/* doctor_machine.c - the machine: shared libraries, limits, the kernel, disks. */
#define _GNU_SOURCE
#include "tools/hubbub/doctor.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_GOOD = 65536, FILES_MIN = 1024, BACKLOG_GOOD = 1024 };
#define MIB (UINT64_C(1) << 20)
#define DISK_WARN (1024 * MIB)
#define DISK_FAIL (100 * MIB)

/* ---- Libraries --------------------------------------------------------------------------------------------------------- */

/* What Debian 12 has under these names; the services were built against it. The symbol gives the version as text, or, for
 * libpq, as a number. One that is missing under its name keeps the services from starting, which their configuration check
 * says already: here it is only told. */
static const struct library {
    const char *file, *symbol;
    bool number;
} libraries[] = {
    {"libgrpc.so.29", "grpc_version_string", false}, {"libpq.so.5", "PQlibVersion", true},
    {"libuv.so.1", "uv_version_string", false},      {"libwebsockets.so.17", "lws_get_library_version", false},
    {"libjansson.so.4", "jansson_version_str", false}, {"libevent_core-2.1.so.7", "event_get_version", false},
    {"libsodium.so.23", "sodium_version_string", false}, {"libprotobuf-c.so.1", "protobuf_c_version", false},
    {"libutf8proc.so.2", "utf8proc_version", false}, {"libz.so.1", "zlibVersion", false},
};

/* "15.5" or the library's own text. In a new string. */
static char *version_of(const struct library *l, void *symbol)
{
    if (!l->number)
        return text("%s", ((const char *(*)(void))symbol)());
    int n = ((int (*)(void))symbol)();
    return text("%d.%d", n / 10000, n % 10000);
}

void doctor_check_libraries(struct doctor *d)
{
    char *found = text("%s", "");
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const struct library *l = &libraries[i];
        void *handle = dlopen(l->file, RTLD_LAZY | RTLD_LOCAL);
        void *symbol = handle ? dlsym(handle, l->symbol) : NULL;
        int name = (int)strcspn(l->file, ".");
        if (!symbol) {
            doctor_report(d, FINDING_WARN, "library", "%s is not here; install Debian 12's package of it, or build Hubbub on this machine", l->file);
            continue;
        }
        char *version = version_of(l, symbol), *longer = text("%s%s%.*s %s", found, *found ? ", " : "", name - 3, l->file + 3, version);
        free(version);
        free(found);
        found = longer;
    }
    doctor_report(d, FINDING_OK, "libraries", "%s", found);
    free(found);
}

/* ---- Limits ------------------------------------------------------------------------------------------------------------ */

static void check_files(struct doctor *d)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    unsigned long long hard = limit.rlim_max;
    if (hard < FILES_MIN)
        doctor_report(d, FINDING_FAIL, "limit of open files", "%llu; every client is one: set LimitNOFILE=200000 or ulimit -Hn 200000", hard);
    else if (hard < FILES_GOOD)
        doctor_report(d, FINDING_WARN, "limit of open files", "%llu clients at most; set LimitNOFILE=200000 or ulimit -Hn 200000 for more", hard);
    else
        doctor_report(d, FINDING_OK, "limit of open files", "%llu (the gateways take all of it)", hard);
}

static long read_number(const char *path)
{
    long n = -1;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%ld", &n) != 1)
        n = -1;
    if (f)
        fclose(f);
    return n;
}

static void check_backlog(struct doctor *d)
{
    long n = read_number("/proc/sys/net/core/somaxconn");
    if (n >= 0 && n < BACKLOG_GOOD)
        doctor_report(d, FINDING_WARN, "listen backlog", "%ld; when all clients come back at once some wait: sysctl net.core.somaxconn=4096", n);
    else
        doctor_report(d, FINDING_OK, "listen backlog", "%ld", n);
}

/* Asked with an impossible argument: EFAULT or EINVAL means that the call is there. */
static void check_io_uring(struct doctor *d)
{
    long result = syscall(SYS_io_uring_setup, 1, NULL);
    if (result < 0 && (errno == ENOSYS || errno == EPERM))
        doctor_report(d, FINDING_WARN, "io_uring", "%s; gateways send by sendmsg, which costs more: allow it in the kernel or the container",
                      errno == ENOSYS ? "this kernel has none" : "not allowed");
    else
        doctor_report(d, FINDING_OK, "io_uring", "usable");
}

void doctor_check_limits(struct doctor *d)
{
    check_files(d);
    check_backlog(d);
    check_io_uring(d);
}

/* ---- Disks ------------------------------------------------------------------------------------------------------------- */

/* A file made, written, synced and removed. 0, or what went wrong. */
static int try_write(const char *folder)
{
    char *path = text("%s/.doctor-XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC), fault = fd < 0 ? errno : 0;
    if (fd >= 0) {
        if (write(fd, "hubbub", 6) != 6 || fsync(fd) < 0)
            fault = errno ? errno : ENOSPC;
        close(fd);
        unlink(path);
    }
    free(path);
    return fault;
}

static void check_disk(struct doctor *d, const char *folder, bool ours)
{
    struct statvfs disk;
    char *check = text("disk %s", folder);
    if (statvfs(folder, &disk) < 0) {
        doctor_report(d, FINDING_FAIL, check, "%s; make it, or set HUBBUB_DATA", strerror(errno));
        free(check);
        return;
    }
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize, total = (uint64_t)disk.f_blocks * disk.f_frsize;
    double gib = (double)free_bytes / (double)(1024 * MIB);
    int fault = ours ? try_write(folder) : 0;
    if (fault)
        doctor_report(d, FINDING_FAIL, check, "cannot be written to: %s; give it to the user that runs Hubbub", strerror(fault));
    else if (free_bytes < DISK_FAIL)
        doctor_report(d, FINDING_FAIL, check, "%.2f GiB free; PostgreSQL stops when it is full: make room now", gib);
    else if (free_bytes < DISK_WARN || free_bytes < total / 20)
        doctor_report(d, FINDING_WARN, check, "%.2f GiB free; make room", gib);
    else
        doctor_report(d, FINDING_OK, check, "%.1f GiB free%s", gib, ours ? ", writable" : "");
    free(check);
}

/* Before the first start: the nearest folder that is there, in which it will be made. */
static char *nearest_folder(const char *path)
{
    char *at = text("%s", path);
    while (access(at, F_OK) < 0 && strchr(at + 1, '/'))
        *strrchr(at, '/') = '\0';
    return at;
}

void doctor_check_disks(struct doctor *d)
{
    char *data = nearest_folder(d->instance.data), *media = instance_path(&d->instance, "media");
    check_disk(d, data, true);
    if (access(media, F_OK) == 0)
        check_disk(d, media, true);
    if (d->postgres.home)
        check_disk(d, d->postgres.home, false); /* its files belong to PostgreSQL's user */
    free(data);
    free(media);
}
