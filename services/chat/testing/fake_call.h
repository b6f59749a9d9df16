/* fake_call.h - a struct call without gRPC, so that tests call handlers as functions: link it in place of lib/rpc. */
#pragma once
#include "lib/rpc/rpc.h"

struct fake_call {
    void *server_user; /* struct chat * */
    uint64_t user_id;
    bool bot, admin;
    const char *request_id; /* of its own unless set */
    const char *reason;     /* none unless set */
    int64_t timeout_ms;     /* 5000 unless set */
};
struct call *call_fake(const struct fake_call *);
void call_fake_destroy(struct call *);
static inline void call_fake_destroy_at(struct call **c)
{
    call_fake_destroy(*c);
}
#define CALL_FAKED __attribute__((cleanup(call_fake_destroy_at)))

/* What the handler recorded. */
const char *call_fake_detail(const struct call *);  /* of the last call_fail; "" */
const char *call_fake_leaf(const struct call *);    /* "path CODE" of the last call_fail_field; "" */
const char *call_fake_text(const struct call *);    /* of call_error_text; "" */
int64_t call_fake_retry_after(const struct call *); /* ms; 0 */
size_t call_fake_entries(const struct call *, Hubbub__V1__FeedEntry *const **ret,
                         const Hubbub__V1__Generation **ret_generation);
