#!/bin/bash
# Does a purity that was asked for hold on other images? For each seed thresholds are solved on fresh simulated images and
# applied to 2000 others.
#
# usage: bench/figures/purity.sh RUN [SEEDS]
# RUN was trained on simulated images of ten classes and 64 pixels (synth --preset phase1 --size 64). SEMTINEL is the
# command (build/semtinel), PURITIES what is asked for (0.9). Prints a Markdown table; a seed at which all goes to review
# counts as held, but not in the mean purity.
set -euo pipefail
export LC_ALL=C.UTF-8 # numbers with a point
here=$(cd "$(dirname "$0")/../.." && pwd)
semtinel=${SEMTINEL:-$here/build/semtinel}
[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
run=$(realpath "$1")
seeds=${2:-20}
purities=${PURITIES:-0.9}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$semtinel" synth test --per-class 200 --size 64 --seed 1000 --quiet
for each in 5 15 50; do
    for seed in $(seq 1 "$seeds"); do
        "$semtinel" synth val --per-class "$each" --size 64 --seed $((2000 + seed)) --quiet
        predicted=
        for purity in $purities; do
            for sure in 0.5 0.8 0.95; do
                threshold=$("$semtinel" calibrate "$run" val --split all -o fit.safetensors --purity "$purity" --sure $sure |
                    sed -nE 's/^ *all classes *threshold //p')
                # The confidence is the same whatever was asked for.
                [ -n "$predicted" ] || "$semtinel" predict fit.safetensors test -o said.csv --quiet
                predicted=yes
                # The class is the folder of the image; the fourth column is the guess, review or not.
                awk -F, -v threshold="${threshold:-2}" -v row="$purity $((10 * each)) $sure" '
                    NR > 1 && $3 >= threshold { n++; split($1, at, "/"); right += at[2] == $4 }
                    END { print row, n + 0, right + 0 }' said.csv
            done
        done
        rm -rf val
    done
done | awk '
    { row = $1 " | " $2 " | " $3; if (!(row in fits)) order[++rows] = row
      fits[row]++; held[row] += !$4 || $5 >= $1 * $4; coverage[row] += $4 / 2000
      if ($4) { sum[row] += $5 / $4; some[row]++ } }
    END { print "| purity | images of the fit | --sure | held | mean purity | coverage | all to review |"
          print "|---|---|---|---|---|---|---|"
          for (i = 1; i <= rows; i++) {
              row = order[i]
              mean = some[row] ? sprintf("%.3f", sum[row] / some[row]) : "-"
              printf "| %s | %.2f | %s | %.2f | %.2f |\n", row, held[row] / fits[row], mean, coverage[row] / fits[row],
                     1 - some[row] / fits[row] } }'
