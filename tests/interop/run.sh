#!/usr/bin/env bash
# Exports in other people's runtimes: ONNX Runtime and LiteRT give what semtinel's own runtime gives. Usage: run.sh BUILD
# Ends with "N passed, N failed".
set -uo pipefail
build=$(cd "$1" && pwd)
cd "$(dirname "$0")"
semtinel=$build/semtinel
count=50
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v npm >/dev/null || ../../tools/install_packages.sh node || exit 1
npm ci --ignore-scripts --no-audit --no-fund >"$work/npm.log" 2>&1 || { tail -5 "$work/npm.log"; exit 1; }

passed=0
failed=0
check() { # name a b kind
    if node compare.mjs "$1" "$2" "$3" $count "$4"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
must() {
    "$@" >"$work/log" 2>&1 || { echo "FAIL $*"; tail -3 "$work/log"; failed=$((failed + 1)); return 1; }
}

# Networks trained for a moment on simulated images: real ranges, no shipped data needed.
for setting in "1.0 128" "0.75 128" "1.0 96" "0.75 96"; do
    read -r width size <<<"$setting"
    name="width $width, $size pixels"
    images=$work/images-$size
    [ -d "$images" ] || must "$semtinel" synth "$images" --per-class 24 --size "$size" --splits --seed 5 -q || continue
    [ -e "$work/in-$size.bin" ] ||
        node png.mjs "$work/in-$size.bin" 128 128 $(ls "$images"/train/*/*.png | sort -t_ -k2 | head -$count)
    run=$work/run-$width-$size
    must "$semtinel" train "$images" -o "$run" --init none --width "$width" --size "$size" --epochs 3 --batch 16 -q || continue
    must "$semtinel" export "$run" -o "$run/float.onnx" -q
    must "$semtinel" export "$run" -o "$run/float.tflite" -q
    # Our own runtime on the float file is the measure of the others.
    must "$semtinel" run "$run/float.tflite" --input "$work/in-$size.bin" --output "$run/own.bin" || continue
    must node ort.mjs "$run/float.onnx" "$work/in-$size.bin" "$run/ort.bin" $count &&
        check "ONNX Runtime, float, $name" "$run/own.bin" "$run/ort.bin" float
    must node litert.mjs "$run/float.tflite" "$work/in-$size.bin" "$run/litert.bin" $count &&
        check "LiteRT, float, $name" "$run/own.bin" "$run/litert.bin" float
    [ "$size" = 128 ] || continue
    must "$semtinel" quantize "$run" --calibrate "$images" --scheme int8-float-io -o "$run/int8.tflite" -q || continue
    must "$semtinel" quantize "$run" --calibrate "$images" --scheme int8-float-io -o "$run/int8.onnx" -q || continue
    must "$semtinel" run "$run/int8.tflite" --input "$work/in-$size.bin" --output "$run/own8.bin" || continue
    must node ort.mjs "$run/int8.onnx" "$work/in-$size.bin" "$run/ort8.bin" $count &&
        check "ONNX Runtime, QDQ int8, $name" "$run/own8.bin" "$run/ort8.bin" int8
    must node litert.mjs "$run/int8.tflite" "$work/in-$size.bin" "$run/litert8.bin" $count &&
        check "LiteRT, int8 with float input and output, $name" "$run/own8.bin" "$run/litert8.bin" int8
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
