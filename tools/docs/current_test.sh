#!/usr/bin/env bash
# current_test.sh PAGE: docs/PAGE.md is what the code says. Started by Bazel in the runfiles; the sources lie in the checkout.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
case $1 in
configuration) "$here/configuration.sh" . ;;
metrics) "$here/metrics.pl" ;;
esac >"$TEST_TMPDIR/$1.md"
diff -u "$here/../../docs/$1.md" "$TEST_TMPDIR/$1.md" || { echo "docs/$1.md is out of date: run tools/docs/update.sh" >&2; exit 1; }
