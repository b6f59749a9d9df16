#!/usr/bin/env bash
# The newcomer's way, checked: ./run builds and is ready; Ctrl-C ends it and leaves nothing; a second start, with nothing to
# build, is ready in under 5 s and finds its data. Prints "PASSED" or what failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
data=$(mktemp -d)
chmod 711 "$data"
export HUBBUB_DATA=$data HUBBUB_LISTEN=127.0.0.1:$((21000 + RANDOM % 8000)) # below the ports that clients are given
trap 'rm -rf "$data"' EXIT

fail() {
    echo "//run FAILED: $*"
    cat "$data/out"
    exit 1
}

# Starts ./run, waits at most $1 s until it is ready, and stops it by SIGINT.
start_and_stop() {
    local began now
    began=$(date +%s%N)
    setsid ./run >"$data/out" 2>&1 &
    local pid=$!
    until grep -q '^Hubbub is ready at http://127.0.0.1:' "$data/out"; do
        kill -0 $pid 2>/dev/null || fail "./run ended"
        now=$(date +%s%N)
        if [ $(((now - began) / 1000000000)) -ge "$1" ]; then
            kill -TERM $pid
            fail "not ready within $1 s"
        fi
        sleep 0.05
    done
    echo "ready after $((($(date +%s%N) - began) / 1000000)) ms"
    curl -sSf "http://$HUBBUB_LISTEN/ping" >/dev/null || fail "/ping does not answer"
    local pids
    pids=$(cat "$data"/run/*.pid)
    kill -INT $pid
    wait $pid || fail "./run ended with $?"
    for process in $pids; do
        kill -0 "$process" 2>/dev/null && fail "process $process outlived ./run"
    done
}

start_and_stop 900
account=$(stat -c %i "$data/postgres/cluster/PG_VERSION")
start_and_stop 5
[ "$account" = "$(stat -c %i "$data/postgres/cluster/PG_VERSION")" ] || fail "the data is new"
echo "//run PASSED"
