/* download.h - a file on its way from media to the client: the next chunk is asked for when the last one has left the
 * socket. The first member of the exchange's state. */
#pragma once
#include "services/gateway/edge/exchange.h"

struct download {
    int code;
    const char *headers, *content_type;
    uint64_t length; /* 0: what the first chunk says */
    uint64_t left;
    struct rpc_stream *stream;
    struct rpc_group *from; /* NULL: media */
    bool begun;
};

/* Whether the client has it already. */
bool download_is_known(const struct exchange *, const char *etag);
/* Answers the head alone, for HEAD and for an empty file. */
void download_answer_head(struct exchange *);
/* Streams the answer of a method of media, or of download->from, whose messages are DownloadChunks. */
void download_start(struct exchange *, const struct rpc_method *, const ProtobufCMessage *request);
