#define _GNU_SOURCE /* memmem */
#include "services/media/sniff.h"
#include <string.h>

void text_check_feed(struct text_check *t, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n && !t->refused; i++) {
        uint8_t c = bytes[i];
        if (t->missing) {
            t->refused = c < t->low || c > t->high;
            t->missing--;
            t->low = 0x80;
            t->high = 0xbf;
        } else if (c >= 0x80) {
            t->refused = c < 0xc2 || c > 0xf4;
            t->missing = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
            t->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;  /* no overlong form */
            t->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* no surrogate, nothing past U+10FFFF */
        } else {
            t->refused = c == '\0';
        }
    }
}

bool text_check_holds(const struct text_check *t)
{
    return !t->refused && !t->missing;
}

struct magic {
    size_t at;
    const char *bytes;
    size_t n;
    const char *also; /* four more bytes, at offset 8; NULL: none */
    const char *type;
};
#define MAGIC(at, bytes, also, type)                                                                                   \
    {                                                                                                                  \
        (at), (bytes), sizeof(bytes) - 1, (also), (type)                                                               \
    }
/* The first that fits. */
static const struct magic magics[] = {
    MAGIC(0, "\x89PNG\r\n\x1a\n", NULL, "image/png"),
    MAGIC(0, "\xff\xd8\xff", NULL, "image/jpeg"),
    MAGIC(0, "GIF87a", NULL, "image/gif"),
    MAGIC(0, "GIF89a", NULL, "image/gif"),
    MAGIC(0, "RIFF", "WEBP", "image/webp"),
    MAGIC(0, "RIFF", "WAVE", "audio/wav"),
    MAGIC(0, "RIFF", "AVI ", "video/x-msvideo"),
    MAGIC(4, "ftyp", "avif", "image/avif"),
    MAGIC(4, "ftyp", "avis", "image/avif"),
    MAGIC(4, "ftyp", "heic", "image/heic"),
    MAGIC(4, "ftyp", "M4A ", "audio/mp4"),
    MAGIC(4, "ftyp", "qt  ", "video/quicktime"),
    MAGIC(4, "ftyp", NULL, "video/mp4"),
    MAGIC(0, "\x1a\x45\xdf\xa3", NULL, "video/x-matroska"), /* or WebM: its DocType tells */
    MAGIC(0, "ID3", NULL, "audio/mpeg"),
    MAGIC(0, "\xff\xfb", NULL, "audio/mpeg"),
    MAGIC(0, "\xff\xf3", NULL, "audio/mpeg"),
    MAGIC(0, "\xff\xf2", NULL, "audio/mpeg"),
    MAGIC(0, "OggS", NULL, "audio/ogg"),
    MAGIC(0, "fLaC", NULL, "audio/flac"),
    MAGIC(0, "%PDF-", NULL, "application/pdf"),
    MAGIC(0, "PK\3\4", NULL, "application/zip"),
    MAGIC(0, "PK\5\6", NULL, "application/zip"),
    MAGIC(0, "\x1f\x8b\x08", NULL, "application/gzip"),
    MAGIC(0, "7z\xbc\xaf\x27\x1c", NULL, "application/x-7z-compressed"),
    MAGIC(0, "Rar!\x1a\x07", NULL, "application/vnd.rar"),
    MAGIC(0,
          "\xfd"
          "7zXZ\0",
          NULL, "application/x-xz"),
    MAGIC(0, "\x28\xb5\x2f\xfd", NULL, "application/zstd"),
};

static bool fits(const struct magic *m, const uint8_t *head, size_t n)
{
    return n >= m->at + m->n && !memcmp(head + m->at, m->bytes, m->n) &&
           (!m->also || (n >= 12 && !memcmp(head + 8, m->also, 4)));
}

/* "audio/x-thing": a family that no browser runs, and a plain name. */
static bool is_harmless(const char *type)
{
    static const char *const families[] = {"audio/", "video/", "font/"};
    size_t n = strnlen(type, 128);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        size_t family = strlen(families[i]);
        if (n < 128 && n > family && !memcmp(type, families[i], family))
            return strspn(type + family, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == n - family;
    }
    return false;
}

const char *sniff_type(const uint8_t *head, size_t n, bool is_text, const char *claimed)
{
    enum { DOCTYPE_WITHIN = 128 };
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (!fits(&magics[i], head, n))
            continue;
        if (head[0] == 0x1a && memmem(head, n < DOCTYPE_WITHIN ? n : DOCTYPE_WITHIN, "webm", 4))
            return "video/webm";
        return magics[i].type;
    }
    if (is_text && n)
        return "text/plain; charset=utf-8";
    return claimed && is_harmless(claimed) ? claimed : "application/octet-stream";
}
