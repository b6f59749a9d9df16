#!/usr/bin/env bash
# Goal: every planted bug of mutations.bzl is found within a bounded number of seeds. A crash counts as found: it fails a test.
set -uo pipefail
cd tests/sim
SEEDS=${MUTATION_SEEDS:-800}
missed=0 found=0
export CK_FORK=yes ASAN_OPTIONS=detect_leaks=0
[ -z "${TEST_SHARD_STATUS_FILE:-}" ] || touch "$TEST_SHARD_STATUS_FILE"
at=0
for mutant in mutant_*; do
    [ $((at++ % ${TEST_TOTAL_SHARDS:-1})) = "${TEST_SHARD_INDEX:-0}" ] || continue
    case $(tr -d '\0' <"$mutant" | grep -ac 'seeds from %llu') in
    0) arguments=(1 "$SEEDS") ;;   # the simulation
    *) arguments=() ;;             # a unit test with seeds of its own
    esac
    if said=$(timeout 120 ./"$mutant" "${arguments[@]}" 2>&1); then
        echo "MISSED ${mutant#mutant_}"
        missed=$((missed + 1))
    else
        echo "found  ${mutant#mutant_}: $(grep -aoE 'seed [0-9]+: .*|[a-z_]+\.c:[0-9]+:[FE]:.*|not JSON.*' <<<"$said" | head -1)"
        found=$((found + 1))
    fi
done
echo "$found found, $missed missed"
[ "$missed" = 0 ] && [ "$found" -gt 0 ]
