/* credentials.h - what gRPC is given for a connection: TLS by which both sides know each other when HUBBUB_RPC_TLS_...
 * are set (options.h), else nothing. lib/rpc only. */
#pragma once
#include <grpc/grpc_security.h>

/* The caller releases them. */
grpc_server_credentials *credentials_of_server(void);
grpc_channel_credentials *credentials_of_client(void);
/* The certificate's name is not the target's. */
grpc_arg credentials_name(void);
