#!/usr/bin/env bash
# Writes docs/configuration.md and docs/metrics.md anew, from the programs that ./run built and from the sources.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/setup/build.sh
for page in configuration metrics; do
    case $page in
    configuration) tools/docs/configuration.sh .build/bin ;;
    metrics) tools/docs/metrics.pl ;;
    esac >docs/$page.md.new
    mv docs/$page.md.new docs/$page.md
done
