/* message_embeds.h - what of embeds no rule of a single field says: addresses, and the text of all of them together. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "lib/rpc/rpc.h"

/* ST_INVALID_FORM with the leaf: an address of another scheme than http and https (media also attachment), one without
 * a host, or over EMBED_TEXT_MAX code points in all. */
status embeds_check(struct call *, Hubbub__V1__Embed *const *, size_t n) MUST_CHECK;
