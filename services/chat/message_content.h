/* message_content.h - what the text of a message says: mentions, emptiness, size. Pure. PROTOCOL section 16. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "lib/base/arena.h"

enum { EMOJI_TOKENS_MAX = 500 }; /* of the longest text there can be no more */
enum { MENTIONS_MAX = 100, EMBED_TEXT_MAX = 6000 };
enum {
    MESSAGE_DEFAULT = 0,
    MESSAGE_RECIPIENT_ADD = 1,
    MESSAGE_RECIPIENT_REMOVE = 2,
    MESSAGE_CHANNEL_NAME_CHANGE = 4,
    MESSAGE_CHANNEL_ICON_CHANGE = 5,
    MESSAGE_CHANNEL_PINNED_MESSAGE = 6,
    MESSAGE_USER_JOIN = 7,
    MESSAGE_CHANNEL_FOLLOW_ADD = 12,
    MESSAGE_REPLY = 19
};
enum { SYSTEM_SUPPRESS_JOINS = 1 << 0 }; /* of guilds.system_channel_flags */
enum {
    FLAG_CROSSPOSTED = 1 << 0,
    FLAG_IS_CROSSPOST = 1 << 1,
    FLAG_SUPPRESS_EMBEDS = 1 << 2,
    FLAG_SOURCE_DELETED = 1 << 3,
    FLAG_SUPPRESS_NOTIFICATIONS = 1 << 12,
    FLAG_HAS_SNAPSHOT = 1 << 14
};

struct mentions {
    uint64_t users[MENTIONS_MAX],
        roles[MENTIONS_MAX]; /* each once, in the order of the text; more than fit are dropped */
    size_t n_users, n_roles;
    bool everyone; /* @everyone or @here */
};
/* What the content names: <@id>, <@!id>, <@&id>, @everyone, @here. */
void mentions_parse(const char *content, struct mentions *ret);
/* Keeps what allowed_mentions allows; NULL: everything. */
void mentions_allow(struct mentions *, const Hubbub__V1__AllowedMentions *or_null);
/* Whether the author of the message that is replied to is mentioned: said so, or nothing was said. */
bool mentions_replied_user(const Hubbub__V1__AllowedMentions *or_null);
/* The field whose list and parse exclude each other: "users", "roles"; NULL when all is well. */
const char *mentions_conflict(const Hubbub__V1__AllowedMentions *or_null);
void mentions_add_user(struct mentions *, uint64_t user_id);

/* A custom emoji as a text names it: <:name:id> or <a:name:id>. */
struct emoji_token {
    const char *name; /* in the text */
    size_t name_len, len;
    uint64_t id;
};
/* Whether one begins at `at`, which is a '<'. */
bool emoji_token_at(const char *at, struct emoji_token *ret);
/* The ids of the first max, each once. */
size_t emoji_tokens(const char *content, uint64_t *ret, size_t max);
/* What names an emoji that is not among the kept becomes its name, :name:. */
char *emoji_tokens_strip(struct arena *, const char *content, const uint64_t *kept, size_t n);

/* White space at both ends cut; NULL reads as "". */
char *content_trim(struct arena *, const char *or_null);
/* Code points of all text of the embeds: at most EMBED_TEXT_MAX. */
size_t embeds_text_length(Hubbub__V1__Embed *const *, size_t n);
/* Nothing to show: no text, no embed that says anything, no file, nothing forwarded. */
bool message_is_empty(const Hubbub__V1__Message *);
/* Written by a person and not by the system: may be edited and forwarded. */
static inline bool message_is_ordinary(int type)
{
    return type == MESSAGE_DEFAULT || type == MESSAGE_REPLY;
}
/* May be replied to: what a person wrote, and the greeting of who joined. */
static inline bool message_is_answerable(int type)
{
    return message_is_ordinary(type) || type == MESSAGE_USER_JOIN;
}
