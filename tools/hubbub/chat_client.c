#define _GNU_SOURCE
#include "tools/hubbub/chat_client.h"
#include "hubbub/v1/accounts.hub.h"
#include "tools/hubbub/instance.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- Arguments --------------------------------------------------------------------------------------------------------- */

static void print_verbs(FILE *to, const char *command, const struct verb *verbs, unsigned n, const char *more)
{
    for (unsigned i = 0; i < n; i++)
        fprintf(to, "hubbub %s %s\n    %s\n", command, verbs[i].usage, verbs[i].doc);
    fprintf(to, "\n%s", more);
}

int run_verb(int argc, char **argv, const struct verb *verbs, unsigned n, const char *more)
{
    for (unsigned i = 0; argc > 1 && i < n; i++)
        if (!strcmp(argv[1], verbs[i].name))
            return verbs[i].run(argc - 1, argv + 1);
    bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    print_verbs(help ? stdout : stderr, argv[0], verbs, n, more);
    return help ? 0 : 2;
}

const char *only_argument(int argc, char **argv, const char *what)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1])
            give_up(2, "%s: unknown option %s", argv[0], argv[i]);
    if (argc != 2)
        give_up(2, "%s: one argument is needed: %s", argv[0], what);
    return argv[1];
}

uint64_t parse_number(const char *what, const char *value, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (errno || *end || *value < '0' || *value > '9' || n > max)
        give_up(2, "%s %s: a number from 0 to %llu is needed", what, value, (unsigned long long)max);
    return n;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------- */

static int is_chat_socket(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return !strncmp(e->d_name, "chat-", 5) && n > 10 && !strcmp(e->d_name + n - 5, ".sock");
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

void chat_client_open(struct chat_client *c)
{
    static struct instance in;
    instance_load(&in);
    if (!instance_read_secret(&in) || chdir(in.data) < 0)
        give_up(1, "no Hubbub has run on %s yet", in.data);
    *c = (struct chat_client){.arena = arena_create(0), .secret = in.secret, .identity = {.admin = true}};
    c->targets = find_chats(c->arena);
    if (!*c->targets)
        give_up(1, "Hubbub does not run on %s", in.data);
}

/* "username: Username is unavailable.; password: ..." */
static const char *reason_of(struct chat_client *c, const struct rpc_result *r)
{
    const char *list = "";
    for (size_t i = 0; r->error && i < r->error->n_leaves; i++) {
        const Hubbub__V1__ErrorLeaf *leaf = r->error->leaves[i];
        list = arena_printf(c->arena, "%s%s%s: %s", list, i ? "; " : "", leaf->path, leaf->message);
    }
    if (*list)
        return list;
    bool told = r->error && r->error->message && *r->error->message;
    return told ? r->error->message : status_row(r->st)->text;
}

const void *chat_client_try(struct chat_client *c, const struct rpc_method *method, const void *request, const char *what, status allowed)
{
    struct rpc_result r = rpc_call_wait(c->targets, c->secret, method, request, &c->identity, 2 * method->timeout_ms, c->arena);
    if (r.st == ST_OK)
        return r.response;
    if (r.st != allowed)
        give_up(1, "%s: %s", printable(c, what), printable(c, reason_of(c, &r)));
    return NULL;
}

const void *chat_client_call(struct chat_client *c, const struct rpc_method *method, const void *request, const char *what)
{
    return chat_client_try(c, method, request, what, ST_OK);
}

void chat_client_act_as(struct chat_client *c, uint64_t user_id)
{
    c->identity.user_id = user_id;
}

/* ---- Finding ----------------------------------------------------------------------------------------------------------- */

static bool is_id(const char *s)
{
    return *s && strlen(s) <= 19 && s[strspn(s, "0123456789")] == '\0';
}

const Hubbub__V1__Account *find_account(struct chat_client *c, const char *name_or_id)
{
    Hubbub__V1__FindUserRequest by_name = HUBBUB__V1__FIND_USER_REQUEST__INIT;
    by_name.username = (char *)name_or_id;
    const Hubbub__V1__User *user = chat_client_try(c, &hubbub__v1__accounts__find_user__method, &by_name, name_or_id,
                                                   is_id(name_or_id) ? ST_UNKNOWN_USER : ST_OK);
    Hubbub__V1__UserRequest by_id = HUBBUB__V1__USER_REQUEST__INIT;
    PB_SET(&by_id, user_id, user ? user->id : strtoull(name_or_id, NULL, 10));
    return chat_client_call(c, &hubbub__v1__administration__get_account__method, &by_id, name_or_id);
}

const Hubbub__V1__GuildSummaryRow *find_guild(struct chat_client *c, const char *id)
{
    Hubbub__V1__GuildPage q = HUBBUB__V1__GUILD_PAGE__INIT;
    PB_SET(&q, guild_id, parse_number("guild", id, INT64_MAX));
    if (!q.guild_id)
        give_up(2, "guild %s: an id is needed (hubbub guild list)", id);
    const Hubbub__V1__GuildRows *rows = chat_client_call(c, &hubbub__v1__administration__list_guilds__method, &q, id);
    return rows->guilds[0];
}

/* ---- Printing ---------------------------------------------------------------------------------------------------------- */

const char *printable(struct chat_client *c, const char *text)
{
    char *copy = arena_strdup(c->arena, text ? text : "");
    for (unsigned char *s = (unsigned char *)copy; *s; s++) {
        bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0; /* U+0080 to U+009F */
        if (c1)
            *s++ = '?';
        if (c1 || *s < 0x20 || *s == 0x7f)
            *s = '?';
    }
    return copy;
}

const char *printable_time(struct chat_client *c, int64_t unix_ms)
{
    char buffer[32];
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M", &tm);
    return arena_strdup(c->arena, buffer);
}
