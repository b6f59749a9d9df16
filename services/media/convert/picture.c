#include "services/media/convert/picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

enum { PNG_COMPRESSION = 6, QUALITY = 90, GIF_EFFORT = 3 };

static const char *const loaders[] = {"VipsForeignLoadPng", "VipsForeignLoadJpeg", "VipsForeignLoadWebp",
                                      "VipsForeignLoadNsgif"};

bool picture_init(const char *program)
{
    if (setenv("VIPS_NOVECTOR", "1", 1) || vips_init(program)) /* it would write code, and run it */
        return false;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
        vips_operation_block_set(loaders[i], FALSE);
    return true;
}

enum picture_format picture_format(const void *bytes, size_t n)
{
    if (n >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8))
        return PICTURE_PNG;
    if (n >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3))
        return PICTURE_JPEG;
    if (n >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp((const char *)bytes + 8, "WEBP", 4))
        return PICTURE_WEBP;
    if (n >= 6 && (!memcmp(bytes, "GIF87a", 6) || !memcmp(bytes, "GIF89a", 6)))
        return PICTURE_GIF;
    return PICTURE_NONE;
}

struct extent {
    int width, height, frames;
};

/* Of all frames when they were loaded; false when a bound is passed. */
static bool measure(const void *bytes, size_t n, const char *options, struct extent *ret)
{
    VipsImage *image = vips_image_new_from_buffer(bytes, n, options, NULL);
    if (!image)
        return false;
    *ret = (struct extent){vips_image_get_width(image), vips_image_get_page_height(image), 1};
    int64_t height = vips_image_get_height(image), pixels = (int64_t)ret->width * ret->height;
    ret->frames = (int)(height / ret->height);
    g_object_unref(image);
    return pixels <= PICTURE_PIXELS_MAX && ret->frames <= PICTURE_FRAMES_MAX &&
           pixels * ret->frames <= PICTURE_TOTAL_PIXELS_MAX;
}

static const char *load_options(enum picture_format format, bool animated)
{
    bool frames = animated && (format == PICTURE_GIF || format == PICTURE_WEBP);
    return frames ? "[fail-on=truncated,n=-1]" : "[fail-on=truncated]";
}

static bool save(VipsImage *image, enum picture_format format, void **ret, size_t *ret_n)
{
    switch (format) {
    case PICTURE_PNG:
        return !vips_pngsave_buffer(image, ret, ret_n, "strip", TRUE, "compression", PNG_COMPRESSION, NULL);
    case PICTURE_JPEG:
        return !vips_jpegsave_buffer(image, ret, ret_n, "strip", TRUE, "Q", QUALITY, NULL);
    case PICTURE_WEBP:
        return !vips_webpsave_buffer(image, ret, ret_n, "strip", TRUE, "Q", QUALITY, "effort", 2, NULL);
    case PICTURE_GIF:
        return !vips_gifsave_buffer(image, ret, ret_n, "strip", TRUE, "effort", GIF_EFFORT, NULL);
    default:
        return false;
    }
}

/* The image within side x side, upright and in sRGB. */
static VipsImage *thumbnail(const void *bytes, size_t n, const char *options, int side)
{
    VipsImage *image = NULL;
    if (vips_thumbnail_buffer((void *)bytes, n, &image, side, "height", side, "size", VIPS_SIZE_DOWN, "export-profile",
                              "srgb", "option-string", options, "fail-on", VIPS_FAIL_ON_TRUNCATED, NULL))
        return NULL;
    return image;
}

/* The longest side of a frame at which all of them stay within the bound. */
static int kept_side(const struct extent *e)
{
    double longer = e->width > e->height ? e->width : e->height, all = (double)e->width * e->height * e->frames;
    if (e->frames > 1 && all > PICTURE_ANIMATED_PIXELS_MAX)
        longer = floor(longer * sqrt(PICTURE_ANIMATED_PIXELS_MAX / all));
    return longer > PICTURE_SIDE_MAX ? PICTURE_SIDE_MAX : longer < 1 ? 1 : (int)longer;
}

static bool convert(const void *bytes, size_t n, int size, enum picture_format to, bool animated, void **ret,
                    size_t *ret_n, struct extent *ret_extent)
{
    enum picture_format from = picture_format(bytes, n);
    const char *options = load_options(from, animated);
    if (from == PICTURE_NONE || !measure(bytes, n, options, ret_extent))
        return false;
    int side = kept_side(ret_extent);
    VipsImage *image = thumbnail(bytes, n, options, size && size < side ? size : side);
    bool ok = image && save(image, to == PICTURE_NONE ? from : to, ret, ret_n);
    if (image)
        g_object_unref(image);
    return ok;
}

bool picture_normalize(const void *bytes, size_t n, void **ret, size_t *ret_n, bool *ret_animated)
{
    struct extent e;
    if (!convert(bytes, n, 0, PICTURE_NONE, true, ret, ret_n, &e))
        return false;
    *ret_animated = e.frames > 1;
    return true;
}

bool picture_resize(const void *bytes, size_t n, int size, enum picture_format format, bool animated, void **ret,
                    size_t *ret_n)
{
    struct extent e;
    return convert(bytes, n, size, format, animated, ret, ret_n, &e);
}
