/* audit.h - what was done to a guild and by whom: entries of audit_log, written inside the change that they tell of and
 * shown to those with VIEW_AUDIT_LOG. The reason is the call's (X-Audit-Log-Reason).
 *
 *   Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_ROLE_UPDATE, role_id);
 *   audit_compare(c, e, &hubbub__v1__role__wire, before, after, AUDIT_ROLE_FIELDS);
 *   status st = audit_add(c, ch, guild_id, e);
 *
 * Entries live in the call's arena. An update in which nothing differs is left out by audit_add. */
#pragma once
#include "hubbub/v1/moderation.pb-c.h"
#include "lib/wire/wire.h"
#include "services/chat/change.h"

/* PROTOCOL section 23. */
enum audit_action {
    AUDIT_GUILD_UPDATE = 1,
    AUDIT_CHANNEL_CREATE = 10,
    AUDIT_CHANNEL_UPDATE = 11,
    AUDIT_CHANNEL_DELETE = 12,
    AUDIT_OVERWRITE_CREATE = 13,
    AUDIT_OVERWRITE_UPDATE = 14,
    AUDIT_OVERWRITE_DELETE = 15,
    AUDIT_MEMBER_KICK = 20,
    AUDIT_MEMBER_PRUNE = 21,
    AUDIT_MEMBER_BAN_ADD = 22,
    AUDIT_MEMBER_BAN_REMOVE = 23,
    AUDIT_MEMBER_UPDATE = 24,
    AUDIT_MEMBER_ROLE_UPDATE = 25,
    AUDIT_MEMBER_MOVE = 26,
    AUDIT_MEMBER_DISCONNECT = 27,
    AUDIT_BOT_ADD = 28,
    AUDIT_ROLE_CREATE = 30,
    AUDIT_ROLE_UPDATE = 31,
    AUDIT_ROLE_DELETE = 32,
    AUDIT_INVITE_CREATE = 40,
    AUDIT_INVITE_DELETE = 42,
    AUDIT_WEBHOOK_CREATE = 50,
    AUDIT_WEBHOOK_UPDATE = 51,
    AUDIT_WEBHOOK_DELETE = 52,
    AUDIT_EMOJI_CREATE = 60,
    AUDIT_EMOJI_UPDATE = 61,
    AUDIT_EMOJI_DELETE = 62,
    AUDIT_MESSAGE_DELETE = 72,
    AUDIT_MESSAGE_BULK_DELETE = 73,
    AUDIT_MESSAGE_PIN = 74,
    AUDIT_MESSAGE_UNPIN = 75,
};
enum { AUDIT_DAYS = 45 }; /* how long entries are kept */

/* Names of the fields that are compared, NULL at the end. */
extern const char *const AUDIT_GUILD_FIELDS[], *const AUDIT_CHANNEL_FIELDS[],
                                                   *const AUDIT_ROLE_FIELDS[], *const AUDIT_MEMBER_FIELDS[],
                                                                                   *const AUDIT_INVITE_FIELDS[],
                                                                                       *const AUDIT_OVERWRITE_FIELDS[];
extern const char *const AUDIT_WEBHOOK_FIELDS[];

/* target_id 0: none. Done by nobody when the call has no user (a webhook's token). */
Hubbub__V1__AuditEntry *audit_entry(struct call *, enum audit_action, uint64_t target_id);
/* The entry's options, made at the first call. */
Hubbub__V1__AuditOptions *audit_options(struct call *, Hubbub__V1__AuditEntry *);
/* Adds a change for each field whose JSON differs. before NULL: it was made; after NULL: it was deleted. */
void audit_compare(struct call *, Hubbub__V1__AuditEntry *, const struct wire_message *, const void *before,
                   const void *after, const char *const *fields);
/* The change `key` ($add, $remove) of a member's roles; none when there are none. */
void audit_roles(struct call *, Hubbub__V1__AuditEntry *, const char *key, const Hubbub__V1__AuditRoles *);
/* Stores them and tells the guild, in this change: call it once all that the entries tell of is done. */
status audit_add_all(struct call *, struct change *, uint64_t guild_id, Hubbub__V1__AuditEntry *const *,
                     size_t n) MUST_CHECK;
static inline status MUST_CHECK audit_add(struct call *c, struct change *ch, uint64_t guild_id,
                                          Hubbub__V1__AuditEntry *e)
{
    return audit_add_all(c, ch, guild_id, &e, 1);
}
/* An act that has no changes. */
static inline status MUST_CHECK audit_act(struct call *c, struct change *ch, uint64_t guild_id,
                                          enum audit_action action, uint64_t target_id)
{
    return audit_add(c, ch, guild_id, audit_entry(c, action, target_id));
}
