#include "services/chat/message_embeds.h"
#include "services/chat/message_content.h"
#include <string.h>

struct address {
    const char *path, *url;
    bool media; /* may name a file of the same message */
};

static bool starts(const char *s, const char *with)
{
    return !strncasecmp(s, with, strlen(with));
}

static status check_address(struct call *c, size_t embed, const struct address *a)
{
    const char *url = a->url, *path = arena_printf(call_arena(c), "embeds.%zu.%s", embed, a->path);
    if (!url || !*url || (a->media && starts(url, "attachment://") && url[strlen("attachment://")]))
        return ST_OK;
    size_t scheme = starts(url, "https://") ? strlen("https://") : starts(url, "http://") ? strlen("http://") : 0;
    if (!scheme && strstr(url, "://"))
        return call_fail_field(c, path, "URL_TYPE_INVALID_SCHEME", "The scheme must be one of http and https.");
    if (!scheme || !strcspn(url + scheme, "/?#:@") || strpbrk(url, " \t\r\n<>\""))
        return call_fail_field(c, path, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
    return ST_OK;
}

static status check_addresses(struct call *c, size_t i, const Hubbub__V1__Embed *e)
{
    const struct address all[] = {
        {"url", e->url, false},
        {"footer.icon_url", e->footer ? e->footer->icon_url : NULL, true},
        {"image.url", e->image ? e->image->url : NULL, true},
        {"thumbnail.url", e->thumbnail ? e->thumbnail->url : NULL, true},
        {"author.url", e->author ? e->author->url : NULL, false},
        {"author.icon_url", e->author ? e->author->icon_url : NULL, true},
    };
    status st = ST_OK;
    for (size_t a = 0; st == ST_OK && a < sizeof all / sizeof *all; a++)
        st = check_address(c, i, &all[a]);
    return st;
}

status embeds_check(struct call *c, Hubbub__V1__Embed *const *embeds, size_t n)
{
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = check_addresses(c, i, embeds[i]);
    if (st == ST_OK && embeds_text_length(embeds, n) > EMBED_TEXT_MAX)
        st = call_fail_field(c, "embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000");
    return st;
}
