#!/usr/bin/env bash
# The table of distilled networks in docs/figures.md: networks of several initial weights, each taught by the ensemble of the same seed.
#
# usage: bench/figures/teacher.sh BUILD OUT
# OUT is the folder that accuracy.sh and ensemble.sh filled. TEACHER ("backbone+backbone-075+imagenet"), FROM ("backbone imagenet"),
# SEEDS ("1 2 3"), SETS ("sem-a phase3"), SEMTINEL_DATA. Epochs are chosen, and views and parts taken, as in accuracy.sh; int8 is
# calibrated only. Runs that OUT holds already are not made again.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
. "$(dirname "$0")/weights.sh"
build=$(cd "$1" && pwd)
out=$(cd "$2" && pwd)
data=$(cd "${SEMTINEL_DATA:-../shared/data}" && pwd)
teacher=${TEACHER:-backbone+backbone-075+imagenet} seeds=${SEEDS:-1 2 3}
export build out data teacher

one() { # set from seed
    local run=$out/$1-$2-by-$teacher-$3 part=test options=()
    [ "$1" = phase3 ] && part=val && options+=(--keep last)
    add_start_options "$2" || return
    if [ ! -e "$run/int8/metrics.json" ]; then
        "$build/semtinel" train "$data/$1" -o "$run" --resume --seed "$3" --threads 1 --quiet \
            --teacher "$out/$1-$teacher-$3" "${options[@]}"
        "$build/semtinel" evaluate "$run" "$data/$1" --split $part -o "$run/test" --threads 1 --quiet --views 1
        "$build/semtinel" evaluate "$run" "$data/$1" --split $part -o "$run/test-views" --threads 1 --quiet --views 8
        "$build/semtinel" quantize "$run" --calibrate "$data/$1" -o "$run/int8.tflite" --threads 1 --quiet
        "$build/semtinel" evaluate "$run/int8.tflite" "$data/$1" --split $part -o "$run/int8" --threads 1 --quiet --views 1
    fi
}
export -f one

jobs=$out/teacher-jobs
for set in ${SETS:-sem-a phase3}; do
    for start in ${FROM:-backbone imagenet}; do
        for seed in $seeds; do echo "$set $start $seed"; done
    done
done >"$jobs"
xargs -P "$(nproc)" -L 1 bash -euc 'one "$@"' one <"$jobs"

printf '%-8s %-14s %-10s %-9s %-9s %s\n' set from file accuracy log-loss 'accuracy of each seed'
awk '!seen[$1 $2]++ { print $1, $2 }' "$jobs" | while read -r set start; do
    for folder in test test-views int8; do
        for seed in $seeds; do
            metrics=$out/$set-$start-by-$teacher-$seed/$folder/metrics.json
            echo "$(metric "$metrics" accuracy) $(metric "$metrics" log_loss)"
        done | awk -v set="$set" -v start="$start" -v file="$folder" '
            { n++; accuracy += $1; loss += $2; all = all sprintf(" %.3f", $1) }
            END { printf "%-8s %-14s %-10s %-9.3f %-9.3f%s\n", set, start, file, accuracy / n, loss / n, all }'
    done
done
