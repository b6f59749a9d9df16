/* convert - decodes one image that a stranger sent, in a process of its own that can do nothing else (confine.h).
 *
 *   convert                        stdin: an image; stdout: what is kept of it
 *   convert SIZE FORMAT            stdin: what is kept; stdout: a variant; FORMAT: png, jpeg, webp or gif, and
 *                                  webp-animated, gif-animated with all frames
 *
 * Exit status: 0 a still image, 3 an animation, 1 no image that is taken, 2 the program could not do its work. */
#include "services/media/convert/confine.h"
#include "services/media/convert/convert.h"
#include "services/media/convert/picture.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum picture_format format;
    bool animated;
} formats[] = {
    {"png", PICTURE_PNG, false},           {"jpeg", PICTURE_JPEG, false},       {"webp", PICTURE_WEBP, false},
    {"webp-animated", PICTURE_WEBP, true}, {"gif-animated", PICTURE_GIF, true},
};

/* All of descriptor 0, which is a file; NULL when it is none, or too large. */
static void *read_input(size_t *ret_n)
{
    struct stat st;
    if (fstat(0, &st) || st.st_size <= 0 || st.st_size > CONVERT_INPUT_BYTES_MAX)
        return NULL;
    char *bytes = malloc((size_t)st.st_size);
    size_t n = 0;
    for (ssize_t got = 1; bytes && n < (size_t)st.st_size && got > 0; n += (size_t)got)
        if ((got = read(0, bytes + n, (size_t)st.st_size - n)) < 0)
            return NULL;
    *ret_n = n;
    return bytes;
}

static bool write_output(const char *bytes, size_t n)
{
    for (ssize_t wrote; n; bytes += wrote, n -= (size_t)wrote)
        if ((wrote = write(1, bytes, n)) <= 0)
            return false;
    return true;
}

static enum convert_result run(int argc, char **argv, const void *in, size_t in_n)
{
    void *out;
    size_t out_n;
    bool animated = false;
    if (argc == 1) {
        if (!picture_normalize(in, in_n, &out, &out_n, &animated))
            return CONVERT_REFUSED;
        return !write_output(out, out_n) ? CONVERT_FAILED : animated ? CONVERT_ANIMATED : CONVERT_STILL;
    }
    for (size_t i = 0; argc == 3 && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(argv[2], formats[i].name))
            continue;
        if (!picture_resize(in, in_n, atoi(argv[1]), formats[i].format, formats[i].animated, &out, &out_n))
            return CONVERT_REFUSED;
        return write_output(out, out_n) ? CONVERT_STILL : CONVERT_FAILED;
    }
    return CONVERT_FAILED;
}

int main(int argc, char **argv)
{
    size_t n;
    if (!confine_bounds() || !picture_init(argv[0]) || !confine_calls())
        return CONVERT_FAILED;
    void *in = read_input(&n);
    _exit(in ? run(argc, argv, in, n) : CONVERT_REFUSED); /* nothing is left to tidy up, and less code runs */
}
