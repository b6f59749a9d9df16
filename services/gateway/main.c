/* gateway - the door of Hubbub: WebSocket and REST for clients outside, gRPC and Redis inside. One loop thread; start
 * as many processes as there are cores. SIGTERM drains: no new sockets, op 7 to every session, then exit 0. */
#include "lib/base/admin.h"
#include "lib/base/config.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/rpc/options.h"
#include "services/gateway/edge/edge.h"
#include "services/gateway/edge/ratelimit.h"
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct edge_config config;
static const char *log_level, *admin_listen, *io_uring;

static const struct config_option options[] = {
    {"HUBBUB_LISTEN", CONFIG_STRING, &config.listen, "127.0.0.1:8080", 0, 0, NULL,
     "Public address HOST:PORT; several gateways may share it"},
    {"HUBBUB_OWN_LISTEN", CONFIG_STRING, &config.own_listen, "", 0, 0, NULL,
     "A further address that only this gateway has"},
    {"HUBBUB_PUBLIC_URL", CONFIG_STRING, &config.public_url, "http://127.0.0.1:8080", 0, 0, NULL,
     "The URL that clients reach this server by; https gives wss"},
    {"HUBBUB_CDN_URL", CONFIG_STRING, &config.cdn_url, "", 0, 0, NULL,
     "The URL before /attachments; empty: HUBBUB_PUBLIC_URL"},
    {"HUBBUB_GATEWAY_ID", CONFIG_STRING, &config.gateway_id, "gateway-1", 0, 0, NULL,
     "Name of this gateway; no two may have the same"},
    {"HUBBUB_CHAT_TARGETS", CONFIG_STRING, &config.chat_targets, "unix:run/chat-1.sock", 0, 0, NULL,
     "Comma list of chat instances, or one dns:///name:port"},
    {"HUBBUB_PRESENCE_TARGETS", CONFIG_STRING, &config.presence_targets, "unix:run/presence-1.sock", 0, 0, NULL,
     "Comma list of presence instances"},
    {"HUBBUB_MEDIA_TARGETS", CONFIG_STRING, &config.media_targets, "unix:run/media-1.sock", 0, 0, NULL,
     "Comma list of media instances"},
    {"HUBBUB_GATEWAY_TARGETS", CONFIG_STRING, &config.gateway_targets, "", 0, 0, NULL,
     "Comma list of all gateways' HUBBUB_RPC_LISTEN, this one's included: sessions move between them"},
    {"HUBBUB_RPC_LISTEN", CONFIG_STRING, &config.rpc_listen, "", 0, 0, NULL,
     "Where the other gateways call this one; empty: nowhere. Needs HUBBUB_CLUSTER_SECRET"},
    {"HUBBUB_CLUSTER_SECRET", CONFIG_STRING, &config.secret, "", 0, 0, NULL,
     "What services prove themselves to each other by", true},
    {"HUBBUB_REDIS_URL", CONFIG_STRING, &config.redis_url, "redis://127.0.0.1:6379", 0, 0, NULL,
     "redis://host:port or unix:///path", true},
    {"HUBBUB_BUS_URLS", CONFIG_STRING, &config.bus_urls, "", 0, 0, NULL,
     "Comma list of the Redis that events are told by, the same for all services; empty: HUBBUB_REDIS_URL", true},
    {"HUBBUB_ADMIN_LISTEN", CONFIG_STRING, &admin_listen, "127.0.0.1:8181", 0, 0, NULL,
     "Loopback address of /livez, /readyz and /metrics"},
    {"HUBBUB_LOG_LEVEL", CONFIG_CHOICE, &log_level, "info", 0, 0, "debug|info|warn|error",
     "The lowest level that is logged"},
    {"HUBBUB_WEB_DIR", CONFIG_STRING, &config.web_dir, "", 0, 0, NULL,
     "Folder of the built web client (web/dist); empty: / is a page of next steps"},
    {"HUBBUB_TRUSTED_PROXIES", CONFIG_STRING, &config.trusted_proxies, "", 0, 0, NULL,
     "Comma list of addresses and networks (10.0.0.0/8) whose X-Forwarded-For counts"},
    {"HUBBUB_UPLOAD_BYTES_MAX", CONFIG_INT, &config.upload_bytes_max, "10485760", 1, 1 << 30, NULL,
     "Bytes of one attached file"},
    {"HUBBUB_SEND_QUEUE_BYTES", CONFIG_INT, &config.send_queue_bytes_max, "262144", 4096, 1 << 28, NULL,
     "Bytes that may wait for a WebSocket that reads slowly"},
    {"HUBBUB_SEND_BUFFER_BYTES", CONFIG_INT, &config.send_buffer_bytes, "131072", 4096, 1 << 26, NULL,
     "Kernel send buffer of each socket, in bytes"},
    {"HUBBUB_CONNECTIONS_MAX", CONFIG_INT, &config.connections_max, "100000", 1, 10000000, NULL,
     "Sockets of all kinds at once"},
    {"HUBBUB_UNIDENTIFIED_MAX", CONFIG_INT, &config.unidentified_max, "10000", 1, 10000000, NULL,
     "WebSockets that have not identified yet; with more of them handshakes are answered 503"},
    {"HUBBUB_IDENTIFIES_ASKED", CONFIG_INT, &config.identifies_asked_max, "48", 1, 10000, NULL,
     "IDENTIFYs that this gateway asks of chat at once"},
    {"HUBBUB_IDENTIFY_QUEUE", CONFIG_INT, &config.identifies_waiting_max, "10000", 1, 10000000, NULL,
     "IDENTIFYs that may wait for that; more are told to come again in 1 to 5 s"},
    {"HUBBUB_HEARTBEAT_INTERVAL_MS", CONFIG_INT, &config.heartbeat_interval_ms, "30000", 100, 600000, NULL,
     "Heartbeat interval told in HELLO, in ms"},
    {"HUBBUB_SESSION_LINGER_MS", CONFIG_INT, &config.session_linger_ms, "180000", 0, 3600000, NULL,
     "How long a session without a socket can be resumed, in ms"},
    {"HUBBUB_USER_SESSIONS_MAX", CONFIG_INT, &config.user_sessions_max, "50", 1, 100000, NULL,
     "Sessions with a socket that a person may have, over all gateways; one more is closed with 4015"},
    {"HUBBUB_DRAIN_MS", CONFIG_INT, &config.drain_ms, "2000", 0, 60000, NULL,
     "Window over which a stopping gateway sends its sessions away, in ms"},
    {"HUBBUB_DRAIN_PER_SECOND", CONFIG_INT, &config.drain_per_second, "200", 1, 100000, NULL,
     "How many sessions a second it sends away at most; with more of them the window becomes longer"},
    {"HUBBUB_DRAIN_HANDOVER_MS", CONFIG_INT, &config.handover_ms, "8000", 0, 60000, NULL,
     "How long it then waits for other gateways to take the sessions that have not gone, in ms"},
    {"HUBBUB_IO_URING", CONFIG_CHOICE, &io_uring, "auto", 0, 0, "auto|off",
     "Whether frames are sent by io_uring where the kernel has it"},
};

static struct edge edge;

/* On the admin thread. */
static bool is_ready(void *user, struct buf *lines)
{
    bool chat = atomic_load(&edge.chat_ready), draining = atomic_load(&edge.drain_asked);
    buf_printf(lines, "chat: %s\n", chat ? "ok" : "unreachable");
    if (draining)
        buf_puts(lines, "draining\n");
    return chat && !draining;
}

static void on_stopped(struct edge *e)
{
    log_info("stopped");
    _exit(0); /* every socket is closed and told; what the process still holds goes with it */
}

static void on_signal(uv_signal_t *signal, int number)
{
    atomic_store(&edge.drain_asked, true);
    edge_drain(&edge, on_stopped);
}

static void handle_signals(uv_loop_t *loop)
{
    static uv_signal_t terminate, interrupt;
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(loop, &terminate);
    uv_signal_start(&terminate, on_signal, SIGTERM);
    uv_signal_init(loop, &interrupt);
    uv_signal_start(&interrupt, on_signal, SIGINT);
}

int main(int argc, char **argv)
{
    const struct config_table tables[] = {
        {options, sizeof options / sizeof options[0]}, ratelimit_options, rpc_options};
    config_load("gateway", argc, argv, tables, sizeof tables / sizeof tables[0]);
    log_init(config.gateway_id, log_level);
    fault_init();
    if (!rpc_options_start())
        return 2;
    config.io_uring = !strcmp(io_uring, "auto");
    if (sodium_init() < 0)
        log_fatal("libsodium cannot start");
    listen_raise_limit();
    uv_loop_t *loop = uv_default_loop();
    handle_signals(loop);
    edge = (struct edge){.loop = loop, .config = &config};
    struct admin *admin = admin_create(admin_listen, is_ready, NULL);
    if (!admin || !edge_start(&edge))
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
