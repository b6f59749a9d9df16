/* main.c - `hubbub`: the local supervisor, and the operator's command line. One row a command. */
#include "tools/hubbub/commands.h"
#include "tools/hubbub/status_page.h"
#include "tools/hubbub/up.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *doc;
} commands[] = {
    {"up", up_main, "start Hubbub here: up [--gateways N] [--chats N]"},
    {"status", status_main, "what runs, and how much memory it holds"},
    {"restart", restart_main, "every service anew, one after the other, and nobody notices: restart [--gateways]"},
    {"doctor", doctor_main, "whether this machine and this instance are fit; what to do when not"},
    {"user", user_main, "accounts: create, list, password, disable, enable, delete, totp, token"},
    {"guild", guild_main, "guilds: list, delete"},
    {"invite", invite_main, "invites: create, list, delete"},
    {"bot", bot_main, "bots: create, list, token, delete"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
    fprintf(to, "hubbub COMMAND ...\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].doc);
    fprintf(to, "\nEach command takes --help. `hubbub up --help` lists the environment.\n");
}

/* What a command makes lives until it ends; a leak check under AddressSanitizer would only tell that. The services have none
 * of this. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int main(int argc, char **argv)
{
    for (int i = 0; argc > 1 && i < COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].main(argc - 1, argv + 1);
    bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"));
    print_help(help ? stdout : stderr);
    return help ? 0 : 2;
}
