#!/usr/bin/env bash
# The table of ensembles in docs/figures.md: pairs of accuracy.sh's networks of the same seed, in float and int8, at home and on the
# other sets (sem-a's networks).
#
# usage: bench/figures/ensemble.sh BUILD OUT
# OUT is the folder that accuracy.sh filled. PAIRS ("backbone+imagenet backbone+backbone-075"), SEEDS ("1 2 3"), SETS ("sem-a phase3"),
# SEMTINEL_DATA. Ensembles and evaluations that OUT holds already are not made again.
set -euo pipefail
semtinel=$(cd "$1" && pwd)/semtinel
out=$(cd "$2" && pwd)
data=$(cd "${SEMTINEL_DATA:-../shared/data}" && pwd)
seeds=${SEEDS:-1 2 3}

accuracy() { # MODEL FOLDER NAME
    local to=$out/$run/$3
    [ -e "$to/metrics.json" ] || "$semtinel" evaluate "$1" "$2" -o "$to" --quiet --views 1 --split "${4:-auto}" >&2
    tr -d ' \n' <"$to/metrics.json" | sed -E 's/.*"accuracy":([0-9.]+).*/\1/'
}
printf '%-8s %-24s %-8s %-9s %s\n' set members file accuracy 'of each seed'
for set in ${SETS:-sem-a phase3}; do
    test=$data/$set/test
    [ "$set" = phase3 ] && test=$data/phase3/val
    for pair in ${PAIRS:-backbone+imagenet backbone+backbone-075}; do
        for seed in $seeds; do
            run=$set-$pair-$seed
            [ -e "$out/$run/int8.tflite" ] || {
                "$semtinel" ensemble "$out/$set-${pair%+*}-$seed" "$out/$set-${pair#*+}-$seed" -o "$out/$run" --quiet
                "$semtinel" quantize "$out/$run" --calibrate "$data/$set" -o "$out/$run/int8.tflite" --quiet
            }
            echo "float $(accuracy "$out/$run" "$test" test)"
            echo "int8 $(accuracy "$out/$run/int8.tflite" "$test" test-int8)"
            [ "$set" = sem-a ] || continue
            echo "sem-h $(accuracy "$out/$run" "$data/sem-h" sem-h all)"
            echo "phase3 $(accuracy "$out/$run" "$data/phase3" phase3 all)"
        done | awk -v set="$set" -v pair="$pair" '
            !($1 in n) { order[++rows] = $1 }
            { n[$1]++; sum[$1] += $2; all[$1] = all[$1] sprintf(" %.3f", $2) }
            END { for (i = 1; i <= rows; i++)
                      printf "%-8s %-24s %-8s %-9.3f%s\n", set, pair, order[i], sum[order[i]] / n[order[i]], all[order[i]] }'
    done
done
