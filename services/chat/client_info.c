#include "services/chat/client_info.h"
#include <stddef.h>
#include <string.h>

struct row {
    const char *part, *name;
};
/* The first row whose part occurs wins: Android says Linux too, every browser says Safari. */
static const struct row systems[] = {
    {"Android", "Android"}, {"iPhone", "iOS"},    {"iPad", "iOS"},    {"Windows", "Windows"},
    {"Macintosh", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}, {"FreeBSD", "FreeBSD"},
};
static const struct row platforms[] = {
    {"Edg", "Edge"},       {"OPR/", "Opera"},     {"Firefox/", "Firefox"}, {"Chromium/", "Chromium"},
    {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
};

static const char *find(const char *text, const struct row *rows, size_t n)
{
    for (size_t i = 0; text && i < n; i++)
        if (strstr(text, rows[i].part))
            return rows[i].name;
    return NULL;
}

struct client_info client_info_of(const char *user_agent)
{
    return (struct client_info){find(user_agent, systems, sizeof systems / sizeof *systems),
                                find(user_agent, platforms, sizeof platforms / sizeof *platforms)};
}
