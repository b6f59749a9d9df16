/* message_rows.h - rows of messages to protobuf and back. Aliases: x messages, u users (the author; outer: it may be
 * gone). */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "services/chat/rows.h"

#define ROWS_MESSAGE                                                                                                   \
    "x.id, x.channel_id, x.type, x.flags, " ROWS_MS("x.edited_at") ", x.content, x.extra, x.author_id, "               \
                                                                   "x.pinned_at IS NOT NULL, " ROWS_USER
enum { ROWS_MESSAGE_N = 9 + ROWS_USER_N };
/* A page of channel $1, newest first: by the primary key, beyond $2, at most $3 rows; then their authors. */
#define MESSAGE_PAGE_SQL(where, order)                                                                                 \
    "SELECT " ROWS_MESSAGE " FROM (SELECT * FROM messages WHERE channel_id = $1 AND id " where                         \
    " $2 ORDER BY id " order " LIMIT $3) x LEFT JOIN users u ON u.id = x.author_id ORDER BY x.id DESC"
/* As GET shows it. public_url makes the addresses of its attachments. */
Hubbub__V1__Message *rows_message(struct arena *, const struct db_rows *, unsigned row, unsigned col,
                                  const char *public_url);

/* messages.extra of the message: what has no column. NULL and 0 when there is nothing. */
const void *message_pack_extra(struct arena *, const Hubbub__V1__Message *, size_t *ret_n);
/* The files whose rows belong to the message: its own, or those of what it forwards. */
Hubbub__V1__Attachment **message_files(const Hubbub__V1__Message *, size_t *ret_n);
/* {folder}/{filename}, the name encoded. */
char *message_file_url(struct arena *, const char *folder, const Hubbub__V1__Attachment *);
/* {public_url}/attachments/{channel}/{id}/{filename} into url and proxy_url. */
void message_set_urls(struct arena *, Hubbub__V1__Message *, const char *public_url);
/* As an event shows it: with guild_id and the author's member, or (guild_id 0: a DM) the channel's type; shares the
 * rest with m. */
Hubbub__V1__Message *message_for_event(struct arena *, const Hubbub__V1__Message *m, uint64_t guild_id,
                                       int channel_type, Hubbub__V1__Member *or_null);
