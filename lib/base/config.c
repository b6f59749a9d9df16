#include "lib/base/config.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {"text", "number", "yes|no", ""};

static void refuse(const char *program, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
static void refuse(const char *program, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (see %s --help)\n", program);
    va_end(args);
    exit(2);
}

static const char *read_file(const char *program, const char *name, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        refuse(program, "%s_FILE: cannot read %s: %s", name, path, strerror(errno));
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = getdelim(&text, &cap, '\0', f);
    fclose(f);
    if (n < 0)
        refuse(program, "%s_FILE: %s is empty", name, path);
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    return text;
}

static const char *given(const char *program, const struct config_option *o)
{
    char file_name[128];
    snprintf(file_name, sizeof file_name, "%s_FILE", o->name);
    const char *value = getenv(o->name), *path = getenv(file_name);
    if (value && path)
        refuse(program, "%s and %s are both set", o->name, file_name);
    if (path)
        return read_file(program, o->name, path);
    return value && *value ? value : o->fallback;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (!strncmp(c, value, n) && (c[n] == '|' || c[n] == '\0') && n > 0)
            return true;
    return false;
}

static void set_int(const char *program, const struct config_option *o, const char *text)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end || end == text || v < o->min || v > o->max)
        refuse(program, "%s=%s: a whole number from %lld to %lld is needed", o->name, text, (long long)o->min, (long long)o->max);
    *(int64_t *)o->value = v;
}

static void set_bool(const char *program, const struct config_option *o, const char *text)
{
    bool yes = is_choice("yes|true|1|on", text);
    if (!yes && !is_choice("no|false|0|off", text))
        refuse(program, "%s=%s: yes or no is needed", o->name, text);
    *(bool *)o->value = yes;
}

static void set_option(const char *program, const struct config_option *o)
{
    const char *text = given(program, o);
    if (!text)
        refuse(program, "%s must be set: %s", o->name, o->doc);
    if (o->type == CONFIG_INT) {
        set_int(program, o, text);
    } else if (o->type == CONFIG_BOOL) {
        set_bool(program, o, text);
    } else {
        if (o->type == CONFIG_CHOICE && !is_choice(o->choices, text))
            refuse(program, "%s=%s: one of %s is needed", o->name, text, o->choices);
        *(const char **)o->value = text;
    }
}

static void print_help(const char *program, const struct config_table *tables, unsigned n)
{
    printf("%s: configured by the environment; each NAME also as NAME_FILE\n\n", program);
    for (unsigned t = 0; t < n; t++)
        for (unsigned i = 0; i < tables[t].n; i++) {
            const struct config_option *o = &tables[t].options[i];
            printf("  %-28s %s\n  %-28s   %s%s", o->name, o->doc, "", o->type == CONFIG_CHOICE ? o->choices : type_names[o->type],
                   o->type == CONFIG_INT ? "" : "\n");
            if (o->type == CONFIG_INT)
                printf(" %lld..%lld\n", (long long)o->min, (long long)o->max);
            printf("  %-28s   default: %s\n", "", !o->fallback ? "none, must be set" : *o->fallback ? o->fallback : "empty");
        }
    printf("\n  --help           this page\n  --check-config   say whether the environment is right, and stop\n");
}

/* "" is written as "empty", a `|` of the choices as a comma: it would end the cell. */
static void print_values(const struct config_option *o)
{
    if (o->type == CONFIG_INT)
        printf("%lld to %lld", (long long)o->min, (long long)o->max);
    else if (o->type == CONFIG_BOOL)
        printf("`yes`, `no`");
    else if (o->type == CONFIG_STRING)
        printf("text%s", o->secret ? ", secret" : "");
    else
        for (const char *c = o->choices; *c;) {
            size_t n = strcspn(c, "|");
            printf("`%.*s`%s", (int)n, c, c[n] ? ", " : "");
            c += n + (c[n] == '|');
        }
}

static void print_markdown(const struct config_table *tables, unsigned n)
{
    printf("| option | values | default | meaning |\n| --- | --- | --- | --- |\n");
    for (unsigned t = 0; t < n; t++)
        for (unsigned i = 0; i < tables[t].n; i++) {
            const struct config_option *o = &tables[t].options[i];
            printf("| `%s` | ", o->name);
            print_values(o);
            const char *tick = o->fallback && *o->fallback ? "`" : "";
            const char *fallback = !o->fallback ? "must be set" : *o->fallback ? o->fallback : "empty";
            printf(" | %s%s%s | %s |\n", tick, fallback, tick, o->doc);
        }
}

void config_load(const char *program, int argc, char **argv, const struct config_table *tables, unsigned n)
{
    bool check = argc == 2 && !strcmp(argv[1], "--check-config");
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        print_help(program, tables, n);
        exit(0);
    }
    if (argc == 2 && !strcmp(argv[1], "--print-config-table")) {
        print_markdown(tables, n);
        exit(0);
    }
    if (argc > 1 && !check)
        refuse(program, "unknown argument %s", argv[1]);
    for (unsigned t = 0; t < n; t++)
        for (unsigned i = 0; i < tables[t].n; i++)
            set_option(program, &tables[t].options[i]);
    if (check) {
        printf("%s: the configuration is right\n", program);
        exit(0);
    }
}
