/* media - files: streamed in, kept by the hash of their content, streamed out. */
#include "lib/base/admin.h"
#include "lib/base/config.h"
#include "lib/base/log.h"
#include "lib/rpc/options.h"
#include "services/media/handlers.h"
#include "services/media/sweeper.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { DRAIN_MS = 7000, QUEUE_MAX = 64 };

static const char *rpc_listen, *admin_listen, *secret, *log_level, *directory;
static const char *convert_program, *chat_targets;
static int64_t grace_s, interval_s;
static int64_t upload_bytes_max, streams_max, conversions_max;
static const struct config_option options[] = {
    {"HUBBUB_RPC_LISTEN", CONFIG_STRING, &rpc_listen, "unix:run/media-1.sock", .doc = "where the gateways call"},
    {"HUBBUB_ADMIN_LISTEN", CONFIG_STRING, &admin_listen, "127.0.0.1:8241", .doc = "/livez, /readyz, /metrics"},
    {"HUBBUB_CLUSTER_SECRET", CONFIG_STRING, &secret, NULL, .doc = "shared by all services", .secret = true},
    {"HUBBUB_LOG_LEVEL", CONFIG_CHOICE, &log_level, "info", .choices = "debug|info|warn|error", .doc = "lowest level"},
    {"HUBBUB_MEDIA_DIR", CONFIG_STRING, &directory, "media", .doc = "where files are kept; made with mode 0700"},
    {"HUBBUB_UPLOAD_BYTES_MAX", CONFIG_INT, &upload_bytes_max, "10485760", .min = 1, .max = INT64_C(1) << 40,
     .doc = "the largest file, bytes"},
    {"HUBBUB_STREAMS_MAX", CONFIG_INT, &streams_max, "64", .min = 1, .max = 1024,
     .doc = "uploads and downloads at a time; each takes a thread"},
    {"HUBBUB_CONVERSIONS_MAX", CONFIG_INT, &conversions_max, "2", .min = 1, .max = 64,
     .doc = "images decoded at a time; each takes a process, at most 512 MiB and 5 s of a processor"},
    {"HUBBUB_CHAT_TARGETS", CONFIG_STRING, &chat_targets, "unix:run/chat-1.sock",
     .doc = "Comma list of chat instances, or one dns:///name:port: they say which files are in use"},
    {"HUBBUB_SWEEP_GRACE_S", CONFIG_INT, &grace_s, "86400", .min = 1, .max = INT64_C(1) << 31,
     .doc = "how long a file that nobody uses is kept after it was stored, s; longer than an upload takes"},
    {"HUBBUB_SWEEP_INTERVAL_S", CONFIG_INT, &interval_s, "3600", .min = 0, .max = INT64_C(1) << 31,
     .doc = "how often files that nobody uses are looked for, s; 0: never"},
    {"HUBBUB_CONVERT_PROGRAM", CONFIG_STRING, &convert_program, "",
     .doc = "the program that decodes images; empty: convert, beside this program"},
};

static atomic_bool draining;

static bool is_ready(void *user, struct buf *lines)
{
    buf_puts(lines, atomic_load(&draining) ? "draining\n" : "disk: ok\n");
    return !atomic_load(&draining);
}

static sigset_t block_signals(void)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    return ending;
}

static struct rpc_server *create_server(struct media *media)
{
    struct rpc_bulkhead bulkhead = {.name = "streams", .workers = (unsigned)streams_max, .queue_max = QUEUE_MAX};
    struct rpc_server_config config = {
        .listen = rpc_listen, .secret = secret, .bulkheads = &bulkhead, .n_bulkheads = 1, .user = media};
    struct rpc_server *server = rpc_server_create(&config);
    if (!server)
        exit(1);
    handlers_serve(server);
    return server;
}

static struct converter *create_converter(void)
{
    char beside[4200];
    converter_find(beside, sizeof beside);
    return converter_create(*convert_program ? convert_program : beside, (unsigned)conversions_max);
}

int main(int argc, char **argv)
{
    static struct media media;
    const struct config_table tables[] = {{options, sizeof options / sizeof *options}, rpc_options};
    config_load("media", argc, argv, tables, sizeof tables / sizeof *tables);
    log_init("media", log_level);
    if (!rpc_options_start())
        return 2;
    sigset_t ending = block_signals();
    media.upload_bytes_max = (uint64_t)upload_bytes_max;
    media.store = blob_store_create(directory);
    media.converter = create_converter();
    if (!media.store || !media.converter)
        return 1;
    struct rpc_server *server = create_server(&media);
    struct admin *admin = admin_create(admin_listen, is_ready, NULL);
    if (!admin || !rpc_server_start(server))
        return 1;
    const struct sweeper_config sweeping = {.store = media.store,
                                            .chat_targets = chat_targets,
                                            .secret = secret,
                                            .grace_s = grace_s,
                                            .interval_s = interval_s};
    struct sweeper *sweeper = sweeper_create(&sweeping);
    rpc_server_set_ready(server, true);
    log_info("serving", LOG_S("address", rpc_listen));

    int signal_number;
    sigwait(&ending, &signal_number);
    log_info("draining", LOG_I("signal", signal_number));
    atomic_store(&draining, true);
    rpc_server_set_ready(server, false);
    rpc_server_drain(server, DRAIN_MS);
    rpc_server_destroy(server);
    sweeper_destroy(sweeper);
    converter_destroy(media.converter);
    blob_store_destroy(media.store);
    admin_destroy(admin);
    log_info("ended");
    return 0;
}
