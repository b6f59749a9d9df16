/* convert.h - what the program convert and who starts it agree on. */
#pragma once

enum { CONVERT_INPUT_BYTES_MAX = 32 << 20 };
/* The exit status. */
enum convert_result { CONVERT_STILL = 0, CONVERT_REFUSED = 1, CONVERT_FAILED = 2, CONVERT_ANIMATED = 3 };
