/* image_scan.h - takes the images out of a JSON body while it arrives, so that megabytes of base64 are never held.
 * Pure.
 *
 * The text is copied on, but of a string value that is a data URI, under one of the keys in the outermost object, only
 * a mark is: a short data URI that holds the image's number (IMAGE_SCAN_MARK). All else is copied as it is, right or
 * wrong: the JSON parser judges. */
#pragma once
#include "lib/base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_SCAN_MAX = 8 /* images of one body */, IMAGE_SCAN_HEAD_MAX = 32, IMAGE_SCAN_KEY_MAX = 32 };
/* %u: the number. */
#define IMAGE_SCAN_MARK "data:image/png;base64,AAA%u"

enum image_scan_state { SCAN_BETWEEN, SCAN_STRING, SCAN_KEY, SCAN_HEAD, SCAN_IMAGE };
struct image_scan {
    const char *const *keys; /* at most IMAGE_SCAN_MAX of them */
    unsigned n_keys;
    struct buf *out; /* the text; its bytes_max bounds it */
    enum image_scan_state state;
    unsigned depth, n; /* images so far */
    bool wants_key, escaped;
    unsigned unicode_left, unicode; /* of a \uXXXX in an image or its head */
    char key[IMAGE_SCAN_KEY_MAX + 1], head[IMAGE_SCAN_HEAD_MAX + 1];
    unsigned key_len, head_len, head_raw; /* head_raw: bytes of it as they were sent */
    char raw[IMAGE_SCAN_HEAD_MAX * 6];
    int found; /* the key that the value stands under, or -1 */
    uint32_t bits;
    unsigned n_bits, padding;
    bool broken; /* no base64 */
};

enum image_scan_event {
    SCAN_MORE,  /* all was used */
    SCAN_BEGIN, /* an image begins, under keys[found]; it is number n */
    SCAN_DATA,  /* bytes of it are in the caller's buffer */
    SCAN_END    /* it ended; `broken` says whether it was base64 */
};
/* Reads from in[0..n): *used bytes. data: room for n bytes; *ret_data: how many were put there. */
enum image_scan_event image_scan_read(struct image_scan *, const char *in, size_t n, size_t *used, uint8_t *data,
                                      size_t *ret_data);
