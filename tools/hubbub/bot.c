/* bot.c - `hubbub bot`: applications and their bots, in the name of the person who owns them. */
#include "hubbub/v1/accounts.hub.h"
#include "tools/hubbub/chat_client.h"
#include "tools/hubbub/commands.h"
#include "tools/hubbub/instance.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Application flags that approve the privileged intents: presences, members, message content, each with its twin for
 * applications in few guilds (PROTOCOL section 26). */
#define INTENTS_APPROVED ((UINT64_C(1) << 12) | (1 << 13) | (1 << 14) | (1 << 15) | (1 << 18) | (1 << 19))

struct request {
    const char *name, *owner;
    uint64_t guild_id, permissions;
};

static struct request parse_create(int argc, char **argv)
{
    static const struct option options[] = {
        {"owner", required_argument, NULL, 'o'}, {"guild", required_argument, NULL, 'g'}, {"permissions", required_argument, NULL, 'p'}, {0}};
    struct request r = {.permissions = 8};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'o')
            r.owner = optarg;
        else if (c == 'g')
            r.guild_id = parse_number("--guild", optarg, INT64_MAX);
        else if (c == 'p')
            r.permissions = parse_number("--permissions", optarg, INT64_MAX);
        else
            exit(2);
    }
    if (optind + 1 != argc || !r.owner)
        give_up(2, "hubbub bot create NAME --owner USER [--guild ID [--permissions N]]");
    r.name = argv[optind];
    return r;
}

static uint64_t create_application(struct chat_client *c, const char *name)
{
    Hubbub__V1__CreateApplicationRequest q = HUBBUB__V1__CREATE_APPLICATION_REQUEST__INIT;
    q.name = (char *)name;
    const Hubbub__V1__Application *made = chat_client_call(c, &hubbub__v1__applications__create__method, &q, name);
    uint64_t id = made->id;
    uint32_t present[] = {4}; /* flags */
    Hubbub__V1__EditApplicationRequest edit = HUBBUB__V1__EDIT_APPLICATION_REQUEST__INIT;
    PB_SET(&edit, application_id, id);
    PB_SET(&edit, flags, INTENTS_APPROVED);
    edit.n_present = 1;
    edit.present = present;
    chat_client_call(c, &hubbub__v1__applications__edit__method, &edit, "approving the intents");
    return id;
}

static const char *renew_token(struct chat_client *c, uint64_t application_id)
{
    Hubbub__V1__ApplicationRequest q = HUBBUB__V1__APPLICATION_REQUEST__INIT;
    PB_SET(&q, application_id, application_id);
    const Hubbub__V1__BotTokenResponse *bot = chat_client_call(c, &hubbub__v1__applications__create_bot__method, &q, "making the token");
    return bot->token;
}

static void join_guild(struct chat_client *c, uint64_t application_id, const struct request *r)
{
    Hubbub__V1__AuthorizeRequest q = HUBBUB__V1__AUTHORIZE_REQUEST__INIT;
    PB_SET(&q, client_id, application_id);
    PB_SET(&q, guild_id, r->guild_id);
    PB_SET(&q, permissions, r->permissions);
    PB_SET(&q, authorize, 1);
    q.scope = "bot";
    chat_client_call(c, &hubbub__v1__applications__authorize__method, &q, "joining the guild");
}

static int create(int argc, char **argv)
{
    struct request r = parse_create(argc, argv);
    struct chat_client c;
    chat_client_open(&c);
    chat_client_act_as(&c, find_account(&c, r.owner)->id);
    uint64_t application_id = create_application(&c, r.name);
    const char *token = renew_token(&c, application_id);
    if (r.guild_id)
        join_guild(&c, application_id, &r);
    printf("%s\n", token);
    return 0;
}

static int list(int argc, char **argv)
{
    if (argc > 1)
        give_up(2, "bot list takes no argument: %s", argv[1]);
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__BotQuery q = HUBBUB__V1__BOT_QUERY__INIT;
    PB_SET(&q, limit, 500);
    printf("%-19s  %6s  %-6s  %-32s  %s\n", "id", "guilds", "bot", "owner", "name");
    for (const Hubbub__V1__BotRows *page;; PB_SET(&q, after, page->bots[page->n_bots - 1]->application_id)) {
        page = chat_client_call(&c, &hubbub__v1__administration__list_bots__method, &q, "bot list");
        for (size_t i = 0; i < page->n_bots; i++) {
            const Hubbub__V1__BotRow *b = page->bots[i];
            printf("%-19" PRIu64 "  %6u  %-6s  %-32s  %s\n", b->application_id, b->guilds, b->has_bot ? "yes" : "none",
                   printable(&c, b->owner_username), printable(&c, b->name));
        }
        if (page->n_bots == 0)
            return 0;
    }
}

/* By the application's id, or by its name when no other has it. */
static const Hubbub__V1__BotRow *find_bot(struct chat_client *c, const char *name_or_id)
{
    Hubbub__V1__BotQuery q = HUBBUB__V1__BOT_QUERY__INIT;
    q.name = (char *)name_or_id;
    const Hubbub__V1__BotRows *found = chat_client_call(c, &hubbub__v1__administration__list_bots__method, &q, name_or_id);
    bool digits = *name_or_id && strlen(name_or_id) <= 19 && !name_or_id[strspn(name_or_id, "0123456789")];
    if (found->n_bots == 0 && digits && strtoull(name_or_id, NULL, 10)) {
        q.name = NULL;
        PB_SET(&q, application_id, strtoull(name_or_id, NULL, 10));
        found = chat_client_call(c, &hubbub__v1__administration__list_bots__method, &q, name_or_id);
    }
    if (found->n_bots == 0)
        give_up(1, "there is no bot %s", printable(c, name_or_id));
    if (found->n_bots > 1)
        give_up(1, "%zu bots are called %s: name one by its id (hubbub bot list)", found->n_bots, printable(c, name_or_id));
    return found->bots[0];
}

static int token(int argc, char **argv)
{
    const char *name = only_argument(argc, argv, "a bot's name or id");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__BotRow *bot = find_bot(&c, name);
    chat_client_act_as(&c, bot->owner_id);
    printf("%s\n", renew_token(&c, bot->application_id));
    return 0;
}

static int delete(int argc, char **argv)
{
    const char *name = only_argument(argc, argv, "a bot's name or id");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__BotRow *bot = find_bot(&c, name);
    Hubbub__V1__ApplicationRequest q = HUBBUB__V1__APPLICATION_REQUEST__INIT;
    PB_SET(&q, application_id, bot->application_id);
    chat_client_act_as(&c, bot->owner_id);
    chat_client_call(&c, &hubbub__v1__applications__delete__method, &q, name);
    printf("bot %" PRIu64 " \"%s\" is deleted\n", bot->application_id, printable(&c, bot->name));
    return 0;
}

int bot_main(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"create", create, "create NAME --owner USER [--guild ID [--permissions N]]",
         "Makes a bot and prints its token, all privileged intents approved."},
        {"list", list, "list", "Every application and whether it has a bot."},
        {"token", token, "token BOT", "Prints a new token; the old one ends."},
        {"delete", delete, "delete BOT", "The bot leaves its guilds and its token ends; what it wrote stays."},
    };
    return run_verb(argc, argv, verbs, sizeof verbs / sizeof *verbs,
                    "With --guild, the new bot joins that guild, with a role of the permissions N (default 8: administrator); the\n"
                    "owner needs the permission to manage the guild. BOT is an id, or a name that one bot has. Hubbub must be running.\n");
}
