#!/usr/bin/env bash
# Has systemd read the units, as they would be installed, and say how exposed they are. Exit code 0: all was as it should be.
set -euo pipefail
cd "$(dirname "$0")"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cp -r ./*.service unlearn-.service.d "$WORK"
# The program needn't be installed where the units look for it: any program will do to read them.
sed -i "s#/opt/unlearn/bin/unlearn#$(command -v true)#" "$WORK"/*.service
export SYSTEMD_UNIT_PATH=$WORK:
cd "$WORK"
systemd-analyze verify --man=no ./*.service 2>&1 | tee "$WORK/said"
[ ! -s "$WORK/said" ] || exit 1
for unit in ./*.service; do
    # In tenths, 100 the worst: what is left is network, sockets, and memory that compiled loops are loaded into.
    systemd-analyze security --offline=yes --no-pager --threshold=15 "$unit" | tail -1
done
