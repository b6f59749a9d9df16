/* static.h - the web client: index.html at /, /verify and /reset, and what it loads below /assets/. All of it is read into
 * memory at the start, so a request never waits for a disk, and a folder that changes under a running gateway is not seen
 * until the next start.
 *
 * The folder is what `npm run build` in web/ makes: index.html, and assets/ with names that hold the hash of their content
 * (kept for a year by browsers); NAME.br and NAME.gz beside NAME are the same bytes compressed. */
#pragma once
#include <stdbool.h>
struct exchange;
struct site;

/* Reads folder. NULL when it holds no index.html, or more than fits (both are logged); NULL too when folder is "". */
struct site *site_load(const char *folder);
/* Answers GET and HEAD of the page and /assets/...; false when the request is for something else. site may be NULL. */
bool site_start(const struct site *, struct exchange *);
