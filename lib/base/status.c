#include "lib/base/status.h"

static const struct status_row rows[ST_COUNT] = {
#define STATUS(name, grpc, http, json, text) {#name, grpc, http, json, text},
#include "lib/base/status.def"
#undef STATUS
};

const struct status_row *status_row(status st)
{
    return &rows[(unsigned)st < ST_COUNT ? st : ST_INTERNAL];
}
