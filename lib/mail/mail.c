#include "lib/mail/mail.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE = 76 /* letters of base64 on a line */ };

void mail_start(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        log_fatal("libcurl does not start");
}

const char *mail_config_wrong(const struct mail_config *c)
{
    if (!mail_is_on(c))
        return NULL;
    if (strncmp(c->url, "smtp://", 7) && strncmp(c->url, "smtps://", 8))
        return "HUBBUB_SMTP_URL: smtp://host:port or smtps://host:port";
    if (!c->from || !strchr(c->from, '@') || strpbrk(c->from, "\r\n"))
        return "HUBBUB_SMTP_FROM: the address that mails come from, as \"Name <a@example.org>\", is needed with "
               "HUBBUB_SMTP_URL";
    return NULL;
}

/* ---- The message ---------------------------------------------------------------------------------------------------
 */

/* "a@example.org" of "Name <a@example.org>", within angle brackets. */
static void put_bare(struct buf *b, const char *address)
{
    const char *from = strrchr(address, '<'), *start = from ? from + 1 : address;
    buf_putc(b, '<');
    buf_put(b, start, strcspn(start, ">"));
    buf_putc(b, '>');
}

static void put_date(struct buf *b)
{
    char text[64];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm); /* setlocale is never called */
    buf_printf(b, "Date: %s\r\n", text);
}

static void put_text(struct buf *b, const char *text)
{
    size_t n = strlen(text), size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = malloc(size);
    if (!encoded) {
        b->failed = true;
        return;
    }
    sodium_bin2base64(encoded, size, (const unsigned char *)text, n, sodium_base64_VARIANT_ORIGINAL);
    for (size_t at = 0, left = size - 1; left; at += LINE, left -= left < LINE ? left : LINE) {
        buf_put(b, encoded + at, left < LINE ? left : LINE);
        buf_puts(b, "\r\n");
    }
    free(encoded);
}

static void write_message(struct buf *b, const struct mail_config *c, const struct mail *m)
{
    const char *at = strrchr(c->from, '@');
    put_date(b);
    buf_printf(b, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <hubbub-%" PRIu64 "@%.*s>\r\n", c->from, m->to,
               m->subject, m->id, (int)strcspn(at + 1, "> "), at + 1);
    buf_puts(b, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n");
    put_text(b, m->text);
}

/* ---- The exchange --------------------------------------------------------------------------------------------------
 */

struct source {
    const struct buf *message;
    size_t sent;
};

static size_t read_message(char *to, size_t size, size_t n, void *user)
{
    struct source *s = user;
    size_t left = s->message->len - s->sent, take = size * n < left ? size * n : left;
    memcpy(to, s->message->data + s->sent, take);
    s->sent += take;
    return take;
}

static int on_progress(void *user, curl_off_t total_in, curl_off_t in, curl_off_t total_out, curl_off_t out)
{
    return atomic_load((const atomic_bool *)user);
}

static CURL *open_handle(const struct mail_config *c, char error[CURL_ERROR_SIZE])
{
    static const long use_ssl[] = {
        [MAIL_TLS_REQUIRE] = CURLUSESSL_ALL, [MAIL_TLS_TRY] = CURLUSESSL_TRY, [MAIL_TLS_OFF] = CURLUSESSL_NONE};
    CURL *h = curl_easy_init();
    if (!h)
        log_fatal("no memory for libcurl");
    error[0] = '\0';
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(h, CURLOPT_URL, c->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)MAIL_CONNECT_S);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)MAIL_TIMEOUT_S);
    curl_easy_setopt(h, CURLOPT_USE_SSL, use_ssl[c->tls]);
    if (c->ca && *c->ca)
        curl_easy_setopt(h, CURLOPT_CAINFO, c->ca);
    if (c->user && *c->user) {
        curl_easy_setopt(h, CURLOPT_USERNAME, c->user);
        curl_easy_setopt(h, CURLOPT_PASSWORD, c->password ? c->password : "");
    }
    return h;
}

/* What the server said to the mail itself is for good; what it says to us (530, 535: who are you) is not. */
static enum mail_result result_of(CURL *h, CURLcode code)
{
    long said = 0;
    if (code == CURLE_OK)
        return MAIL_SENT;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &said);
    bool to_mail = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY;
    bool to_us = said == 530 || said == 534 || said == 535 || said == 538;
    return to_mail && said >= 500 && said < 600 && !to_us ? MAIL_REFUSED : MAIL_LATER;
}

/* libcurl's own text may hold what the server said, and servers repeat the address: only its kind and the number. */
static void explain(CURL *h, CURLcode code, char error[MAIL_ERROR_BYTES])
{
    long said = 0;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &said);
    if (code == CURLE_OK)
        error[0] = '\0';
    else if (said)
        snprintf(error, MAIL_ERROR_BYTES, "%s (the server said %ld)", curl_easy_strerror(code), said);
    else
        snprintf(error, MAIL_ERROR_BYTES, "%s", curl_easy_strerror(code));
}

enum mail_result mail_send(const struct mail_config *c, const struct mail *m, const atomic_bool *stop,
                           char error[MAIL_ERROR_BYTES])
{
    char detail[CURL_ERROR_SIZE];
    struct buf message = {0}, from = {0}, to = {0};
    write_message(&message, c, m);
    put_bare(&from, c->from);
    put_bare(&to, m->to);
    struct source source = {.message = &message};
    struct curl_slist *recipients = curl_slist_append(NULL, buf_str(&to));
    CURL *h = open_handle(c, detail);
    curl_easy_setopt(h, CURLOPT_MAIL_FROM, buf_str(&from));
    curl_easy_setopt(h, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(h, CURLOPT_READFUNCTION, read_message);
    curl_easy_setopt(h, CURLOPT_READDATA, &source);
    curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, (void *)stop);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    CURLcode code = message.failed || !recipients ? CURLE_OUT_OF_MEMORY : curl_easy_perform(h);
    enum mail_result result = result_of(h, code);
    explain(h, code, error);
    curl_easy_cleanup(h);
    curl_slist_free_all(recipients);
    buf_finish(&message);
    buf_finish(&from);
    buf_finish(&to);
    return result;
}

bool mail_check(const struct mail_config *c, char error[MAIL_ERROR_BYTES])
{
    char detail[CURL_ERROR_SIZE];
    CURL *h = open_handle(c, detail);
    curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)MAIL_CHECK_S);
    CURLcode code = curl_easy_perform(h);
    explain(h, code, error);
    if (code != CURLE_OK && *detail)
        snprintf(error, MAIL_ERROR_BYTES, "%s", detail); /* no mail, so no address */
    curl_easy_cleanup(h);
    return code == CURLE_OK;
}
