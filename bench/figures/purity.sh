#!/bin/bash
# Does a purity that was asked for hold on other images? For each seed thresholds are solved on fresh simulated images and
# applied to 2000 others.
#
# usage: bench/figures/purity.sh RUN [SEEDS]
# RUN was trained on simulated images of ten classes and 64 pixels (synth --preset phase1 --size 64). SEMTINEL is the
# command (build/semtinel). Prints a Markdown table; a seed at which all goes to review counts as held, but not in the
# mean purity.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
semtinel=${SEMTINEL:-$here/build/semtinel}
[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
run=$(realpath "$1")
seeds=${2:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$semtinel" synth test --per-class 200 --size 64 --seed 1000 --quiet
echo "| purity | images of the fit | --sure | held | mean purity | coverage | all to review |"
echo "|---|---|---|---|---|---|---|"
for each in 5 15 50; do
    for seed in $(seq 1 "$seeds"); do
        "$semtinel" synth "val-$each-$seed" --per-class "$each" --size 64 --seed $((2000 + seed)) --quiet
    done
done
for purity in 0.8 0.9; do
    for each in 5 15 50; do
        for sure in 0.5 0.8 0.95; do
            for seed in $(seq 1 "$seeds"); do
                "$semtinel" calibrate "$run" "val-$each-$seed" --split all -o fit.safetensors --purity $purity --sure $sure \
                    --quiet --threads 1
                "$semtinel" predict fit.safetensors test -o said.csv --quiet --threads 1
                # The class is the folder of the image.
                awk -F, 'NR > 1 && $2 != "review" { n++; split($1, at, "/"); right += at[2] == $2 }
                         END { print n + 0, right + 0 }' said.csv
            done | awk -v images=$((10 * each)) -v sure=$sure -v purity=$purity '
                { held += !$1 || $2 >= purity * $1; coverage += $1 / 2000; if ($1) { sum += $2 / $1; some++ } }
                END { printf "| %g | %d | %g | %.2f | %.3f | %.2f | %.2f |\n", purity, images, sure, held / NR,
                             some ? sum / some : 0, coverage / NR, 1 - some / NR }'
        done
    done
done
