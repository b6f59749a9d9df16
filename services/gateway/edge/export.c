/* /exports/{ticket}: what a person asked to have of their own, streamed by chat. The ticket is all the proof there is, so
 * nothing on the way keeps the answer, and no page of another site shows it. */
#include "hubbub/v1/own_account.hub.h"
#include "services/gateway/edge/download.h"
#include <string.h>

enum { TICKET_BYTES_MAX = 100 };

void export_start(struct exchange *x, const char *ticket)
{
    struct download *d = ARENA_NEW(x->arena, struct download);
    x->state = d;
    if (strcmp(x->head.verb, "GET") && !x->is_head) {
        exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
        return;
    }
    if (!*ticket || strlen(ticket) > TICKET_BYTES_MAX) {
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
        return;
    }
    d->code = 200;
    d->content_type = "application/json";
    d->headers = "Content-Disposition: attachment; filename=\"hubbub-export.json\"\r\nCache-Control: no-store\r\n"
                 "Content-Security-Policy: default-src 'none'; sandbox\r\n";
    d->from = x->edge->chat;
    Hubbub__V1__ExportTicket request = HUBBUB__V1__EXPORT_TICKET__INIT;
    request.ticket = arena_strdup(x->arena, ticket);
    download_start(x, &hubbub__v1__own_account__download__method, &request.base);
}
