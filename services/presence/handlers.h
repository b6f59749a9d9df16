/* handlers.h - the calls of service Presences. The server's worker is a struct store of its own thread. */
#pragma once
#include "lib/rpc/rpc.h"

void handlers_serve(struct rpc_server *);
