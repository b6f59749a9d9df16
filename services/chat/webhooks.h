/* webhooks.h - webhooks in the database, and what they post in the forms of Slack and GitHub. d: a lease or
 * change_db(). */
#pragma once
#include "hubbub/v1/webhooks.pb-c.h"
#include "services/chat/message_send.h"

enum { WEBHOOKS_OF_CHANNEL_MAX = 15, WEBHOOKS_OF_GUILD_MAX = 1000 };
enum { WEBHOOK_INCOMING = 1, WEBHOOK_FOLLOWER = 2 };
enum { WEBHOOK_TOKEN_N = 68 }; /* letters and digits: 400 bits */

/* As those who manage it see it. ST_UNKNOWN_WEBHOOK. */
status webhook_load(struct call *, struct db *, uint64_t id, Hubbub__V1__Webhook **ret) MUST_CHECK;
/* For who comes with the token: without the user that made it. ST_UNKNOWN_WEBHOOK, ST_BAD_WEBHOOK_TOKEN. */
status webhook_load_by_token(struct call *, struct db *, uint64_t id, const char *token,
                             Hubbub__V1__Webhook **ret) MUST_CHECK;
/* Of a channel, or (channel_id 0) of a guild, by id. */
status webhooks_load(struct call *, struct db *, uint64_t guild_id, uint64_t channel_id,
                     Hubbub__V1__WebhookList *ret) MUST_CHECK;
/* Those of the guild among ids, as everybody may see them: no token. */
status webhooks_load_shown(struct call *, struct db *, uint64_t guild_id, const uint64_t *ids, size_t n,
                           Hubbub__V1__WebhookList *ret) MUST_CHECK;
/* Stores it with a new id, filled in; the token of an incoming one is made. ST_MAX_WEBHOOKS, ST_MAX_GUILD_WEBHOOKS. */
status webhook_insert(struct call *, struct change *, Hubbub__V1__Webhook *) MUST_CHECK;
/* WEBHOOKS_UPDATE, to who views the channel. */
void webhook_add_update(struct call *, struct change *, uint64_t guild_id, uint64_t channel_id);
/* A name that a webhook may have. The 50035 leaf stands at `field`. */
status webhook_check_name(struct call *, const char *field, const char *name) MUST_CHECK;

/* What they post: a message's parts in the arena, cut to its limits. Pure. false: nothing to post. */
bool webhook_read_slack(struct arena *, const Hubbub__V1__SlackRequest *, Hubbub__V1__ExecuteWebhookRequest *ret);
bool webhook_read_github(struct arena *, const Hubbub__V1__GithubRequest *, Hubbub__V1__ExecuteWebhookRequest *ret);
