/* confine.h - what a process that decodes a stranger's bytes may still do: compute, allocate, read descriptor 0 and
 * write descriptor 1. Everything else is refused by the kernel, so that a fault in a decoder ends in this process. */
#pragma once
#include "lib/base/status.h"
#include <stdbool.h>

/* At once: only descriptors 0 to 2 stay open, the process dies with its parent, and is bounded: 512 MiB of address
 * space, 5 s of processor time, 32 MiB written, no core file. false when the kernel refuses one. */
bool confine_bounds(void) MUST_CHECK;
/* When the libraries are loaded, before a byte of the input: no file, no socket, no process, no executable memory; what
 * is not on the list kills the process, opening a file fails. Threads inherit it. */
bool confine_calls(void) MUST_CHECK;
