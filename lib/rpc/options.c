/* The certificates are looked at here, with OpenSSL, for gRPC says of a wrong one only that a port cannot be bound or
 * that nobody can be reached. */
#include "lib/rpc/options.h"
#include "lib/base/log.h"
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_BYTES_MAX = 1 << 20, OWN = 0, KEY, AUTHORITY, FILES };

static bool reflection;
static const char *paths[FILES];
static const struct config_option options[] = {
    {"HUBBUB_RPC_TLS_CERT", CONFIG_STRING, &paths[OWN], "",
     .doc = "PEM file: the certificate (for the name " RPC_TLS_NAME
            ") by which services know each other; with _KEY and _CA, or none of them"},
    {"HUBBUB_RPC_TLS_KEY", CONFIG_STRING, &paths[KEY], "", .doc = "PEM file: its private key"},
    {"HUBBUB_RPC_TLS_CA", CONFIG_STRING, &paths[AUTHORITY], "",
     .doc = "PEM file: the authority that signs every service's certificate; a peer without one of it is refused"},
    {"HUBBUB_RPC_REFLECTION", CONFIG_BOOL, &reflection, "off",
     .doc = "gRPC server reflection, for whoever has the cluster's secret"},
};
const struct config_table rpc_options = {options, sizeof options / sizeof *options};

static struct rpc_certificates certificates;
static char problem[512];

static const char *wrong(int file, const char *what)
{
    snprintf(problem, sizeof problem, "%s=%s: %s", options[file].name, paths[file], what);
    return problem;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static const char *read_file(int file, char **ret)
{
    if (paths[file][0] != '/')
        return wrong(file, "an absolute path is needed");
    FILE *f = fopen(paths[file], "re");
    char *text = calloc(1, PEM_BYTES_MAX + 1);
    if (!text)
        log_fatal("out of memory");
    size_t n = f ? fread(text, 1, PEM_BYTES_MAX, f) : 0;
    const char *bad = !f || ferror(f)      ? wrong(file, strerror(errno))
                      : n == PEM_BYTES_MAX ? wrong(file, "too long")
                                           : NULL;
    if (f)
        fclose(f);
    free(*ret);
    *ret = text;
    return bad;
}

/* Certificates of the text, in their order; the caller frees them. NULL: there is none. */
static STACK_OF(X509) * read_certificates(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    STACK_OF(X509) *all = sk_X509_new_null();
    for (X509 *c; (c = PEM_read_bio_X509(bio, NULL, NULL, NULL));)
        sk_X509_push(all, c);
    BIO_free(bio);
    ERR_clear_error();
    if (sk_X509_num(all))
        return all;
    sk_X509_free(all);
    return NULL;
}

static int no_passphrase(char *buffer, int size, int writing, void *user)
{
    return -1;
}

static EVP_PKEY *read_key(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

static void note_end(STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int days = INT_MAX, seconds;
        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(sk_X509_value(chain, i)));
        if (days < certificates.days_left)
            certificates.days_left = days;
    }
}

static const char *verify(STACK_OF(X509) * own, STACK_OF(X509) * authority)
{
    static const int purposes[] = {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT};
    X509_STORE *store = X509_STORE_new();
    const char *bad = NULL;
    for (int i = 0; i < sk_X509_num(authority); i++)
        X509_STORE_add_cert(store, sk_X509_value(authority, i));
    for (unsigned i = 0; !bad && i < sizeof purposes / sizeof *purposes; i++) {
        X509_STORE_CTX *context = X509_STORE_CTX_new();
        X509_STORE_CTX_init(context, store, sk_X509_value(own, 0), own);
        X509_STORE_CTX_set_purpose(context, purposes[i]);
        if (X509_verify_cert(context) != 1)
            bad = wrong(OWN, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        X509_STORE_CTX_free(context);
    }
    X509_STORE_free(store);
    ERR_clear_error();
    return bad;
}

static const char *check_parts(STACK_OF(X509) * own, EVP_PKEY *key, STACK_OF(X509) * authority)
{
    if (!own)
        return wrong(OWN, "no PEM certificate is in it");
    if (!key)
        return wrong(KEY, "no PEM private key without a passphrase is in it");
    if (!authority)
        return wrong(AUTHORITY, "no PEM certificate is in it");
    if (X509_check_private_key(sk_X509_value(own, 0), key) != 1)
        return ERR_clear_error(), wrong(KEY, "it is not the key of HUBBUB_RPC_TLS_CERT");
    if (X509_check_host(sk_X509_value(own, 0), RPC_TLS_NAME, 0, 0, NULL) != 1)
        return wrong(OWN, "it is not for the name " RPC_TLS_NAME " (subjectAltName=DNS:" RPC_TLS_NAME ")");
    note_end(own);
    note_end(authority);
    return verify(own, authority);
}

static const char *check(void)
{
    STACK_OF(X509) *own = read_certificates(certificates.own), *authority = read_certificates(certificates.authority);
    EVP_PKEY *key = read_key(certificates.key);
    certificates.days_left = INT_MAX;
    const char *bad = check_parts(own, key, authority);
    sk_X509_pop_free(own, X509_free);
    sk_X509_pop_free(authority, X509_free);
    EVP_PKEY_free(key);
    return bad;
}

const char *rpc_options_check(void)
{
    char **const texts[FILES] = {&certificates.own, &certificates.key, &certificates.authority};
    unsigned given = 0;
    for (unsigned i = 0; i < FILES; i++)
        given += *paths[i] != '\0';
    if (!given)
        return NULL;
    for (int i = 0; i < FILES; i++) {
        const char *bad =
            *paths[i] ? read_file(i, texts[i])
                      : wrong(i, "it is needed as well: all three of HUBBUB_RPC_TLS_CERT, _KEY and _CA, or none");
        if (bad)
            return bad;
    }
    return check();
}

bool rpc_options_start(void)
{
    const char *bad = rpc_options_check();
    if (bad)
        log_error("cannot speak TLS to the other services", LOG_S("reason", bad));
    return !bad;
}

const struct rpc_certificates *rpc_options_certificates(void)
{
    return certificates.own ? &certificates : NULL;
}

bool rpc_options_reflection(void)
{
    return reflection;
}
