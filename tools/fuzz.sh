#!/usr/bin/env bash
# Builds every fuzz target with clang, libFuzzer, ASan and UBSan, and runs each for the given seconds.
# Usage: fuzz.sh SECONDS [TARGET...]
set -euo pipefail
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || { sed -n '2,3s/^# //p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
seconds=$1
shift
CC=clang cmake -G Ninja -B build-fuzz -S . -DSEMTINEL_FUZZ=ON -DSEMTINEL_SANITIZE=ON -DSEMTINEL_WERROR=OFF >/dev/null
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(cd fuzz && ls fuzz_*.c | sed 's/\.c$//'))
ninja -C build-fuzz --quiet "${targets[@]}"
# Without counters in the libraries a fuzzer is blind, and finds nothing for that reason.
counters=$("build-fuzz/fuzz/${targets[0]}" -runs=0 2>&1 | sed -nE 's/.*\(([0-9]+) inline 8-bit counters\).*/\1/p')
[ "${counters:-0}" -gt 200 ] || { echo "fuzz: the libraries are built without coverage"; exit 1; }
for target in "${targets[@]}"; do
    name=${target#fuzz_}
    found=build-fuzz/findings-$name
    work=build-fuzz/corpus-$name
    mkdir -p "$found" "$work"
    seeds=()
    [ -d "fuzz/corpus/$name" ] && seeds=("fuzz/corpus/$name")
    [ "$name" = info ] && seeds=(fuzz/corpus/{edge,h5,onnx,pth,safetensors,tensorflow,tflite}) # a file of any format
    echo "== $target, $seconds s"
    "build-fuzz/fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -max_len=65536 -print_final_stats=0 \
        -verbosity=0 -artifact_prefix="$found/" "$work" "${seeds[@]}" || { echo "$target: finding in $found"; exit 1; }
done
echo "fuzz: no finding in ${#targets[@]} targets"
