#define _GNU_SOURCE
#include "tools/hubbub/instance.h"
#include "lib/rpc/options.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *data_option, *listen_option, *public_url_option, *database_url_option, *redis_url_option, *bin_dir_option;

static const struct config_option options[] = {
    {.name = "HUBBUB_DATA", .type = CONFIG_STRING, .value = &data_option, .fallback = "",
     .doc = "folder of everything that Hubbub keeps; .hubbub in the checkout when empty"},
    {.name = "HUBBUB_LISTEN", .type = CONFIG_STRING, .value = &listen_option, .fallback = "127.0.0.1:8080",
     .doc = "the public address; gateway n also listens on port + n, and admin ports lie at port + 101 and above"},
    {.name = "HUBBUB_PUBLIC_URL", .type = CONFIG_STRING, .value = &public_url_option, .fallback = "",
     .doc = "the URL that people use; http:// and HUBBUB_LISTEN when empty"},
    {.name = "HUBBUB_DATABASE_URL", .type = CONFIG_STRING, .value = &database_url_option, .fallback = "", .secret = true,
     .doc = "a PostgreSQL 15 database that exists; a private server when empty"},
    {.name = "HUBBUB_REDIS_URL", .type = CONFIG_STRING, .value = &redis_url_option, .fallback = "", .secret = true,
     .doc = "a Redis that exists; a private server when empty"},
    {.name = "HUBBUB_BIN_DIR", .type = CONFIG_STRING, .value = &bin_dir_option, .fallback = "",
     .doc = "folder of the services' programs; where hubbub itself lies when empty"},
};
static const struct config_table own_options = {options, sizeof options / sizeof *options};

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("hubbub: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void give_up(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("hubbub: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(status);
}

static char *text_of(const char *format, va_list args)
{
    char *s;
    if (vasprintf(&s, format, args) < 0)
        give_up(1, "out of memory");
    return s;
}

char *text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *s = text_of(format, args);
    va_end(args);
    return s;
}

char *instance_path(const struct instance *in, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *rest = text_of(format, args), *path = text("%s/%s", in->data, rest);
    va_end(args);
    free(rest);
    return path;
}

/* The folder of this very program, through any symlink. The caller owns it. */
static char *own_folder(void)
{
    char *path = realpath("/proc/self/exe", NULL);
    if (!path)
        return text(".");
    char *slash = strrchr(path, '/');
    *slash = '\0';
    return path;
}

/* `./run` puts the programs into CHECKOUT/.build/bin: then the data lies in CHECKOUT, wherever one stands. */
static char *default_data(void)
{
    char *folder = own_folder(), *end = strstr(folder, "/.build/bin"), *cwd = NULL;
    if (end && !end[strlen("/.build/bin")])
        *end = '\0';
    else
        cwd = getcwd(NULL, 0);
    char *data = text("%s/.hubbub", cwd ? cwd : folder);
    free(folder);
    free(cwd);
    return data;
}

static char *absolute_data(const char *given)
{
    if (!*given)
        return default_data();
    if (*given == '/')
        return text("%s", given);
    char *cwd = getcwd(NULL, 0), *path = text("%s/%s", cwd ? cwd : "", given);
    free(cwd);
    return path;
}

/* "127.0.0.1:8080", "[::1]:8080" or ":8080". */
static void parse_listen(struct instance *in)
{
    const char *colon = strrchr(in->listen, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    size_t n = colon ? (size_t)(colon - in->listen) : 0;
    if (!colon || !*(colon + 1) || *end || port < 1 || port > 65535 - 200 || n >= sizeof in->host)
        give_up(2, "HUBBUB_LISTEN=%s: an address and a port from 1 to %d are needed, as 127.0.0.1:8080", in->listen, 65535 - 200);
    memcpy(in->host, in->listen, n);
    in->host[n] = '\0';
    in->port = (int)port;
}

static bool is_any_address(const char *host)
{
    return !*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "[::]") || !strcmp(host, "*");
}

void instance_load_options(const char *program, int argc, char **argv)
{
    const struct config_table tables[] = {own_options, rpc_options};
    config_load(program, argc, argv, tables, sizeof tables / sizeof *tables);
}

void instance_load(struct instance *in)
{
    instance_load_options("hubbub", 1, NULL);
    const char *wrong = rpc_options_check();
    if (wrong)
        give_up(2, "%s", wrong);
    char *data = absolute_data(data_option);
    for (size_t n = strlen(data); n > 1 && data[n - 1] == '/'; n--)
        data[n - 1] = '\0';
    if (strlen(data) > INSTANCE_PATH_MAX)
        give_up(2, "HUBBUB_DATA=%s: at most %d bytes, for sockets are made in it", data, INSTANCE_PATH_MAX);
    *in = (struct instance){.data = data, .listen = listen_option, .database_url = database_url_option,
                            .redis_url = redis_url_option, .bin_dir = bin_dir_option};
    parse_listen(in);
    in->public_url = *public_url_option ? public_url_option
                                        : text("http://%s:%d", is_any_address(in->host) ? "127.0.0.1" : in->host, in->port);
}

static void create_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        give_up(1, "cannot make %s: %s", path, strerror(errno));
}

/* hex: of INSTANCE_SECRET_HEX + 1 bytes. */
static bool read_hex(const struct instance *in, const char *name, char *hex)
{
    char *path = instance_path(in, "%s", name);
    FILE *f = fopen(path, "re");
    free(path);
    if (!f)
        return false;
    size_t n = fread(hex, 1, INSTANCE_SECRET_HEX, f);
    fclose(f);
    hex[n] = '\0';
    errno = EINVAL;
    return n == INSTANCE_SECRET_HEX;
}

static void create_hex(const struct instance *in, const char *name, char *hex)
{
    unsigned char bytes[INSTANCE_SECRET_HEX / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        give_up(1, "no randomness: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    char *path = instance_path(in, "%s", name), *new_path = instance_path(in, "%s.new", name);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%s\n", hex) < 0 || close(fd) < 0 || rename(new_path, path) < 0)
        give_up(1, "cannot write %s: %s", path, strerror(errno));
    free(path);
    free(new_path);
}

bool instance_read_secret(struct instance *in)
{
    return read_hex(in, "secret", in->secret);
}

void instance_create_folders(struct instance *in)
{
    /* Others may pass through $HUBBUB_DATA (PostgreSQL's own user must), but read only what is theirs. */
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = {{"run", 0700}, {"log", 0700}, {"media", 0700}};
    create_folder(in->data, 0711);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = instance_path(in, "%s", folders[i].name);
        create_folder(path, folders[i].mode);
        free(path);
    }
    if (!instance_read_secret(in))
        create_hex(in, "secret", in->secret);
    if (!read_hex(in, "seal-key", in->seal_key))
        create_hex(in, "seal-key", in->seal_key);
}

bool instance_lock(const struct instance *in, int *ret_pid)
{
    char *path = instance_path(in, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        give_up(1, "cannot open %s: %s", path, strerror(errno));
    free(path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ftruncate(fd, 0) == 0 && dprintf(fd, "%d\n", (int)getpid()) > 0; /* fd stays open: it is the lock */
    char pid[32] = "";
    ssize_t n = read(fd, pid, sizeof pid - 1);
    close(fd);
    *ret_pid = n > 0 ? atoi(pid) : 0;
    return false;
}

char *instance_program(const struct instance *in, const char *name)
{
    char *own = own_folder();
    char *places[] = {
        *in->bin_dir ? text("%s/%s", in->bin_dir, name) : NULL,
        *in->bin_dir ? text("%s/services/%s/%s", in->bin_dir, name, name) : NULL,
        text("%s/%s", own, name),
        text("%s/../../services/%s/%s", own, name, name),
    };
    char *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct stat st;
        bool is_program = places[i] && stat(places[i], &st) == 0 && S_ISREG(st.st_mode) && access(places[i], X_OK) == 0;
        if (!found && is_program)
            found = realpath(places[i], NULL); /* the services run in $HUBBUB_DATA */
        free(places[i]);
    }
    free(own);
    return found;
}

char *instance_web_dir(void)
{
    char *own = own_folder(), *place = text("%s/../../web/dist", own), *page = text("%s/index.html", place);
    char *found = access(page, R_OK) == 0 ? realpath(place, NULL) : NULL;
    free(page);
    free(place);
    free(own);
    return found;
}
