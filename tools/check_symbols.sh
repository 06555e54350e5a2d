#!/usr/bin/env bash
# Every symbol that the libraries show to other programs begins with smt_. Usage: check_symbols.sh BUILD
set -euo pipefail
build=$1
bad=$(nm -D --defined-only "$build/libsemtinel.so" | awk '{print $3}' | grep -v '^smt_' || true)
if [ -e "$build/libsemtinel_edge.a" ]; then
    bad+=$(nm -g --defined-only "$build/libsemtinel_edge.a" 2>/dev/null | awk 'NF == 3 {print $3}' | grep -v '^smt_' || true)
fi
if [ -n "$bad" ]; then
    echo "exported symbols without the smt_ prefix:" "$bad"
    exit 1
fi
echo "symbols: ok"
