#!/bin/bash
# Latency beside ONNX Runtime's (npm package onnxruntime-node), same float network, batch 1, one thread, same machine and
# minute. Prints milliseconds and the ratios to ONNX Runtime float. Argument: the build folder.
set -eu
export LC_ALL=C.UTF-8 # numbers with a point
build=${1:-build}
here=$(cd "$(dirname "$0")" && pwd)
work=$build/bench_latency_files
mkdir -p "$work"
"$build"/bench/bench_latency --make "$work"
if [ ! -e "$work/int8.tflite" ]; then
    "$build"/semtinel synth "$work/images" --per-class 10 --seed 1 --quiet
    "$build"/semtinel quantize "$work/model.safetensors" --calibrate "$work/images" --scheme int8 -o "$work/int8.tflite" --quiet
fi
if [ ! -d "$work/node_modules/onnxruntime-node" ]; then
    command -v npm >/dev/null || "$here/../tools/install_packages.sh" node
    (cd "$work" && npm init -y >/dev/null && npm i --ignore-scripts onnxruntime-node >/dev/null 2>&1) ||
        { echo "onnxruntime-node cannot be installed: no comparison"; exit 0; }
fi
cp "$here/latency_vs_ort.js" "$work/"
best_ort=1e9 float=1e9 int8=1e9
smaller() { awk "BEGIN {print ($1 < $2) ? $1 : $2}"; }
for round in 1 2 3; do # in turns, so that a disturbance meets all
    best_ort=$(smaller "$best_ort" "$(cd "$work" && node latency_vs_ort.js model.onnx)")
    "$build"/bench/bench_latency "$work/model.tflite" "$work/int8.tflite" >"$work/edge.txt"
    float=$(smaller "$float" "$(awk '/model.tflite .* ms/ {v = $(NF - 2)} END {print v}' "$work/edge.txt")")
    int8=$(smaller "$int8" "$(awk '/int8.tflite .* ms/ {v = $(NF - 2)} END {print v}' "$work/edge.txt")")
done
cat "$work/edge.txt"
awk "BEGIN {printf \"ONNX Runtime float %.4f ms\nsemtinel float     %.4f ms, ratio %.2f\nsemtinel int8      %.4f ms, ratio %.2f\n\",
    $best_ort, $float, $float / $best_ort, $int8, $int8 / $best_ort}"
