#define _GNU_SOURCE /* close_range */
#include "services/media/convert/confine.h"
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The sanitizers map terabytes of shadow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE RLIM_INFINITY
#else
#define ADDRESS_SPACE (512 << 20)
#endif

static const struct {
    int resource;
    rlim_t limit;
} bounds[] = {
    {RLIMIT_AS, ADDRESS_SPACE}, {RLIMIT_CPU, 5}, {RLIMIT_FSIZE, 32 << 20}, {RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 32},
};

bool confine_bounds(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || close_range(3, ~0u, 0))
        return false;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (setrlimit(bounds[i].resource, &(struct rlimit){bounds[i].limit, bounds[i].limit}))
            return false;
    return true;
}

static const int allowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(restart_syscall),
};
/* What a library tries, and goes on without. */
static const int refused[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(stat),
};

static bool add_all(scmp_filter_ctx f, uint32_t action, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (seccomp_rule_add(f, action, calls[i], 0))
            return false;
    return true;
}

/* Calls that are allowed with some arguments only. glibc falls back from clone3, whose flags no filter can see, to
 * clone. */
static bool add_with_arguments(scmp_filter_ctx f)
{
    const scmp_datum_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    return !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, 0)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 1)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 2)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) &&
           !seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread)) &&
           !seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

bool confine_calls(void)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool ok = f && add_all(f, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof *allowed) &&
              add_all(f, SCMP_ACT_ERRNO(EACCES), refused, sizeof refused / sizeof *refused) && add_with_arguments(f) &&
              !seccomp_load(f);
    seccomp_release(f);
    return ok;
}
