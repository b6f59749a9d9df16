/* Which bytes are sent is decided by the table ENCODINGS in its order and by what the client takes; each form has an ETag of
 * its own, as they are different bytes. The page may load from this server alone: its own files, attachments, the gateway. */
#include "services/gateway/edge/static.h"
#include "lib/base/log.h"
#include "services/gateway/edge/exchange.h"
#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    SITE_FILES_MAX = 512,
    SITE_BYTES_MAX = 32 * 1024 * 1024,
    SITE_NAME_MAX = 128,
    SITE_PATH_MAX = 1024,
    TAG_BYTES = 16,
};

static const struct {
    const char *token, *suffix, *header;
} ENCODINGS[] = {
    {"br", ".br", "Content-Encoding: br\r\n"},
    {"gzip", ".gz", "Content-Encoding: gzip\r\n"},
    {"identity", "", ""}, /* last: what everybody takes */
};
enum { ENCODINGS_N = sizeof ENCODINGS / sizeof ENCODINGS[0] };

static const struct {
    const char *suffix, *type;
} TYPES[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},             {".png", "image/png"},                     {".webp", "image/webp"},
    {".json", "application/json"},         {".woff2", "font/woff2"},                  {".ico", "image/x-icon"},
};

/* Where the page itself is: the last two are what links in mails lead to (services/chat/mailer.c). */
static const char *const PAGES[] = {"/", "/verify", "/reset"};

struct site_bytes {
    char *data;
    size_t n;
    char tag[2 * TAG_BYTES + 3]; /* with its quotes */
};
struct site_file {
    char name[SITE_NAME_MAX]; /* below /assets/; "" is index.html */
    const char *type;
    struct site_bytes forms[ENCODINGS_N]; /* data NULL: there is none */
};
struct site {
    struct site_file files[SITE_FILES_MAX];
    unsigned n;
    size_t bytes;
};

/* ---- Reading --------------------------------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && !strcmp(name + n - m, suffix);
}

static const char *type_of(const char *name)
{
    for (unsigned i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (has_suffix(name, TYPES[i].suffix))
            return TYPES[i].type;
    return NULL;
}

static void tag_bytes(struct site_bytes *b)
{
    unsigned char hash[TAG_BYTES];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)b->data, b->n, NULL, 0);
    b->tag[0] = '"';
    sodium_bin2hex(b->tag + 1, sizeof b->tag - 1, hash, sizeof hash);
    strcat(b->tag, "\"");
}

/* A file that is not there is no fault: data stays NULL. */
static bool read_bytes(struct site *s, const char *path, struct site_bytes *ret)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f)
        return true;
    bool ok = !fstat(fileno(f), &st) && S_ISREG(st.st_mode) && s->bytes + (size_t)st.st_size <= SITE_BYTES_MAX;
    if (ok) {
        ret->n = (size_t)st.st_size;
        ret->data = malloc(ret->n + 1);
        ok = ret->data && fread(ret->data, 1, ret->n, f) == ret->n;
    }
    fclose(f);
    if (!ok)
        return false;
    s->bytes += ret->n;
    tag_bytes(ret);
    return true;
}

/* name: below /assets/, or "" for index.html. */
static bool add_file(struct site *s, const char *folder, const char *name, const char *type)
{
    char path[SITE_PATH_MAX];
    if (s->n == SITE_FILES_MAX)
        return false;
    struct site_file *file = &s->files[s->n++];
    snprintf(file->name, sizeof file->name, "%s", name);
    file->type = type;
    for (unsigned i = 0; i < ENCODINGS_N; i++) {
        int n = snprintf(path, sizeof path, "%s/%s%s%s", folder, *name ? "assets/" : "index.html", name,
                         ENCODINGS[i].suffix);
        if (n >= (int)sizeof path || !read_bytes(s, path, &file->forms[i]))
            return false;
    }
    return file->forms[ENCODINGS_N - 1].data != NULL;
}

static bool add_assets(struct site *s, const char *folder)
{
    char path[SITE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/assets", folder) >= (int)sizeof path)
        return false;
    DIR *dir = opendir(path);
    bool ok = true;
    for (struct dirent *d; dir && ok && (d = readdir(dir));) {
        const char *type = type_of(d->d_name);
        if (type && d->d_name[0] != '.' && strlen(d->d_name) < SITE_NAME_MAX)
            ok = add_file(s, folder, d->d_name, type);
    }
    if (dir)
        closedir(dir);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct site_file *)a)->name, ((const struct site_file *)b)->name);
}

struct site *site_load(const char *folder)
{
    if (!*folder)
        return NULL;
    struct site *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    if (!add_file(s, folder, "", "text/html; charset=utf-8") || !add_assets(s, folder)) {
        log_warn("the web client is not served: no index.html there, or more than 512 files or 32 MiB",
                 LOG_S("folder", folder));
        for (unsigned i = 0; i < s->n; i++)
            for (unsigned j = 0; j < ENCODINGS_N; j++)
                free(s->files[i].forms[j].data);
        free(s);
        return NULL;
    }
    qsort(s->files, s->n, sizeof s->files[0], by_name);
    log_info("serving the web client", LOG_S("folder", folder), LOG_I("files", s->n), LOG_I("bytes", s->bytes));
    return s;
}

/* ---- Answering ------------------------------------------------------------------------------------------------- */

/* Whether the Accept-Encoding takes the coding: it is named, and not with a weight of nought. RFC 9110, 12.5.3. */
static bool accepts(const char *list, const char *token)
{
    size_t n = strlen(token);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, ",");
        bool named = item >= n && !strncasecmp(list, token, n) && (item == n || strchr("; \t", list[n]));
        if (named) {
            const char *q = memchr(list, '=', item);
            return !q || strspn(q + 1, "0.") < item - (size_t)(q + 1 - list);
        }
        list += item;
    }
    return false;
}

static unsigned choose_form(const struct site_file *file, const char *accept)
{
    unsigned i = 0;
    while (i < ENCODINGS_N - 1 && !(file->forms[i].data && accepts(accept, ENCODINGS[i].token)))
        i++;
    return i;
}

static const char *page_headers(struct exchange *x)
{
    const struct edge *e = x->edge;
    return arena_printf(x->arena,
                        "Cache-Control: no-cache\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n"
                        "Content-Security-Policy: default-src 'self'; img-src 'self' blob: data: %s; "
                        "media-src 'self' blob: data: %s; connect-src 'self' %s; object-src 'none'; base-uri 'none'; "
                        "form-action 'none'; frame-ancestors 'none'\r\n",
                        e->cdn_url, e->cdn_url, e->gateway_url);
}

static void answer_file(struct exchange *x, const struct site_file *file)
{
    unsigned form = choose_form(file, http_header(&x->head, "accept-encoding"));
    const struct site_bytes *b = &file->forms[form];
    const char *known = http_header(&x->head, "if-none-match");
    const char *headers = arena_printf(
        x->arena, "ETag: %s\r\nVary: Accept-Encoding\r\n%s", b->tag,
        *file->name ? "Cache-Control: public, max-age=31536000, immutable\r\n" : page_headers(x));
    if (known && (strstr(known, b->tag) || !strcmp(known, "*"))) {
        exchange_answer(x, 304, NULL, headers, NULL, 0);
        return;
    }
    headers = arena_printf(x->arena, "%s%s", headers, ENCODINGS[form].header);
    exchange_answer(x, 200, file->type, headers, b->data, b->n);
}

static bool is_page(const char *path)
{
    for (unsigned i = 0; i < sizeof PAGES / sizeof PAGES[0]; i++)
        if (!strcmp(path, PAGES[i]))
            return true;
    return false;
}

bool site_start(const struct site *s, struct exchange *x)
{
    static const char assets[] = "/assets/";
    const char *path = x->head.path;
    bool asset = !strncmp(path, assets, sizeof assets - 1);
    if (!s || (!asset && !is_page(path)))
        return false;
    if (strcmp(x->head.verb, "GET") && !x->is_head) {
        exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
        return true;
    }
    struct site_file key;
    const char *name = asset ? path + sizeof assets - 1 : "";
    if (strlen(name) >= sizeof key.name || (asset && !*name)) {
        exchange_fail(x, ST_NOT_FOUND, NULL);
        return true;
    }
    strcpy(key.name, name);
    const struct site_file *file = bsearch(&key, s->files, s->n, sizeof s->files[0], by_name);
    if (file)
        answer_file(x, file);
    else
        exchange_fail(x, ST_NOT_FOUND, NULL);
    return true;
}
