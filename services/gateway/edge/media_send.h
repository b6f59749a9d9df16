/* media_send.h - one file on its way to media, out of a body that is read as it arrives: the next bytes are taken from
 * the socket when the last chunk has left. Lives in the exchange's state. */
#pragma once
#include "hubbub/v1/media.pb-c.h"
#include "services/gateway/edge/exchange.h"

struct media_send {
    struct exchange *x;
    struct rpc_stream *stream; /* NULL: none is open */
    bool waiting;              /* for media: nothing is read */
    bool ended;                /* all of the file was sent */
    uint64_t bytes, bytes_max;
    /* media has answered, and x is still wanted. A refusal has been told by then, unless refused is given, which
     * returns true when it has taken care of it. Reading goes on when it returns. */
    void (*stored)(struct exchange *, const ProtobufCMessage *answer);
    bool (*refused)(struct exchange *, const struct rpc_result *);
};

/* first: of the chunks, or NULL. false: media is away, and the client was told. */
bool media_send_begin(struct media_send *, const struct rpc_method *, const Hubbub__V1__UploadChunk *first) MUST_CHECK;
/* At most EDGE_CHUNK_BYTES. false: more than bytes_max; nothing was sent. */
bool media_send_data(struct media_send *, const void *, size_t n) MUST_CHECK;
/* That was all: waiting for the answer. */
void media_send_end(struct media_send *);
/* The exchange is over. */
void media_send_cancel(struct media_send *);
