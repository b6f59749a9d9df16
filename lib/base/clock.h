/* clock.h - the two clocks. Timers and deadlines use the monotonic one; only what people read uses the wall. */
#pragma once
#include <stdint.h>

/* Milliseconds (microseconds) that never go back; no meaning across processes. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);

/* Discord's epoch, 2015-01-01T00:00:00Z, in Unix milliseconds; a snowflake is (ms since it) << 22 | worker | counter. */
#define SNOWFLAKE_EPOCH_MS INT64_C(1420070400000)
/* The Unix time in milliseconds at which a snowflake was made. */
static inline int64_t snowflake_ms(uint64_t id)
{
    return (int64_t)(id >> 22) + SNOWFLAKE_EPOCH_MS;
}
