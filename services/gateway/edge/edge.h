/* edge.h - what the parts of the gateway's rim share: one loop thread, its sockets, and the doors to the other
 * services.
 *
 *   listen.c      accepts sockets                       connection.c  HTTP/1.1 of one socket, until it is a WebSocket
 *   exchange.c    one request: which way it goes        rest.c        JSON to protobuf to JSON, by the generated tables
 *   admit.c       rate limits, the client's address     deflate.c     the form of compressed frames, and zstd_stream.c
 *   etf.c         frames as Erlang's terms
 *   identity.c    whose token is this                   own_routes.c  /gateway, /ping, /.well-known, the page at /
 *   upload.c      files of a multipart message          attachment.c  files back
 *   json_images.c images in a JSON body                 asset.c       images back
 *   media_send.c  a file to media, for both             download.c    a file from media, for both
 *   socket.c      one WebSocket                         frame.c       the frames that clients send
 *   flush.c       what sockets have to send, each turn  rim.c         hub_io: the core's questions
 *   edge.c        start, tick, drain, metrics
 *   ticks.c       sessions in Redis, against kill -9
 *   peers.c       what the other gateways are asked     peer_door.c   ... and ask of this one
 *
 * Everything runs on the loop thread; nothing blocks. libwebsockets watches WebSocket descriptors only: its own HTTP
 * server decodes a path before it can be routed, knows no chunked request bodies, keeps one sorted list of timers for
 * all sockets and refuses the target "?v=10" that real clients send, and its frame layer (4.1.6) is laxer than RFC
 * 6455, so heads are read by http.c, handshakes answered by socket.c and frames read by frame.c. */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/metric.h"
#include "lib/bus/bus.h"
#include "lib/rpc/rpc.h"
#include "services/gateway/core/hub.h"
#include "services/gateway/edge/router.h"
#include "services/gateway/edge/wheel.h"
#include <netinet/in.h>
#include <stdatomic.h>
#include <uv.h>

enum {
    EDGE_BODY_BYTES_MAX = 1024 * 1024,           /* a JSON body without its images, or a multipart one's text */
    EDGE_MULTIPART_BYTES_MAX = 25 * 1024 * 1024, /* a whole multipart body */
    EDGE_FRAME_BYTES_MAX = 16 * 1024,            /* a frame of a client; the core is stricter with bots */
    EDGE_CHUNK_BYTES = 64 * 1024,                /* of a file, on its way to or from media */
    EDGE_CALL_TIMEOUT_MS = 5000,
    EDGE_LISTENERS_MAX = 2
};

struct edge_config {
    const char *listen, *own_listen;  /* "127.0.0.1:8080"; own_listen "" for none */
    const char *public_url, *cdn_url; /* cdn_url "" means public_url */
    const char *gateway_id, *secret, *redis_url, *bus_urls; /* bus_urls "": redis_url */
    const char *chat_targets, *presence_targets, *media_targets;
    const char *rpc_listen, *gateway_targets; /* "" for a gateway that is alone */
    const char *web_dir;                      /* the web client, see static.h; "" for none */
    const char *trusted_proxies;              /* comma list of addresses and networks whose X-Forwarded-For counts */
    int64_t upload_bytes_max, send_queue_bytes_max, send_buffer_bytes, connections_max;
    int64_t drain_ms, drain_per_second, handover_ms;
    int64_t heartbeat_interval_ms, session_linger_ms, user_sessions_max;
    int64_t identifies_asked_max, identifies_waiting_max, unidentified_max;
    bool io_uring;
};

struct connection;
struct socket;
struct flush;
struct identity_cache;
struct limits;
struct peers;
struct peer_door;
struct seats;
struct ticks;
struct rim;
struct router;
struct site;

struct edge_listener {
    int fd;
    uv_poll_t poll;
    struct edge *edge;
};
struct edge {
    uv_loop_t *loop;
    const struct edge_config *config;
    struct hub *hub;
    struct rpc_client *rpc;
    struct rpc_group *chat, *presence, *media;
    struct bus_subscriber *bus;
    struct lws_context *lws;
    struct router *router;
    struct site *site; /* static.h; NULL: no web client */
    struct identity_cache *identities;
    struct limits *limits; /* admit.h */
    struct flush *flush;
    struct rim *rim;
    struct peers *peers; /* NULL: there are none */
    struct peer_door *peer_door;
    struct ticks *ticks;
    struct seats *seats;
    struct wheel wheel;
    struct edge_listener listeners[EDGE_LISTENERS_MAX];
    unsigned n_listeners;
    int spare_fd; /* given up for a moment to turn a client away when there are no descriptors left */
    struct connection *connections;
    struct socket *sockets;
    unsigned n_connections, n_sockets;
    char gateway_url[512], public_url[512], cdn_url[512]; /* no slash at the end */
    bool draining, hub_touched;
    atomic_bool chat_ready, drain_asked;
    uv_timer_t tick;
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    uv_idle_t more; /* keeps the loop from sleeping while a flush is unfinished */
    int64_t tick_due_us, next_look_ms, told_all_ms, drain_until_ms, farewell_until_ms;
    bool closing_all;
    void (*stopped)(struct edge *); /* the drain is over */
};

/* listen.c */
/* Raises RLIMIT_NOFILE and says what it got. */
void listen_raise_limit(void);
bool listen_start(struct edge *) MUST_CHECK;
void listen_stop(struct edge *);

/* edge.c */
/* loop and config are set. false: something at the start is missing (logged). */
bool edge_start(struct edge *) MUST_CHECK;
/* What the bus or an own call brought: token cache first, then the core. */
void edge_on_bus(struct edge *, const Hubbub__V1__BusMessage *);
/* No new sockets, op 7 to every session. When all have been told, sessions wait for handover_ms at most for another
 * gateway to take them; then what is left is closed, presence is told, and `stopped` is called, 4 s later at most. */
void edge_drain(struct edge *, void (*stopped)(struct edge *));
static inline void edge_touch(struct edge *e)
{
    e->hub_touched = true;
}

/* random 128 bits as 32 hex characters */
void edge_request_id(char ret[33]);

/* The metrics of the rim; edge.c registers them. */
extern struct metric edge_queue_cuts, edge_frames_too_large, edge_sends, edge_accepted, edge_accept_failed,
    edge_handshakes_refused, edge_http_timeouts, edge_identity_hits, edge_identity_misses, edge_rpc_unready, edge_flushed_frames,
    edge_slow_clients, edge_deflated_before, edge_deflated_after, edge_compressed_before, edge_compressed_after;
