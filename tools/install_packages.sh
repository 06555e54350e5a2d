#!/usr/bin/env bash
# Installs the packages of the named sections of packages.txt that are missing. Usage: install_packages.sh SECTION...
set -euo pipefail
here=$(dirname "$0")
missing=()
for section in "$@"; do
    while read -r package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done < <(sed -n "/^\[$section\]/,/^\[/{/^[a-z0-9]/p}" "$here/packages.txt")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "semtinel needs these Debian packages: ${missing[*]}" >&2
        echo "Install them as root: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi
as_root+=(env DEBIAN_FRONTEND=noninteractive) # sudo hands no variable on
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${as_root[@]}" apt-get update >"$log" 2>&1 || true
if ! "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "semtinel: apt-get could not install the packages above" >&2
    exit 1
fi
