/* doctor.h - what the checks of `hubbub doctor` share: one line a check. One thread. */
#pragma once
#include "tools/hubbub/instance.h"
#include "tools/hubbub/postgres.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct doctor {
    struct instance instance;
    struct postgres postgres; /* the private one; home is NULL before the first start */
    const char *database_url, *redis_url; /* of the instance; NULL: a private server that was never started */
    bool running;             /* a pid file names a process that is alive */
    unsigned count[3];        /* by finding */
};

/* "ok    disk /data: 12.3 GiB free". What goes wrong is told together with what to do. */
void doctor_report(struct doctor *, enum finding, const char *check, const char *format, ...) PRINTF_LIKE(4, 5);
/* Runs argv (environment NULL: ours) for at most 10 s; what it wrote, on one line, is in output. Its exit status; -1 when it
 * was killed. */
int doctor_run(char *const *argv, char *const *env, char *output, size_t size);

/* doctor_servers.c: the programs, the servers' settings and versions, the clocks. */
void doctor_check_programs(struct doctor *);
void doctor_check_postgres(struct doctor *);
void doctor_check_redis(struct doctor *);
/* doctor_machine.c: limits of the process, the kernel, libraries, disks. */
void doctor_check_libraries(struct doctor *);
void doctor_check_limits(struct doctor *);
void doctor_check_disks(struct doctor *);
