/* invite.c - `hubbub invite`: in the name of the guild's owner, through the service that the owner would use. */
#include "hubbub/v1/channels.hub.h"
#include "tools/hubbub/chat_client.h"
#include "tools/hubbub/commands.h"
#include "tools/hubbub/instance.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

enum { AGE_MAX_S = 7 * 86400, USES_MAX = 100 };

static int create(int argc, char **argv)
{
    static const struct option allowed[] = {
        {"channel", required_argument, NULL, 'c'}, {"max-age", required_argument, NULL, 'a'}, {"max-uses", required_argument, NULL, 'u'}, {0}};
    Hubbub__V1__CreateInviteRequest q = HUBBUB__V1__CREATE_INVITE_REQUEST__INIT;
    PB_SET(&q, max_age, 0);
    PB_SET(&q, unique, true);
    for (int o; (o = getopt_long(argc, argv, "", allowed, NULL)) != -1;) {
        if (o == 'c')
            PB_SET(&q, channel_id, parse_number("--channel", optarg, INT64_MAX));
        else if (o == 'a')
            PB_SET(&q, max_age, (int32_t)parse_number("--max-age", optarg, AGE_MAX_S));
        else if (o == 'u')
            PB_SET(&q, max_uses, (int32_t)parse_number("--max-uses", optarg, USES_MAX));
        else
            exit(2);
    }
    if (optind + 1 != argc)
        give_up(2, "invite create: one guild's id is needed (hubbub guild list)");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__GuildSummaryRow *guild = find_guild(&c, argv[optind]);
    if (!q.channel_id)
        PB_SET(&q, channel_id, guild->invite_channel_id);
    if (!q.channel_id)
        give_up(1, "guild %" PRIu64 " has no text channel: name another with --channel", guild->id);
    chat_client_act_as(&c, guild->owner_id);
    const Hubbub__V1__Invite *made = chat_client_call(&c, &hubbub__v1__invites__create__method, &q, "invite create");
    printf("%s\n", made->code);
    return 0;
}

static const char *uses_of(struct chat_client *c, const Hubbub__V1__Invite *i)
{
    return i->max_uses ? arena_printf(c->arena, "%d/%d", i->uses, i->max_uses) : arena_printf(c->arena, "%d", i->uses);
}

static int list(int argc, char **argv)
{
    const char *id = only_argument(argc, argv, "a guild's id");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__GuildSummaryRow *guild = find_guild(&c, id);
    Hubbub__V1__GuildChannelsRequest q = HUBBUB__V1__GUILD_CHANNELS_REQUEST__INIT;
    PB_SET(&q, guild_id, guild->id);
    chat_client_act_as(&c, guild->owner_id);
    const Hubbub__V1__InviteList *found = chat_client_call(&c, &hubbub__v1__invites__list_of_guild__method, &q, id);
    printf("%-10s  %7s  %-16s  %-32s  %s\n", "code", "uses", "expires", "inviter", "channel");
    for (size_t i = 0; i < found->n_invites; i++) {
        const Hubbub__V1__Invite *v = found->invites[i];
        printf("%-10s  %7s  %-16s  %-32s  %s\n", v->code, uses_of(&c, v), v->has_expires_at ? printable_time(&c, v->expires_at) : "never",
               printable(&c, v->inviter ? v->inviter->username : ""), printable(&c, v->channel->name));
    }
    return 0;
}

static int delete(int argc, char **argv)
{
    const char *code = only_argument(argc, argv, "an invite's code");
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__InviteRequest q = HUBBUB__V1__INVITE_REQUEST__INIT;
    q.code = (char *)code;
    const Hubbub__V1__Invite *invite = chat_client_call(&c, &hubbub__v1__invites__get__method, &q, code);
    Hubbub__V1__GuildPage one = HUBBUB__V1__GUILD_PAGE__INIT;
    PB_SET(&one, guild_id, invite->guild_id);
    const Hubbub__V1__GuildRows *rows = chat_client_call(&c, &hubbub__v1__administration__list_guilds__method, &one, code);
    chat_client_act_as(&c, rows->guilds[0]->owner_id);
    chat_client_call(&c, &hubbub__v1__invites__delete__method, &q, code);
    printf("invite %s is deleted\n", printable(&c, code));
    return 0;
}

int invite_main(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"create", create, "create GUILD [--channel ID] [--max-age SECONDS] [--max-uses N]", "Prints a new code; by default it never expires."},
        {"list", list, "list GUILD", "The codes of a guild that can be used."},
        {"delete", delete, "delete CODE", "The code ends at once."},
    };
    return run_verb(argc, argv, verbs, sizeof verbs / sizeof *verbs,
                    "GUILD is an id (hubbub guild list). The invite is made in the name of the guild's owner. Hubbub must be running.\n");
}
