/* bot.c - asks chat over gRPC, as one of the cluster's own (the secret in $HUBBUB_DATA), on behalf of the bot's owner. */
#include "tools/hubbub/bot.h"
#include "hubbub/v1/accounts.hub.h"
#include "lib/base/arena.h"
#include "lib/rpc/rpc.h"
#include "tools/hubbub/instance.h"
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL_MS = 10000 };
/* Application flags that approve the privileged intents: presences, members, message content, each with its twin for
 * applications in few guilds (PROTOCOL section 26). */
#define INTENTS_APPROVED ((UINT64_C(1) << 12) | (1 << 13) | (1 << 14) | (1 << 15) | (1 << 18) | (1 << 19))

struct request {
    const char *name, *owner;
    uint64_t guild_id, permissions;
};
struct client {
    struct arena *arena;
    const char *targets, *secret;
    struct rpc_identity owner;
};

static void print_usage(void)
{
    printf("hubbub bot create NAME --owner USERNAME [--guild ID [--permissions N]]\n\n"
           "Makes a bot and prints its token, all privileged intents approved. With --guild, the bot joins that guild, with a\n"
           "role of the permissions N (default 8: administrator); the owner needs the permission to manage the guild.\n"
           "Hubbub must be running.\n");
}

static uint64_t parse_number(const char *option, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (errno || *end || end == value || *value == '-')
        give_up(2, "--%s %s: a number is needed", option, value);
    return n;
}

static struct request parse_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"owner", required_argument, NULL, 'o'}, {"guild", required_argument, NULL, 'g'},
                                            {"permissions", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct request r = {.permissions = 8};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'o')
            r.owner = optarg;
        else if (c == 'g')
            r.guild_id = parse_number("guild", optarg);
        else if (c == 'p')
            r.permissions = parse_number("permissions", optarg);
        else if (c == 'h')
            print_usage(), exit(0);
        else
            exit(2);
    }
    if (optind + 2 != argc || strcmp(argv[optind], "create") || !r.owner)
        give_up(2, "hubbub bot create NAME --owner USERNAME [--guild ID [--permissions N]]");
    r.name = argv[optind + 1];
    return r;
}

static int is_chat_socket(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return !strncmp(e->d_name, "chat-", 5) && n > 5 && !strcmp(e->d_name + n - 5, ".sock");
}

/* Relative to $HUBBUB_DATA, where this process stands by now. */
static const char *find_chats(struct arena *arena)
{
    struct dirent **files;
    int n = scandir("run", &files, is_chat_socket, alphasort);
    const char *list = "";
    for (int i = 0; i < n; i++) {
        list = arena_printf(arena, "%s%sunix:run/%s", list, i ? "," : "", files[i]->d_name);
        free(files[i]);
    }
    if (n > 0)
        free(files);
    return list;
}

/* The response, or the end of the process with what chat said. */
static const ProtobufCMessage *call(struct client *c, const struct rpc_method *method, const void *request, const char *what)
{
    struct rpc_result r = rpc_call_wait(c->targets, c->secret, method, request, &c->owner, CALL_MS, c->arena);
    if (r.st == ST_OK)
        return r.response;
    bool told = r.error && r.error->message && *r.error->message;
    give_up(1, "%s: %s", what, told ? r.error->message : status_row(r.st)->text);
}

static void find_owner(struct client *c, const char *username)
{
    Hubbub__V1__FindUserRequest q = HUBBUB__V1__FIND_USER_REQUEST__INIT;
    q.username = (char *)username;
    const Hubbub__V1__User *user = (const void *)call(c, &hubbub__v1__accounts__find_user__method, &q, username);
    c->owner.user_id = user->id;
}

static uint64_t create_application(struct client *c, const char *name)
{
    Hubbub__V1__CreateApplicationRequest q = HUBBUB__V1__CREATE_APPLICATION_REQUEST__INIT;
    q.name = (char *)name;
    const Hubbub__V1__Application *made = (const void *)call(c, &hubbub__v1__applications__create__method, &q, name);
    uint64_t id = made->id;
    uint32_t present[] = {4}; /* flags */
    Hubbub__V1__EditApplicationRequest edit = HUBBUB__V1__EDIT_APPLICATION_REQUEST__INIT;
    PB_SET(&edit, application_id, id);
    PB_SET(&edit, flags, INTENTS_APPROVED);
    edit.n_present = 1;
    edit.present = present;
    call(c, &hubbub__v1__applications__edit__method, &edit, "approving the intents");
    return id;
}

static const char *create_bot(struct client *c, uint64_t application_id)
{
    Hubbub__V1__ApplicationRequest q = HUBBUB__V1__APPLICATION_REQUEST__INIT;
    PB_SET(&q, application_id, application_id);
    const Hubbub__V1__BotTokenResponse *bot = (const void *)call(c, &hubbub__v1__applications__create_bot__method, &q, "making the bot");
    return bot->token;
}

static void join_guild(struct client *c, uint64_t application_id, const struct request *r)
{
    Hubbub__V1__AuthorizeRequest q = HUBBUB__V1__AUTHORIZE_REQUEST__INIT;
    PB_SET(&q, client_id, application_id);
    PB_SET(&q, guild_id, r->guild_id);
    PB_SET(&q, permissions, r->permissions);
    PB_SET(&q, authorize, 1);
    q.scope = "bot";
    call(c, &hubbub__v1__applications__authorize__method, &q, "joining the guild");
}

int bot_main(int argc, char **argv)
{
    struct instance in;
    struct request r = parse_arguments(argc, argv);
    struct client c = {.arena = arena_create(0), .owner = {.admin = true}};
    instance_load(&in);
    if (!instance_read_secret(&in) || chdir(in.data) < 0)
        give_up(1, "no Hubbub has run on %s yet", in.data);
    c.secret = in.secret;
    c.targets = find_chats(c.arena);
    if (!*c.targets)
        give_up(1, "Hubbub does not run on %s", in.data);
    find_owner(&c, r.owner);
    uint64_t application_id = create_application(&c, r.name);
    const char *token = create_bot(&c, application_id);
    if (r.guild_id)
        join_guild(&c, application_id, &r);
    printf("%s\n", token);
    arena_destroy(c.arena);
    return 0;
}
