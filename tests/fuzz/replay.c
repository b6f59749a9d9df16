/* Goal: every input of the corpus, and changes of it by a seed, go through their target: see targets.h. The seed is
 * printed, and replay SEED repeats it; a crash leaves the input in $TEST_TMPDIR/last_input, behind eight bytes that say
 * how long it is. */
#include "tests/fuzz/targets.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_BYTES_MAX = 16384, TARGET_MS = 1000, CHANGES_MAX = 3000 };

static uint64_t state;
static unsigned long fed;

static unsigned below(unsigned n)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The input that is being fed, in a file that outlives a crash. */
static struct last {
    uint64_t n;
    uint8_t bytes[INPUT_BYTES_MAX];
} * last;

static void keep_last(void)
{
    char path[4096];
    const char *folder = getenv("TEST_TMPDIR");
    snprintf(path, sizeof path, "%s/last_input", folder ? folder : "/tmp");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    void *map = fd >= 0 && ftruncate(fd, sizeof *last) == 0
                    ? mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    if (map == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    last = map;
    close(fd);
}

static void feed(const struct fuzz_target *t, const uint8_t *in, size_t n)
{
    last->n = n;
    memcpy(last->bytes, in, n);
    t->feed(in, n);
    fed++;
}

/* A byte set, some cut out, some doubled, a length made extreme. */
static size_t change(uint8_t *in, size_t n)
{
    for (unsigned times = 1 + below(4); times > 0; times--) {
        size_t at = n ? below((unsigned)n) : 0, len = n > at ? below((unsigned)(n - at) + 1) % 64 : 0;
        switch (below(5)) {
        case 0:
            if (n)
                in[at] = (uint8_t)below(256);
            break;
        case 1:
            if (n)
                in[at] ^= (uint8_t)(1u << below(8));
            break;
        case 2:
            memmove(in + at, in + at + len, n - at - len);
            n -= len;
            break;
        case 3:
            if (n + len <= INPUT_BYTES_MAX) {
                memmove(in + at + len, in + at, n - at);
                n += len;
            }
            break;
        case 4:
            for (size_t i = at; i < n && i < at + 4; i++)
                in[i] = below(2) ? 0xff : 0;
            break;
        }
    }
    return n;
}

static size_t read_input(const char *path, uint8_t *ret)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(ret, 1, INPUT_BYTES_MAX, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static unsigned replay(const struct fuzz_target *t, const char *corpus)
{
    static uint8_t input[INPUT_BYTES_MAX], changed[INPUT_BYTES_MAX];
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "%s/%s", corpus, t->name);
    DIR *d = opendir(folder);
    unsigned files = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        size_t n = read_input(path, input);
        int64_t end = now_ms() + TARGET_MS / 4;
        feed(t, input, n);
        for (unsigned i = 0; i < CHANGES_MAX && now_ms() < end; i++) {
            memcpy(changed, input, n);
            feed(t, changed, change(changed, n));
        }
        files++;
    }
    if (d)
        closedir(d);
    printf("%s: %u inputs\n", t->name, files);
    fflush(stdout);
    return files;
}

int main(int argc, char **argv)
{
    const char *corpus = getenv("FUZZ_CORPUS");
    unsigned empty = 0;
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)state);
    fflush(stdout);
    keep_last();
    for (unsigned i = 0; i < n_fuzz_targets; i++)
        empty += !replay(&fuzz_targets[i], corpus ? corpus : "tests/fuzz/corpus");
    printf("%lu fed, %u targets without a corpus\n", fed, empty);
    return empty > 0;
}
