#!/usr/bin/env bash
# The table of ensembles in docs/figures.md: ensembles of accuracy.sh's networks of the same seed, in float and int8, at home and on the
# other sets (sem-a's networks).
#
# usage: bench/figures/ensemble.sh BUILD OUT
# OUT is the folder that accuracy.sh filled. MEMBERS (below: names of accuracy.sh joined by +; NAME-taught is teacher.sh's network, which
# TEACHER taught), SEEDS ("1 2 3"), SETS ("sem-a phase3"), SEMTINEL_DATA. Ensembles and evaluations that OUT holds already are not made again.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
. "$(dirname "$0")/weights.sh"
semtinel=$(cd "$1" && pwd)/semtinel
out=$(cd "$2" && pwd)
data=$(cd "${SEMTINEL_DATA:-../shared/data}" && pwd)
seeds=${SEEDS:-1 2 3} teacher=${TEACHER:-backbone+backbone-075+imagenet}
usual="backbone+imagenet backbone+backbone-075 backbone+backbone-075+imagenet backbone+imagenet-even backbone+backbone-075+imagenet-even"

accuracy() { # ROW MODEL SET PART NAME [VIEWS]
    local to=$out/$run/$5 value
    [ -e "$to/metrics.json" ] || "$semtinel" evaluate "$2" "$data/$3" --split "$4" -o "$to" --quiet --views "${6:-1}" >&2
    value=$(metric "$to/metrics.json" accuracy)
    echo "$1 $value"
}
printf '%-8s %-24s %-8s %-9s %s\n' set members file accuracy 'of each seed'
for set in ${SETS:-sem-a phase3}; do
    part=test
    [ "$set" = phase3 ] && part=val
    for names in ${MEMBERS:-$usual}; do
        for seed in $seeds; do
            run=$set-$names-$seed
            [ -e "$out/$run/int8.tflite" ] || {
                members=()
                for from in ${names//+/ }; do members+=("$out/$set-${from/%-taught/-by-$teacher}-$seed"); done
                "$semtinel" ensemble "${members[@]}" -o "$out/$run" --quiet
                "$semtinel" quantize "$out/$run" --calibrate "$data/$set" -o "$out/$run/int8.tflite" --quiet
            }
            accuracy float "$out/$run" $set $part test
            accuracy views-8 "$out/$run" $set $part test-views 8
            accuracy int8 "$out/$run/int8.tflite" $set $part test-int8
            [ "$set" = sem-a ] || continue
            accuracy sem-h "$out/$run" sem-h all sem-h
            accuracy phase3 "$out/$run" phase3 all phase3
        done | awk -v set="$set" -v names="$names" '
            !($1 in n) { order[++rows] = $1 }
            { n[$1]++; sum[$1] += $2; all[$1] = all[$1] sprintf(" %.3f", $2) }
            END { for (i = 1; i <= rows; i++)
                      printf "%-8s %-24s %-8s %-9.3f%s\n", set, names, order[i], sum[order[i]] / n[order[i]], all[order[i]] }'
    done
done
