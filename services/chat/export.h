/* export.h - all that is a person's own, as one JSON document that they download: the account, settings, sessions, guilds,
 * relationships, notes, direct channels, applications, reports, and every message of theirs that is there, with its
 * attachments' names and addresses.
 *
 * It is written in steps, each a transaction that adds some bytes and moves the position on, so that neither a large
 * account nor a crash matters: whoever comes next goes on. Messages are found channel by channel, EXPORT_SCAN rows at a
 * time: each step costs the same however much others have said. What lies there expires (janitor), as does a link. */
#pragma once
#include "hubbub/v1/own_account.pb-c.h"
#include "services/chat/change.h"

enum {
    EXPORT_DAYS = 3,                   /* how long one is kept */
    EXPORT_PIECE_BYTES = 64 * 1024,    /* of a row, and of a chunk of the download */
    EXPORT_STEP_BYTES = 512 * 1024,    /* a step ends behind it */
    EXPORT_SCAN = 500,                 /* messages looked at at once */
    EXPORT_SCANS = 40,                 /* such looks of one step */
};
#define EXPORT_BYTES_MAX (INT64_C(1) << 30) /* behind it the document ends, and says so */

/* In a change that holds the caller's scope. ST_RATE_LIMITED, with when to come again, unless the last one was asked for
 * a day ago. */
status export_request(struct call *, struct change *) MUST_CHECK;
/* The caller's last one; nothing is set when there is none. A link is made when it is ready. */
status export_load(struct call *, Hubbub__V1__DataExport *ret) MUST_CHECK;
/* One step of the export that waits longest. *ret_more: there was one. */
status export_step(struct call *, bool *ret_more) MUST_CHECK;
/* Streams what the link leads to. ST_UNKNOWN_ASSET. */
status export_send(struct call *, const char *ticket) MUST_CHECK;
