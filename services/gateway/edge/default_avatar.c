#include "services/gateway/edge/default_avatar.h"
#include "lib/base/log.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIDE = 256, ROW = 1 + SIDE };

static const uint8_t colors[DEFAULT_AVATARS][3] = {
    {0x4f, 0x5f, 0xc4}, {0x6b, 0x72, 0x80}, {0x2f, 0x8f, 0x63},
    {0xb4, 0x74, 0x1a}, {0xb8, 0x3b, 0x4a}, {0xa8, 0x3f, 0x97},
};

static bool within(int x, int y, int center_x, int center_y, int radius)
{
    int dx = x - center_x, dy = y - center_y;
    return dx * dx + dy * dy <= radius * radius;
}

/* A head and shoulders; each row begins with its filter, none. */
static void draw(uint8_t *rows)
{
    memset(rows, 0, SIDE * ROW);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            rows[y * ROW + 1 + x] = within(x, y, 128, 100, 44) || (within(x, y, 128, 240, 84) && y < 216);
}

struct png {
    uint8_t bytes[8192];
    size_t n;
};

static void put_number(struct png *p, uint32_t v)
{
    const uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    memcpy(p->bytes + p->n, bytes, 4);
    p->n += 4;
}

static void put_chunk(struct png *p, const char *type, const void *data, size_t n)
{
    put_number(p, (uint32_t)n);
    size_t from = p->n;
    memcpy(p->bytes + p->n, type, 4);
    memcpy(p->bytes + p->n + 4, data, n);
    p->n += 4 + n;
    put_number(p, (uint32_t)crc32(0, p->bytes + from, (uInt)(4 + n)));
}

/* Of 8 bits a pixel, by a palette of two colours. */
static void write_png(struct png *p, const uint8_t color[3])
{
    static uint8_t rows[SIDE * ROW], packed[4096];
    uLongf n = sizeof packed;
    draw(rows);
    if (compress2(packed, &n, rows, sizeof rows, 9) != Z_OK)
        log_fatal("the default avatar does not fit");
    const uint8_t header[13] = {0, 0, SIDE >> 8, SIDE & 0xff, 0, 0, SIDE >> 8, SIDE & 0xff, 8, 3};
    const uint8_t palette[6] = {color[0], color[1], color[2], 0xff, 0xff, 0xff};
    memcpy(p->bytes, "\x89PNG\r\n\x1a\n", 8);
    p->n = 8;
    put_chunk(p, "IHDR", header, sizeof header);
    put_chunk(p, "PLTE", palette, sizeof palette);
    put_chunk(p, "IDAT", packed, n);
    put_chunk(p, "IEND", "", 0);
}

const void *default_avatar(unsigned index, size_t *ret_n)
{
    static struct png all[DEFAULT_AVATARS];
    struct png *p = &all[index];
    if (!p->n)
        write_png(p, colors[index]);
    *ret_n = p->n;
    return p->bytes;
}
