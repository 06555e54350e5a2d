#!/usr/bin/env bash
# Includes point one way. A file of src/NAME may include public headers and private headers of NAME itself and of the
# modules that cmake/modules.cmake lists for it; edge/ includes nothing but edge/ and freestanding C headers.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0

allowed() { # module -> the modules that it may use, itself included
    local line
    line=$(grep -E "^smt_module\($1[ )]" cmake/modules.cmake || true)
    line=${line#*MODULES }
    case "$line" in smt_module*) line= ;; esac
    echo "$1 ${line%%LIBRARIES*}" | tr -d ')'
}
# Public headers that belong to a module of another name.
owner() {
    local header=$1
    case "$header" in
    audit | augment | loader | split | sem) echo data ;;
    adapt | optimizer) echo train ;;
    csource) echo format ;;
    precision) echo report ;;
    *) echo "$header" ;;
    esac
}

for folder in src/*/; do
    module=$(basename "$folder")
    [ "$module" = cli ] && continue
    may=" $(allowed "$module" | tr '\n' ' ') "
    while IFS=: read -r file _ include; do
        target=$(sed -E 's/.*[<"]([^">]+)[">].*/\1/' <<<"$include")
        case "$target" in
        semtinel/*.h) used=$(owner "$(basename "$target" .h)") ;;
        edge.h | edge/*) used=edge ;;
        */*.h) used=${target%%/*}; [ -d "src/$used" ] || continue ;;
        *) continue ;;
        esac
        case "$may" in
        *" $used "*) ;;
        *) echo "$file: includes $target, but $module may not use $used"; status=1 ;;
        esac
    done < <(grep -nE '^ *# *include' "$folder"*.c "$folder"*.h 2>/dev/null || true)
done

while IFS=: read -r file _ include; do
    target=$(sed -E 's/.*[<"]([^">]+)[">].*/\1/' <<<"$include")
    case "$target" in
    stdarg.h | stddef.h | stdint.h | stdbool.h | limits.h | float.h | immintrin.h | arm_neon.h | arm_acle.h | cpuid.h) ;;
    *) [ -n "$(find edge -name "$(basename "$target")" -print -quit)" ] || {
        echo "$file: includes $target; edge may include only itself and freestanding headers"
        status=1
    } ;;
    esac
done < <(grep -rnE '^ *# *include' edge --include='*.c' --include='*.h')

# Objects of edge/ in one folder must not overwrite each other.
twice=$(find edge -name '*.c' -printf '%f\n' | sort | uniq -d)
[ -z "$twice" ] || { echo "edge: more than one file is called $twice"; status=1; }
[ $status = 0 ] && echo "layering: ok"
exit $status
