#!/usr/bin/env bash
# Builds the programs into .build/bin, when a source is newer than the last build. Bazel is not even asked otherwise: its
# server alone takes longer to start than Hubbub does.
set -euo pipefail
cd "$(dirname "$0")/../.."
programs=(services/chat/chat services/gateway/gateway services/media/convert/convert services/media/media services/presence/presence tools/hubbub/hubbub)
stamp=.build/stamp

tools/setup/build_web.sh || echo "The web client was not built: / will be a page of next steps"

is_fresh() {
    [ -e $stamp ] || return 1
    for program in "${programs[@]}"; do
        [ -x ".build/bin/${program##*/}" ] || return 1
    done
    [ -z "$(find WORKSPACE BUILD.bazel .bazelrc services lib protos tools third_party -newer $stamp -print -quit)" ]
}

is_fresh && exit 0
mkdir -p .build/bin
touch $stamp.new
targets=()
for program in "${programs[@]}"; do
    targets+=("//${program%/*}:${program##*/}")
done
echo "Building ${targets[*]}"
bazel build "${targets[@]}"
for program in "${programs[@]}"; do
    install -m 755 ".build/bazel-bin/$program" ".build/bin/${program##*/}.new"
    mv -f ".build/bin/${program##*/}.new" ".build/bin/${program##*/}" # a running one keeps its own file
done
mv $stamp.new $stamp
