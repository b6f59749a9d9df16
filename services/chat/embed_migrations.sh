#!/bin/bash
# Writes the migrations given as arguments, in the order of their names, as the C table of migrate.h to standard output.
set -euo pipefail
echo '#include "services/chat/migrate.h"'
i=0
last=0
for file in $(printf '%s\n' "$@" | sort); do
    name=$(basename "$file" .sql)
    [[ $name =~ ^[0-9]{4}_[a-z0-9_]+$ ]] || { echo "$file: named NNNN_words.sql it must be" >&2; exit 1; }
    [[ $((10#${name%%_*})) -gt $last ]] || { echo "$file: number $last is there already" >&2; exit 1; }
    last=$((10#${name%%_*}))
    echo "static const char text_$i[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '0x00};'
    names[i++]=$name
done
echo 'const struct migration migrations[] = {'
for j in "${!names[@]}"; do
    echo "    {$((10#${names[j]%%_*})), \"${names[j]}\", text_$j},"
done
echo '};'
echo "const unsigned n_migrations = $i;"
