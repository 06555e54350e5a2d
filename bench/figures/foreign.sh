#!/bin/bash
# How runs trained on one team's images (sem-a) do on those of others, before and after 'semtinel adapt' with 16, 64 and
# all images of the other set (two draws of 16 and 64 each, no labels), and after training again with the images
# that 'semtinel label' sorts by its answers (all images of the other set, no labels) added; and what each does at home.
#
# usage: bench/figures/foreign.sh RUN...
# TRAIN has the options that the runs were trained with ("--init imagenet-sem.safetensors --size 160"; none).
# SEMTINEL is the command (build/semtinel), SEMTINEL_DATA the folder with sem-a, sem-h and phase3 (../shared/data).
# Prints a Markdown table: accuracy, in brackets macro F1. Foreign sets are measured whole (train, val and test together);
# names are matched as 'evaluate' does, and a class that was not trained counts as other.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/bench/figures/weights.sh"
semtinel=${SEMTINEL:-$here/build/semtinel}
data=${SEMTINEL_DATA:-$here/../shared/data}
[ $# -gt 0 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

figure() { # figure MODEL SET SPLIT: accuracy (macro F1)
    local accuracy f1
    "$semtinel" evaluate "$1" "$2" --split "$3" -o "$work/out" --resamples 0 --threads 1 --quiet &&
        accuracy=$(metric "$work/out/metrics.json" accuracy) && f1=$(metric "$work/out/metrics.json" macro_avg.f1) &&
        printf '%.3f (%.3f)' "$accuracy" "$f1"
}
adapt() { # adapt IMAGES: $run to them, as $work/adapted
    "$semtinel" adapt "$run" "$1" -o "$work/adapted" --threads 1 --quiet 2>"$work/log" || {
        local code=$?
        cat "$work/log" >&2
        return $code
    }
}
draw() { # draw SET N TURN: links to N images in $work/drawn, chosen by the hash of their path, whatever their class
    rm -rf "$work/drawn"
    mkdir "$work/drawn"
    (cd "$1" && find -L . -type f \( -iname '*.png' -o -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.bmp' -o -iname '*.tif' \)) |
        while read -r file; do echo "$(echo "$3$file" | md5sum | cut -c1-12) $file"; done | sort | head -n "$2" |
        while read -r hash file; do ln -s "$1/$file" "$work/drawn/$hash.${file##*.}"; done
}

echo "| run | foreign set | as trained | adapted to 16 | to 64 | to all | trained again with labelled | home: as trained | adapted | trained again |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for run in "$@"; do
    for set in sem-h phase3; do
        line="| $(basename "$run") | $set | $(figure "$run" "$data/$set" all) |"
        for count in 16 64; do
            cell=
            for turn in 1 2; do
                draw "$(realpath "$data/$set")" $count $turn
                adapt "$work/drawn"
                cell="$cell${cell:+, }$(figure "$work/adapted" "$data/$set" all)"
            done
            line="$line $cell |"
        done
        adapt "$data/$set"
        rm -rf "$work/labelled"
        "$semtinel" label "$run" "$data/$set" -o "$work/labelled" --quiet
        # shellcheck disable=SC2086 # several words
        "$semtinel" train "$data/sem-a" --also "$work/labelled" -o "$work/again" ${TRAIN:-} --quiet
        for model in "$work/adapted" "$work/again"; do line="$line $(figure "$model" "$data/$set" all) |"; done
        for model in "$run" "$work/adapted" "$work/again"; do line="$line $(figure "$model" "$data/sem-a" test) |"; done
        echo "$line"
    done
done
