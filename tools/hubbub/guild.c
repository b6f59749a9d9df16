/* guild.c - `hubbub guild`. A guild is deleted in its owner's name, through the service that the owner would use. */
#include "hubbub/v1/guilds.hub.h"
#include "tools/hubbub/chat_client.h"
#include "tools/hubbub/commands.h"
#include "tools/hubbub/instance.h"
#include <inttypes.h>

static int list(int argc, char **argv)
{
    if (argc > 1)
        give_up(2, "guild list takes no argument: %s", argv[1]);
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__GuildPage q = HUBBUB__V1__GUILD_PAGE__INIT;
    PB_SET(&q, limit, 500);
    printf("%-19s  %7s  %8s  %-32s  %s\n", "id", "members", "channels", "owner", "name");
    for (const Hubbub__V1__GuildRows *page;; PB_SET(&q, after, page->guilds[page->n_guilds - 1]->id)) {
        page = chat_client_call(&c, &hubbub__v1__administration__list_guilds__method, &q, "guild list");
        for (size_t i = 0; i < page->n_guilds; i++) {
            const Hubbub__V1__GuildSummaryRow *g = page->guilds[i];
            printf("%-19" PRIu64 "  %7u  %8u  %-32s  %s\n", g->id, g->members, g->channels, printable(&c, g->owner_username),
                   printable(&c, g->name));
        }
        if (page->n_guilds == 0)
            return 0;
    }
}

static int delete(int argc, char **argv)
{
    const char *id = only_argument(argc, argv, "a guild's id");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__GuildSummaryRow *guild = find_guild(&c, id);
    Hubbub__V1__GuildRequest q = HUBBUB__V1__GUILD_REQUEST__INIT;
    PB_SET(&q, guild_id, guild->id);
    chat_client_act_as(&c, guild->owner_id);
    chat_client_call(&c, &hubbub__v1__guilds__delete__method, &q, id);
    printf("guild %" PRIu64 " \"%s\" is deleted\n", guild->id, printable(&c, guild->name));
    return 0;
}

int guild_main(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"list", list, "list", "Every guild, by age."},
        {"delete", delete, "delete ID", "For good, with its channels and roles; its members are told."},
    };
    return run_verb(argc, argv, verbs, sizeof verbs / sizeof *verbs, "Hubbub must be running.\n");
}
