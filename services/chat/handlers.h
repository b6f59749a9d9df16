/* handlers.h - the handler tables of chat, one a service, each defined in handle_<service>.c; main.c serves them. */
#pragma once
#include "hubbub/v1/accounts.hub.h"
#include "hubbub/v1/administration.hub.h"
#include "hubbub/v1/announcements.hub.h"
#include "hubbub/v1/channels.hub.h"
#include "hubbub/v1/emojis.hub.h"
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/files.hub.h"
#include "hubbub/v1/guilds.hub.h"
#include "hubbub/v1/instance.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "hubbub/v1/moderation.hub.h"
#include "hubbub/v1/own_account.hub.h"
#include "hubbub/v1/people.hub.h"
#include "hubbub/v1/read_states.hub.h"
#include "hubbub/v1/reports.hub.h"
#include "hubbub/v1/security.hub.h"
#include "hubbub/v1/settings.hub.h"
#include "hubbub/v1/voice.hub.h"
#include "hubbub/v1/webhooks.hub.h"

extern const struct hubbub__v1__accounts__handlers accounts_handlers;
extern const struct hubbub__v1__applications__handlers applications_handlers;
extern const struct hubbub__v1__auth_sessions__handlers auth_sessions_handlers;
extern const struct hubbub__v1__second_factor__handlers second_factor_handlers;
extern const struct hubbub__v1__emails__handlers emails_handlers;
extern const struct hubbub__v1__guilds__handlers guilds_handlers;
extern const struct hubbub__v1__roles__handlers roles_handlers;
extern const struct hubbub__v1__members__handlers members_handlers;
extern const struct hubbub__v1__channels__handlers channels_handlers;
extern const struct hubbub__v1__invites__handlers invites_handlers;
extern const struct hubbub__v1__search__handlers search_handlers;
extern const struct hubbub__v1__messages__handlers messages_handlers;
extern const struct hubbub__v1__reactions__handlers reactions_handlers;
extern const struct hubbub__v1__pins__handlers pins_handlers;
extern const struct hubbub__v1__bans__handlers bans_handlers;
extern const struct hubbub__v1__prunes__handlers prunes_handlers;
extern const struct hubbub__v1__audit__handlers audit_handlers;
extern const struct hubbub__v1__emojis__handlers emojis_handlers;
extern const struct hubbub__v1__directs__handlers directs_handlers;
extern const struct hubbub__v1__reading__handlers reading_handlers;
extern const struct hubbub__v1__relationships__handlers relationships_handlers;
extern const struct hubbub__v1__announcements__handlers announcements_handlers;
extern const struct hubbub__v1__webhooks__handlers webhooks_handlers;
extern const struct hubbub__v1__voices__handlers voices_handlers;
extern const struct hubbub__v1__settings__handlers settings_handlers;
extern const struct hubbub__v1__profiles__handlers profiles_handlers;
extern const struct hubbub__v1__files__handlers files_handlers;
extern const struct hubbub__v1__feeds__handlers feeds_handlers;
extern const struct hubbub__v1__administration__handlers administration_handlers;
extern const struct hubbub__v1__own_account__handlers own_account_handlers;
extern const struct hubbub__v1__instance__handlers instance_handlers;
extern const struct hubbub__v1__reports__handlers reports_handlers;
