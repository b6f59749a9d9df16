/* config.h - the option table: one row an option, from which the environment, --help and --check-config come.
 * Every option HUBBUB_X is also read from the file that HUBBUB_X_FILE names (its last newline cut). A wrong value ends the
 * start with one clear line. Single-threaded; used once, in main(). */
#pragma once
#include "lib/base/status.h"
#include <stdint.h>

enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_BOOL, CONFIG_CHOICE };

struct config_option {
    const char *name; /* "HUBBUB_LISTEN" */
    enum config_type type;
    void *value;          /* const char ** for STRING and CHOICE, int64_t * for INT, bool * for BOOL */
    const char *fallback; /* the default, as text; NULL: the option must be given */
    int64_t min, max;     /* INT: the range */
    const char *choices;  /* CHOICE: "open|invite|closed" */
    const char *doc;      /* one line; units named */
    bool secret;          /* its value is never printed */
};
struct config_table {
    const struct config_option *options;
    unsigned n;
};

/* Reads all tables. On --help, --check-config or --print-config-table (Markdown, for docs/configuration.md): prints and
 * exits 0. On a wrong value or argument: one line on stderr, exit 2. Strings live as long as the process. */
void config_load(const char *program, int argc, char **argv, const struct config_table *tables, unsigned n);
