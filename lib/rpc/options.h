/* options.h - what every program that serves or calls is told of RPC by its environment: certificates, reflection.
 * Single-threaded; before the first server or client. */
#pragma once
#include "lib/base/config.h"

/* The name that every certificate is made for: a service is known by it, not by the host it runs on. */
#define RPC_TLS_NAME "hubbub"

/* HUBBUB_RPC_...; for config_load. */
extern const struct config_table rpc_options;
/* After config_load: reads the certificates. NULL: all is well; else one line that says what is wrong. */
const char *rpc_options_check(void) MUST_CHECK;
/* The same, for a service's main(): the line goes to the log. */
bool rpc_options_start(void) MUST_CHECK;

struct rpc_certificates {
    char *own, *key, *authority; /* PEM */
    int days_left;               /* until the first of them ends */
};
/* NULL: none, connections are plain. */
const struct rpc_certificates *rpc_options_certificates(void);
bool rpc_options_reflection(void);
