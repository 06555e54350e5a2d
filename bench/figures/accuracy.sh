#!/usr/bin/env bash
# The table of accuracies in docs/figures.md: trains and tests on named sets from several initial weights, several seeds each.
#
# usage: bench/figures/accuracy.sh BUILD OUT
# SEEDS ("1 2 3"), SETS ("sem-a phase3"), FROM (below; the names are in weights.sh), SEMTINEL_DATA,
# IMAGENET_SEM, a file made by `INIT=imagenet.tflite OUT=file models/pretrain.sh BUILD`, and IMAGENET_SEM_075, the same of width 0.75
# (WIDTH=0.75); without these files their rows are left out. Runs that OUT holds already are not made again. Each core trains one
# network at a time; the bits are those of any number of threads.
#
# Simulated images are mixed in where train does so by default, from nothing and from the shipped backbone, and in imagenet-mixed.
#
# sem-a: trained on train/, the epoch chosen on val/, tested on test/. phase3: trained on train/, the last epoch kept, so that nothing
# is chosen on val/, which is the test.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2; }
. "$(dirname "$0")/weights.sh"
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
data=${SEMTINEL_DATA:-../shared/data}
data=$(cd "$data" && pwd)
export build out data

one() { # set from seed
    local run=$out/$1-$2-$3 part=test options=()
    [ "$1" = phase3 ] && part=val && options+=(--keep last)
    add_start_options "$2" || return
    if [ ! -e "$run/test/metrics.json" ]; then
        "$build/semtinel" train "$data/$1" -o "$run" --resume --seed "$3" --threads 1 --quiet "${options[@]}"
        "$build/semtinel" evaluate "$run" "$data/$1" --split $part -o "$run/test" --threads 1 --quiet --views 1
    fi
    if [ ! -e "$run/test-views/metrics.json" ]; then
        "$build/semtinel" evaluate "$run" "$data/$1" --split $part -o "$run/test-views" --threads 1 --quiet --views 8
    fi
}
export -f one

seeds=${SEEDS:-1 2 3} sets=${SETS:-sem-a phase3}
from=${FROM:-imagenet imagenet-mixed imagenet-even imagenet-sem imagenet-075 imagenet-uneven-075 imagenet-sem-075 backbone backbone-075 none}
for set in $sets; do
    for start in $from; do
        [ "$start" = imagenet-sem ] && [ -z "${IMAGENET_SEM:-}" ] && continue
        [ "$start" = imagenet-sem-075 ] && [ -z "${IMAGENET_SEM_075:-}" ] && continue
        for seed in $seeds; do
            echo "$set $start $seed"
        done
    done
done >"$out/jobs"
xargs -r -P "$(nproc)" -L 1 bash -euc 'one "$@"' one <"$out/jobs"

printf '%-8s %-14s %-5s %-9s %-9s %s\n' set from views accuracy macro-F1 'accuracy of each seed'
while read -r set start _; do
    echo "$set $start 1 test"
    echo "$set $start 8 test-views"
done <"$out/jobs" | awk '!seen[$0]++' | while read -r set start views folder; do
    for seed in $seeds; do
        metrics=$out/$set-$start-$seed/$folder/metrics.json
        accuracy=$(metric "$metrics" accuracy) f1=$(metric "$metrics" macro_avg.f1)
        echo "$accuracy $f1"
    done | awk -v set="$set" -v start="$start" -v views="$views" \
        'NF {n++; a += $1; f += $2; all = all sprintf(" %.3f", $1)}
         END {printf "%-8s %-14s %-5s %-9.3f %-9.3f%s\n", set, start, views, a / n, f / n, all}'
done
