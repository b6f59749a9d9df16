/* process.h - one child of the supervisor: started, its log kept, seen to be ready, stopped, and started again when it
 * dies. Never blocks; one thread. process_step moves it on, and is called at every turn of the supervisor's loop. */
#pragma once
#include "lib/base/status.h"
#include "tools/hubbub/rotated_log.h"
#include <stdint.h>
#include <sys/types.h>

enum process_state {
    PROCESS_WAITING, /* starts at start_at_ms */
    PROCESS_RUNNING, /* pid is alive */
    PROCESS_STOPPING,/* was told to end; killed at kill_at_ms */
    PROCESS_ENDED,   /* for good */
};

/* Where the process answers once it may be used. One of the two. */
struct process_door {
    int admin_port;          /* GET 127.0.0.1:admin_port/readyz answers 200 */
    const char *unix_socket; /* path that can be connected to */
};

struct process {
    /* Set by the owner before the first step; the strings outlive the process. */
    const char *name;       /* "chat-1" */
    const char *pid_path, *folder; /* folder: its working directory */
    char *const *argv, *const *env;
    uid_t uid;              /* 0: the supervisor's */
    gid_t gid;
    int stop_signal;        /* asks it to end */
    int hurry_signal;       /* ends it at once */
    int orphan_signal;      /* sent by the kernel when the supervisor dies */
    struct process_door door;
    /* Its own. */
    enum process_state state;
    pid_t pid;
    int64_t start_at_ms, started_ms, kill_at_ms, backoff_ms;
    struct rotated_log log;
    int output;             /* read end of its stdout and stderr; -1: none */
    bool ready;             /* its door was seen open since it was started */
    int probe;              /* socket of the look that is under way; -1: none */
    int64_t probe_until_ms;
    int exit_status;        /* of the last end, as waitpid gives it */
    unsigned starts;
    bool again;             /* PROCESS_STOPPING: starts anew when it has ended */
};

void process_init(struct process *, const char *log_path);
void process_finish(struct process *);
/* Starts it when its time has come, looks whether it is ready, kills it when it does not stop. */
void process_step(struct process *, int64_t now_ms);
/* Reads what it wrote into its log. */
void process_read_output(struct process *);
/* Asks it to end; it is killed grace_ms later. A process that runs no more is ended by this. */
void process_stop(struct process *, int64_t now_ms, int64_t grace_ms);
/* The same, and starts it again at once. Only of a running one. */
void process_restart(struct process *, int64_t now_ms, int64_t grace_ms);
/* Ends it at once. */
void process_hurry(struct process *);
/* waitpid told that it ended. Puts the next start off: 100 ms, doubled at each early death, at most 5 s. */
void process_ended(struct process *, int exit_status, int64_t now_ms);
/* What waitpid said, in words: "was killed by signal 9". Valid until the next call. */
const char *process_end_in_words(int exit_status);
