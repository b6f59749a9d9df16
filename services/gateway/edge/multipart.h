/* multipart.h - reads a multipart/form-data body as it arrives (RFC 7578 over RFC 2046). Pure; copies no content.
 *
 * The caller owns a buffer of bytes that arrived and gives what is in it: multipart_read says how many bytes are done
 * with, and what they were. A delimiter that is cut by the buffer's end stays unread until more has come. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70,
    MULTIPART_HEADERS_MAX = 4096, /* bytes of one part's headers */
    MULTIPART_PARTS_MAX = 64,
    MULTIPART_NAME_MAX = 128, /* a longer field name is refused; a longer file name keeps its end */
    MULTIPART_FILENAME_MAX = 1024
};
struct multipart {
    char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1]; /* CR LF - - boundary */
    size_t delimiter_len;
    int state;
    unsigned parts;
    /* of the part that MULTIPART_PART announced: */
    char name[MULTIPART_NAME_MAX + 1];
    char filename[MULTIPART_FILENAME_MAX + 1];
    char content_type[129];
    bool is_file; /* it has a filename parameter */
};
enum multipart_event {
    MULTIPART_MORE, /* nothing more can be told without more bytes */
    MULTIPART_PART, /* a part begins: name, filename, content_type */
    MULTIPART_DATA, /* some of its content: *data, *data_len, inside `in` */
    MULTIPART_PART_END,
    MULTIPART_END, /* the last delimiter was read; what follows is ignored */
    MULTIPART_ERROR
};
/* content_type: the request's header. false when it is not multipart/form-data with a usable boundary. */
bool multipart_init(struct multipart *, const char *content_type);
/* One event. *used bytes of in are done with (data included). */
enum multipart_event multipart_read(struct multipart *, const char *in, size_t n, size_t *used, const char **data,
                                    size_t *data_len);
/* The n of "files[n]" ("file" and "file0" count as well); -1 for another name. */
int multipart_file_index(const char *name);
/* Reads parameter `name` of a header like `form-data; name="a"; filename="b"` into ret; false when it is absent or does
 * not fit. */
bool multipart_parameter(const char *header, const char *name, char *ret, size_t size);
