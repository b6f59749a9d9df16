#!/usr/bin/env bash
# interop.sh TEST SERVER CLIENT: runs the node test where it really lies, so that it finds the workspace's node_modules.
set -euo pipefail
test=$(readlink -f "$1")
PROBE_SERVER=$(readlink -f "$2")
PROBE_CLIENT=$(readlink -f "$3")
export PROBE_SERVER PROBE_CLIENT
exec node --test "$test"
