/* converter.h - runs the program convert, which alone decodes what strangers sent (services/media/convert).
 * Thread-safe.
 *
 * At most processes_max of them run at a time; who comes then waits for a place, CONVERTER_WAITING_MAX at most,
 * everybody beyond is turned away: a flood of images takes neither the processors nor the threads that send files. */
#pragma once
#include "lib/base/status.h"
#include "services/media/convert/convert.h"
#include <stddef.h>
#include <stdint.h>

enum { CONVERTER_WAITING_MAX = 16, CONVERTER_WAIT_MS = 8000, CONVERTER_RUN_MS = 20000, CONVERT_BUSY = 100 };

struct converter;
/* program: its path. NULL when it is no program (logged). */
struct converter *converter_create(const char *program, unsigned processes_max);
void converter_destroy(struct converter *);
/* What is beside the running program. In *ret, of size n. */
void converter_find(char *ret, size_t n);
/* Reads the file `in` from its start, and writes the empty file `out`. size and format: NULL to make what is kept. An
 * enum convert_result, or CONVERT_BUSY: there was no place in CONVERTER_WAIT_MS, or the machine did not let it end in
 * CONVERTER_RUN_MS. A program that the kernel kills for passing a bound has refused the image: those 5 s of a processor
 * are what an image may cost. */
int converter_run(struct converter *, int in, int out, const char *size, const char *format,
                  int64_t deadline_ms) MUST_CHECK;
