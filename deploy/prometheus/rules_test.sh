#!/usr/bin/env bash
# The alert rules parse, fire when they should and only then, are all tested, and speak only of metrics and labels that the code has.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
failed=0
complain() {
    echo "$*" >&2
    failed=1
}

cd "$here"
promtool check config prometheus.yml
promtool test rules alerts_test.yml

names=$("$here/../../tools/docs/metrics.pl" --names)
# In expressions only: annotations are for people.
used=$(sed '/^ *annotations:/,/^ *- alert:/{/- alert:/!d}' alerts.yml | grep -oE '\b(hubbub|process)_[a-z0-9_]+' | sort -u)
[ "$(wc -l <<<"$used")" -gt 10 ] || complain "only these metrics are found in alerts.yml: $used"
for metric in $used; do
    base=$(sed -E 's/_(bucket|sum|count)$//' <<<"$metric")
    if [ "$base" != "$metric" ] && grep -q "^$base histogram " <<<"$names"; then
        continue
    fi
    grep -qE "^$metric (counter|gauge) " <<<"$names" || complain "alerts.yml uses $metric, which no code declares"
done
while read -r alert; do
    for wanted in 'exp_labels' '\[\]'; do
        grep -A 2 "alertname: $alert\$" alerts_test.yml | grep -q "$wanted" || complain "alerts_test.yml has no test of $alert with $wanted"
    done
done < <(sed -n 's/^ *- alert: //p' alerts.yml)
exit $failed
