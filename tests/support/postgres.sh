#!/bin/bash
# A private PostgreSQL for one test: in a new directory under /tmp, on a unix socket, without fsync. Prints its URL, then obeys
# the lines of standard input, each answered with "ok": kill (at once, as a crash), start, pause (SIGSTOP all of it), resume.
# Ends, and removes everything, when standard input ends: that is, with the test, however it ends.
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
dir=$(mktemp -d "/tmp/hubbub-pg.XXXXXX")
pid=
as=()
if [[ $(id -u) -eq 0 ]]; then # PostgreSQL refuses to run as root
    chown postgres "$dir"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

everyone() {
    echo "$pid"
    pgrep -P "$pid" || true
}

kill_server() {
    [[ -n $pid ]] || return 0
    kill -CONT $(everyone) 2>/dev/null || true
    kill -QUIT "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=
}

finish() {
    kill_server
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' TERM INT HUP

start_server() {
    cd "$dir"
    "${as[@]}" "$bin/postgres" -D "$dir/data" -c fsync=off -c full_page_writes=off -c listen_addresses= -c unix_socket_directories="$dir" \
        -c max_connections=80 -c shared_buffers=64MB -c log_min_messages=fatal </dev/null >"$dir/log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        "$bin/pg_isready" -q -h "$dir" -d postgres && return 0
        kill -0 "$pid" 2>/dev/null || { cat "$dir/log" >&2; return 1; }
        sleep 0.05
    done
    return 1
}

cd "$dir"
"${as[@]}" "$bin/initdb" -D "$dir/data" -U hubbub -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
start_server
echo "postgresql://hubbub@/postgres?host=$dir"
while read -r command; do
    case $command in
    kill) kill_server ;;
    start) start_server ;;
    pause) kill -STOP $(everyone) ;;
    resume) kill -CONT $(everyone) ;;
    *) echo "unknown command $command" >&2 && exit 1 ;;
    esac
    echo ok
done
