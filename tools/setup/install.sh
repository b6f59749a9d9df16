#!/usr/bin/env bash
# Installs what is missing of packages.txt: `install.sh run` or `install.sh run test`. Says what it installs; sudo when not root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

wanted=()
while read -r who package; do
    [[ " $* " == *" $who "* ]] && wanted+=("$package")
done < <(grep -v '^#' "$here/packages.txt")

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)
missing=()
for package in "${wanted[@]}"; do
    case $package in # Node may be there from elsewhere than Debian
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
    esac
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing Debian packages${as_root:+ with sudo}: ${missing[*]}"
# A fresh PostgreSQL or Redis package would start a server of its own: Hubbub runs private ones.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
