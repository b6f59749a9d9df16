/* handlers.h - the calls of service Media. The server's user is a struct media. */
#pragma once
#include "hubbub/v1/media.pb-c.h"
#include "lib/rpc/rpc.h"
#include "services/media/blob.h"
#include "services/media/converter.h"

enum { MEDIA_IMAGE_BYTES_MAX = 10 << 20 }; /* of an image that is sent to be shown */

struct media {
    struct blob_store *store;
    struct converter *converter;
    uint64_t upload_bytes_max;
};

void handlers_serve(struct rpc_server *);

/* handlers.c: counts it, and answers UNAVAILABLE. */
status media_fail_disk(struct call *, const char *what, int error);
/* Sends [at, end) of the file; the first chunk, which may be empty, tells the size of all of it. */
status media_send_range(struct call *, int fd, uint64_t size, uint64_t at, uint64_t end) MUST_CHECK;
void media_close_file(int *fd); /* a cleanup */

/* image_handlers.c */
status media_store_image(struct call *, const void *none, Hubbub__V1__StoredImage *);
status media_image(struct call *, const Hubbub__V1__ImageRequest *, void *none);
