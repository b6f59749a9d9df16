/* handlers.h - the calls of service Media. The server's user is a struct media. */
#pragma once
#include "lib/rpc/rpc.h"
#include "services/media/blob.h"

struct media {
    struct blob_store *store;
    uint64_t upload_bytes_max;
};

void handlers_serve(struct rpc_server *);
