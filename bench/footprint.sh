#!/bin/bash
# What a first result costs: from opening a .tflite file to it, under 5 ms (the best of ten processes), and the resident
# memory of `semtinel predict` on one image, under 25 MB. Fails where a limit is exceeded. Argument: the build folder.
set -eu
export LC_ALL=C.UTF-8 # numbers with a point
build=${1:-build}
work=$build/bench_footprint_files
mkdir -p "$work"
"$build"/bench/bench_latency --make "$work"
[ -d "$work/images" ] || "$build"/semtinel synth "$work/images" --per-class 4 --seed 1 --quiet
[ -e "$work/int8.tflite" ] ||
    "$build"/semtinel quantize "$work/model.safetensors" --calibrate "$work/images" --scheme int8 -o "$work/int8.tflite" --quiet
image=$(find "$work/images" -name '*.png' | sort | head -1)
failed=0
for model in int8.tflite model.tflite; do
    best=1e9
    for try in 1 2 3 4 5 6 7 8 9 10; do
        ms=$("$build"/semtinel bench "$work/$model" --runs 1 --threads 1 --json | sed -n 's/^ *"load_ms": \([0-9.e-]*\),*$/\1/p')
        best=$(awk "BEGIN {print ($ms < $best) ? $ms : $best}")
    done
    awk "BEGIN {printf \"%s: from the file to the first result %.2f ms (limit 5)\n\", \"$model\", $best; exit !($best < 5)}" || failed=1
done
for model in int8.tflite model.tflite model.safetensors; do
    printf '%s: ' "$model"
    "$build"/bench/bench_footprint 25 "$build"/semtinel predict "$work/$model" "$image" -o "$work/out.csv" --quiet || failed=1
done
exit $failed
