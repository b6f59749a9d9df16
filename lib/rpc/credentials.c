#include "lib/rpc/credentials.h"
#include "lib/base/log.h"
#include "lib/rpc/options.h"
#include <stddef.h>

static grpc_ssl_pem_key_cert_pair own_pair(const struct rpc_certificates *c)
{
    return (grpc_ssl_pem_key_cert_pair){.private_key = c->key, .cert_chain = c->own};
}

grpc_server_credentials *credentials_of_server(void)
{
    const struct rpc_certificates *c = rpc_options_certificates();
    if (!c)
        return grpc_insecure_server_credentials_create();
    grpc_ssl_pem_key_cert_pair pair = own_pair(c);
    grpc_server_credentials *tls = grpc_ssl_server_credentials_create_ex(
        c->authority, &pair, 1, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, NULL);
    if (!tls)
        log_fatal("gRPC takes no such certificates");
    return tls;
}

grpc_channel_credentials *credentials_of_client(void)
{
    const struct rpc_certificates *c = rpc_options_certificates();
    if (!c)
        return grpc_insecure_credentials_create();
    grpc_ssl_pem_key_cert_pair pair = own_pair(c);
    grpc_channel_credentials *tls = grpc_ssl_credentials_create(c->authority, &pair, NULL, NULL);
    if (!tls)
        log_fatal("gRPC takes no such certificates");
    return tls;
}

grpc_arg credentials_name(void)
{
    return (grpc_arg){.type = GRPC_ARG_STRING,
                      .key = (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
                      .value.string = (char *)RPC_TLS_NAME};
}
