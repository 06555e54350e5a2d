#!/usr/bin/env bash
# Cross-validation (docs/evaluation.md): what the folds of the training images say of accuracy and thresholds, and what the test images
# say then. From the shipped backbone, five folds, several seeds.
#
# usage: bench/figures/folds.sh BUILD OUT
# SEEDS ("1 2 3"), SETS ("sem-a phase3"), PURITIES ("0.95 0.9"), SEMTINEL_DATA. Runs that OUT holds already are not made again. Each core
# trains one network at a time.
#
# sem-a: folds of train/ and val/, tested on test/. phase3: folds of train/, tested on val/.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
. "$(dirname "$0")/weights.sh"
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
data=$(cd "${SEMTINEL_DATA:-../shared/data}" && pwd)
seeds=${SEEDS:-1 2 3} sets=${SETS:-sem-a phase3} purities=${PURITIES:-0.95 0.9}
export build out data purities

mkdir -p "$out/phase3"
ln -sfn "$data/phase3/train" "$out/phase3/train"
ln -sfn "$data/phase3/val" "$out/phase3/test"
ln -sfn "$data/sem-a" "$out/sem-a"

one() { # set seed
    local run=$out/$1-folds-$2 set=$out/$1 purity views
    [ -e "$run/done" ] && return
    "$build/semtinel" train "$set" -o "$run" --folds 5 --val-share 0 --resume --seed "$2" --threads 1 --quiet
    for views in 1 8; do
        "$build/semtinel" evaluate "$run" "$set" --split folds --views "$views" -o "$run/cv-$views" --threads 1 --quiet
        for purity in $purities; do
            "$build/semtinel" calibrate "$run" "$set" --split folds --views "$views" --purity "$purity" \
                -o "$run/sure-$purity-$views.safetensors" --threads 1 --quiet
            "$build/semtinel" evaluate "$run/sure-$purity-$views.safetensors" "$set" --split test \
                -o "$run/test-$purity-$views" --threads 1 --quiet
        done
    done
    touch "$run/done"
}
export -f one
for set in $sets; do for seed in $seeds; do echo "$set $seed"; done; done | xargs -r -P "$(nproc)" -L 1 bash -euc 'one "$@"' one

row() { # NAME METRIC FOLDER: a row of all seeds
    local line="| $1 |" seed value
    for seed in $seeds; do
        value=$(metric "$out/$set-folds-$seed/$3/metrics.json" "$2")
        line="$line $(awk -v value="$value" 'BEGIN { print value ~ /[.]/ ? sprintf("%.3f", value) : value == "null" ? "-" : value }') |"
    done
    echo "$line"
}
for set in $sets; do
    for views in 1 8; do
        echo "$set, --views $views, seeds $seeds"
        row 'accuracy by folds' accuracy "cv-$views"
        row 'accuracy of test' accuracy "test-${purities%% *}-$views"
        row 'calibration error by folds' expected_calibration_error "cv-$views"
        row 'calibration error of test' expected_calibration_error "test-${purities%% *}-$views"
        for purity in $purities; do
            row "$purity: test images decided" rejection.coverage "test-$purity-$views"
            row "$purity: of these right" rejection.purity "test-$purity-$views"
            row "$purity: defects called clean" rejection.escapes "test-$purity-$views"
        done
    done
done
