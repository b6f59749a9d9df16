#!/usr/bin/env bash
# configuration.sh FOLDER: docs/configuration.md from the option tables of the programs in FOLDER (.build/bin, or Bazel's output).
set -euo pipefail
find_program() {
    local place
    for place in "$1/$2" "$1/services/$2/$2" "$1/tools/$2/$2"; do
        [ -f "$place" ] && [ -x "$place" ] && { realpath "$place"; return; }
    done
    echo "$2 is not in $1: build it first" >&2
    return 1
}

cat <<'END'
# Configuration

By the environment only. Each option NAME is also read from the file that NAME_FILE names, which suits secrets; both at once are
refused. A wrong value stops the start with one line. `PROGRAM --check-config` says whether the environment is right, and
`hubbub doctor` asks all of them. Made from the code by `tools/docs/update.sh`; a test compares.

## hubbub up

What a person sets. The supervisor gives each service its addresses, names and secret, and passes every other option on.

END
"$(find_program "$1" hubbub)" up --print-config-table
for service in gateway chat presence media; do
    printf '\n## %s\n\n' $service
    "$(find_program "$1" $service)" --print-config-table
done
