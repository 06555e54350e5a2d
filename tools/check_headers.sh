#!/usr/bin/env bash
# Each public header compiles alone, as C and as C++.
set -euo pipefail
cd "$(dirname "$0")/.."
for header in include/semtinel/*.h edge/include/*.h; do
    [ -e "$header" ] || continue
    flags=(-Wall -Wextra -Werror -Iinclude -Iedge/include -fsyntax-only)
    cc -std=c11 -Wpedantic "${flags[@]}" -x c "$header" || { echo "$header: does not compile alone as C"; exit 1; }
    c++ -std=c++17 "${flags[@]}" -x c++ "$header" || { echo "$header: does not compile alone as C++"; exit 1; }
done
echo "headers: ok"
