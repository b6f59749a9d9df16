/* probe_server ADDRESS: serves the probe until SIGTERM, then drains. Prints the port when it listens. */
#include "lib/base/log.h"
#include "lib/rpc/testing/probe.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    log_init("probe_server", "error");
    struct rpc_server *server = probe_serve(argc > 1 ? argv[1] : "127.0.0.1:0", "");
    if (!server)
        return 1;
    printf("%d\n", rpc_server_port(server));
    fflush(stdout);
    int which;
    sigwait(&end, &which);
    rpc_server_drain(server, 2000);
    rpc_server_destroy(server);
    printf("cancelled %d broken %d\n", atomic_load(&probe_seen.cancelled), atomic_load(&probe_seen.broken_uploads));
    return 0;
}
