/* targets.h - what parses bytes of strangers, each as one function that is fed any bytes. What must hold is asserted
 * there; all else (a read outside, an endless loop, undefined behaviour) is the sanitizers' and the clock's to find.
 *
 *   tests/fuzz/run TARGET [--minutes N]   libFuzzer (clang) with ASan and UBSan, from corpus/TARGET; new inputs that it
 *                                         finds go to a folder of its own, a crash is kept and printed
 *   tests/fuzz:replay                     in ./test: every file of the corpus, and as many changes of each as fit into
 *                                         a second, from a seed that is printed (replay SEED repeats it)
 *
 * A crash that was mended: its input goes to corpus/TARGET under a name that says what it was. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
    const char *name; /* its folder in corpus/ */
    void (*feed)(const uint8_t *, size_t n);
};
extern const struct fuzz_target fuzz_targets[];
extern const unsigned n_fuzz_targets;
const struct fuzz_target *fuzz_find(const char *name);
