/* user.c - `hubbub user`: accounts. A password comes from the terminal (asked twice, not shown), from the first line of
 * standard input, or is made up with --generate; never from the command line, which every user of the machine can read. */
#define _GNU_SOURCE
#include "tools/hubbub/chat_client.h"
#include "tools/hubbub/commands.h"
#include "tools/hubbub/instance.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_BYTES_MAX = 1024, GENERATED = 20 };

/* ---- Passwords --------------------------------------------------------------------------------------------------------- */

static char *read_line(void)
{
    static char line[PASSWORD_BYTES_MAX];
    if (!fgets(line, sizeof line, stdin))
        give_up(2, "no password on standard input");
    line[strcspn(line, "\r\n")] = '\0';
    return text("%s", line);
}

static char *ask_hidden(const char *prompt)
{
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) < 0)
        return read_line();
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    char *line = read_line();
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return line;
}

/* 20 of 32 letters and digits, none of them alike: 100 bits. */
static char *generate_password(void)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char random[GENERATED];
    char password[GENERATED + 1] = "";
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        give_up(1, "no randomness");
    for (int i = 0; i < GENERATED; i++)
        password[i] = letters[random[i] % 32];
    return text("%s", password);
}

static char *get_password(bool generate)
{
    if (generate)
        return generate_password();
    if (!isatty(STDIN_FILENO))
        return read_line();
    char *password = ask_hidden("Password: "), *again = ask_hidden("Again: ");
    if (strcmp(password, again))
        give_up(2, "the two differ");
    return password;
}

/* ---- Verbs ------------------------------------------------------------------------------------------------------------- */

struct user_options {
    const char *name, *email;
    bool admin, generate;
};

static struct user_options parse_user(int argc, char **argv, const struct option *allowed)
{
    struct user_options o = {0};
    for (int c; (c = getopt_long(argc, argv, "", allowed, NULL)) != -1;) {
        if (c == 'e')
            o.email = optarg;
        else if (c == 'a')
            o.admin = true;
        else if (c == 'g')
            o.generate = true;
        else
            exit(2);
    }
    if (optind + 1 != argc)
        give_up(2, "user %s: one name is needed", argv[0]);
    o.name = argv[optind];
    return o;
}

static int create(int argc, char **argv)
{
    static const struct option allowed[] = {
        {"email", required_argument, NULL, 'e'}, {"admin", no_argument, NULL, 'a'}, {"generate", no_argument, NULL, 'g'}, {0}};
    struct user_options o = parse_user(argc, argv, allowed);
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__NewAccount q = HUBBUB__V1__NEW_ACCOUNT__INIT;
    q.username = (char *)o.name;
    q.email = (char *)o.email;
    q.password = get_password(o.generate);
    PB_SET(&q, admin, o.admin);
    const Hubbub__V1__Account *made = chat_client_call(&c, &hubbub__v1__administration__create_account__method, &q, o.name);
    printf("%" PRIu64 " %s%s\n", made->id, printable(&c, made->username), made->admin ? " (administrator)" : "");
    if (o.generate)
        printf("password %s\n", q.password);
    return 0;
}

static int list(int argc, char **argv)
{
    if (argc > 1)
        give_up(2, "user list takes no argument: %s", argv[1]);
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__AccountPage q = HUBBUB__V1__ACCOUNT_PAGE__INIT;
    PB_SET(&q, limit, 500);
    printf("%-19s  %-16s  %6s  %6s  %-8s  %s\n", "id", "created", "tokens", "guilds", "state", "name");
    for (const Hubbub__V1__AccountList *page;; PB_SET(&q, after, page->accounts[page->n_accounts - 1]->id)) {
        page = chat_client_call(&c, &hubbub__v1__administration__list_accounts__method, &q, "user list");
        for (size_t i = 0; i < page->n_accounts; i++) {
            const Hubbub__V1__Account *a = page->accounts[i];
            printf("%-19" PRIu64 "  %-16s  %6u  %6u  %-8s  %s\n", a->id, printable_time(&c, a->created_at), a->tokens, a->guilds,
                   a->disabled ? "disabled" : a->admin ? "admin" : "", printable(&c, a->username));
        }
        if (page->n_accounts == 0)
            return 0;
    }
}

static int password(int argc, char **argv)
{
    static const struct option allowed[] = {{"generate", no_argument, NULL, 'g'}, {0}};
    struct user_options o = parse_user(argc, argv, allowed);
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__SetPasswordRequest q = HUBBUB__V1__SET_PASSWORD_REQUEST__INIT;
    PB_SET(&q, user_id, find_account(&c, o.name)->id);
    q.password = get_password(o.generate);
    chat_client_call(&c, &hubbub__v1__administration__set_password__method, &q, o.name);
    if (o.generate)
        printf("password %s\n", q.password);
    else
        printf("%s has a new password; every token has ended\n", printable(&c, o.name));
    return 0;
}

static int set_disabled(int argc, char **argv, bool disabled)
{
    const char *name = only_argument(argc, argv, "a user's name or id");
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__SetDisabledRequest q = HUBBUB__V1__SET_DISABLED_REQUEST__INIT;
    PB_SET(&q, user_id, find_account(&c, name)->id);
    PB_SET(&q, disabled, disabled);
    chat_client_call(&c, &hubbub__v1__administration__set_disabled__method, &q, name);
    printf("%s is %s\n", printable(&c, name), disabled ? "disabled; every token has ended" : "enabled");
    return 0;
}

static int disable(int argc, char **argv)
{
    return set_disabled(argc, argv, true);
}

static int enable(int argc, char **argv)
{
    return set_disabled(argc, argv, false);
}

static int admin(int argc, char **argv)
{
    bool on = argc == 3 && !strcmp(argv[2], "on");
    if (argc != 3 || (!on && strcmp(argv[2], "off")))
        give_up(2, "user admin: USER on, or USER off");
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__SetAdminRequest q = HUBBUB__V1__SET_ADMIN_REQUEST__INIT;
    PB_SET(&q, user_id, find_account(&c, argv[1])->id);
    PB_SET(&q, admin, on);
    chat_client_call(&c, &hubbub__v1__administration__set_admin__method, &q, argv[1]);
    printf("%s is %s administrator of this instance\n", printable(&c, argv[1]), on ? "an" : "no");
    return 0;
}

static int delete(int argc, char **argv)
{
    const char *name = only_argument(argc, argv, "a user's name or id");
    struct chat_client c;
    chat_client_open(&c);
    const Hubbub__V1__Account *account = find_account(&c, name);
    Hubbub__V1__UserRequest q = HUBBUB__V1__USER_REQUEST__INIT;
    PB_SET(&q, user_id, account->id);
    chat_client_call(&c, &hubbub__v1__administration__delete_account__method, &q, name);
    printf("%s is deleted, and is deleted_user_%" PRIu64 " from now on\n", printable(&c, account->username), account->id);
    return 0;
}

static int token(int argc, char **argv)
{
    const char *name = only_argument(argc, argv, "a user's name or id");
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__UserRequest q = HUBBUB__V1__USER_REQUEST__INIT;
    PB_SET(&q, user_id, find_account(&c, name)->id);
    const Hubbub__V1__TokenResponse *made = chat_client_call(&c, &hubbub__v1__administration__issue_token__method, &q, name);
    printf("%s\n", made->token);
    return 0;
}

static int totp(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[2], "off"))
        give_up(2, "user totp: USER off");
    struct chat_client c;
    chat_client_open(&c);
    Hubbub__V1__UserRequest q = HUBBUB__V1__USER_REQUEST__INIT;
    PB_SET(&q, user_id, find_account(&c, argv[1])->id);
    chat_client_call(&c, &hubbub__v1__administration__drop_second_factor__method, &q, argv[1]);
    printf("%s logs in by the password alone\n", printable(&c, argv[1]));
    return 0;
}

int user_main(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"create", create, "create NAME [--email ADDRESS] [--admin] [--generate]", "Makes an account, whatever HUBBUB_REGISTRATION says."},
        {"list", list, "list", "Everybody, by age of the account."},
        {"password", password, "password USER [--generate]", "Sets a new password; every token of the person ends."},
        {"disable", disable, "disable USER", "Ends every token, closes the sockets, and lets nobody log in."},
        {"enable", enable, "enable USER", "Takes that back; the password is what it was."},
        {"admin", admin, "admin USER on|off", "An administrator answers reports and manages accounts in the web client."},
        {"delete", delete, "delete USER", "For good: name, e-mail, password and tokens go, guilds are left; messages stay."},
        {"totp", totp, "totp USER off", "Takes the second factor away: the authenticator and the recovery codes are lost."},
        {"token", token, "token USER", "Prints a new token, beside those that are there."},
    };
    return run_verb(argc, argv, verbs, sizeof verbs / sizeof *verbs,
                    "USER is a name, or an id. A password is asked for, or read from the first line of standard input, or made up\n"
                    "and printed with --generate. Hubbub must be running.\n");
}
