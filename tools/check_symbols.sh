#!/usr/bin/env bash
# Every symbol that the libraries show to other programs begins with smt_. Usage: check_symbols.sh BUILD
set -euo pipefail
[ $# = 1 ] || { sed -n '2s/^# //p' "$0"; exit 2; }
build=$1
symbols=$(nm -D --defined-only "$build/libsemtinel.so")
bad=$(awk '{print $3}' <<<"$symbols" | grep -v '^smt_' || true)
# A static library's hidden symbols do not leave the program that links it.
if [ -e "$build/libsemtinel_edge.a" ]; then
    bad+=$(readelf -Ws "$build/libsemtinel_edge.a" 2>/dev/null |
        awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" {print $8}' | grep -v '^smt_' || true)
fi
if [ -n "$bad" ]; then
    echo "exported symbols without the smt_ prefix:" "$bad"
    exit 1
fi
echo "symbols: ok"
