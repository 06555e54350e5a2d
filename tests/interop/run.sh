#!/usr/bin/env bash
# Exports in other people's runtimes: ONNX Runtime, LiteRT, TensorFlow.js and OpenCV give what semtinel's own runtime gives; ONNX's own
# checker, flatc and h5py find the files well-formed. Usage: run.sh BUILD
# Ends with "N passed, N failed".
set -uo pipefail
[ $# = 1 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")" || exit 1
semtinel=$build/semtinel
python=/usr/bin/python3 # Debian's, which has h5py and onnx
count=50
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v npm >/dev/null || ../../tools/install_packages.sh node || exit 1
npm ci --ignore-scripts --no-audit --no-fund >"$work/npm.log" 2>&1 || { tail -5 "$work/npm.log"; exit 1; }
g++ -O1 -o "$work/opencv" opencv.cpp -I/usr/include/opencv4 -lopencv_dnn -lopencv_core || exit 1

passed=0
failed=0
check() { # name a b kind
    if node compare.mjs "$1" "$2" "$3" $count "$4"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
must() {
    "$@" >"$work/log" 2>&1 || { echo "FAIL $*"; tail -3 "$work/log"; failed=$((failed + 1)); return 1; }
}
holds() { # name command...: passes if the command does
    local name=$1
    shift
    must "$@" && { echo "ok   $name"; passed=$((passed + 1)); }
}
structure() { # name model.tflite kind
    must flatc --json --strict-json --raw-binary -o "$work" ../format/tflite.fbs -- "$2" || return
    if node structure.mjs "$1" "$work/$(basename "$2" .tflite).json" "$3"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

int8() { # the network of $run, in both files: the runtimes give what ours gives
    must "$semtinel" quantize "$run" --calibrate "$images" --scheme int8-float-io -o "$run/int8.tflite" -q || return
    must "$semtinel" quantize "$run" --calibrate "$images" --scheme int8-float-io -o "$run/int8.onnx" -q || return
    must "$semtinel" run "$run/int8.tflite" --input "$input" --output "$run/own8.bin" || return
    must node ort.mjs "$run/int8.onnx" "$input" "$run/ort8.bin" $count &&
        check "ONNX Runtime, QDQ int8, $name" "$run/own8.bin" "$run/ort8.bin" int8
    must node litert.mjs "$run/int8.tflite" "$input" "$run/litert8.bin" $count &&
        check "LiteRT, int8 with float input and output, $name" "$run/own8.bin" "$run/litert8.bin" int8
    return 0
}

# Networks trained for a moment on simulated images: real ranges, no shipped data needed.
for setting in "1.0 128" "0.75 128" "1.0 96" "0.75 96"; do
    read -r width size <<<"$setting"
    name="width $width, $size pixels"
    images=$work/images-$size
    [ -d "$images" ] || must "$semtinel" synth "$images" --per-class 24 --size "$size" --splits --seed 5 -q || continue
    if [ ! -e "$work/in-$size.bin" ]; then
        mapfile -t files < <(find "$images/train" -name '*.png' -printf '%f %p\n' | sort -t_ -k2 | head -$count | cut -d' ' -f2-)
        must node png.mjs "$work/in-$size.bin" 128 128 "${files[@]}" || continue
        must node png.mjs "$work/pixels-$size.bin" 0 1 "${files[@]}" || continue
    fi
    run=$work/run-$width-$size
    input=$work/in-$size.bin
    must "$semtinel" train "$images" -o "$run" --init none --mix-synth 0 --width "$width" --size "$size" --epochs 3 --batch 16 -q || continue
    must "$semtinel" export "$run" --all "$run" -q || continue
    # Our own runtime on the float file is the measure of the others.
    must "$semtinel" run "$run/model.tflite" --input "$input" --output "$run/own.bin" || continue
    must node ort.mjs "$run/model.onnx" "$input" "$run/ort.bin" $count &&
        check "ONNX Runtime, float, $name" "$run/own.bin" "$run/ort.bin" float
    must node litert.mjs "$run/model.tflite" "$input" "$run/litert.bin" $count &&
        check "LiteRT, float, $name" "$run/own.bin" "$run/litert.bin" float
    must "$work/opencv" "$run/model.pb" "$input" "$run/opencv.bin" $count "$size" "$size" &&
        check "OpenCV, .pb, $name" "$run/own.bin" "$run/opencv.bin" float
    holds "onnx.checker, float, $name" "$python" check_onnx.py "$run/model.onnx"
    structure "float, $name" "$run/model.tflite" float
    holds "h5py, tensors of .h5, $name" "$python" keras_weights.py "$run/model.safetensors" "$run/model.h5" "$run/keras3.h5"
    [ "$size" = 128 ] || continue

    # The same weights as Keras 3 writes them; its files do not tell the input's size, 128 is taken.
    must "$semtinel" export "$run/keras3.h5" -o "$run/keras3.tflite" -q &&
        must "$semtinel" run "$run/keras3.tflite" --input "$input" --output "$run/keras3.bin" &&
        check "Keras 3's .h5, read back, $name" "$run/own.bin" "$run/keras3.bin" float
    must "$semtinel" export "$run/saved_model.pb" -o "$run/back.tflite" -q &&
        must "$semtinel" run "$run/back.tflite" --input "$input" --output "$run/back.bin" &&
        check "SavedModel, read back, $name" "$run/own.bin" "$run/back.bin" float
    must node tfjs.mjs "$run/saved_model.pb" "$input" "$run/tfjs.bin" $count &&
        check "TensorFlow.js, SavedModel, $name" "$run/own.bin" "$run/tfjs.bin" float
    int8 || continue
    holds "onnx.checker, QDQ int8, $name" "$python" check_onnx.py "$run/int8.onnx"
    structure "int8, $name" "$run/int8.tflite" int8
    [ "$width" = 0.75 ] || continue

    # float16 weights, and files that take pixels: scaling inside, the same outputs.
    must "$semtinel" run "$run/model-float16.tflite" --input "$input" --output "$run/own16.bin" &&
        must node litert.mjs "$run/model-float16.tflite" "$input" "$run/litert16.bin" $count &&
        check "LiteRT, float16, $name" "$run/own16.bin" "$run/litert16.bin" float
    structure "float16, $name" "$run/model-float16.tflite" half
    pixels=$work/pixels-$size.bin
    must "$semtinel" export "$run" --all "$run/raw" --raw-input -q || continue
    must "$semtinel" run "$run/raw/model.tflite" --input "$pixels" --output "$run/raw.bin" &&
        check "semtinel run, pixels, $name" "$run/own.bin" "$run/raw.bin" float
    must node ort.mjs "$run/raw/model.onnx" "$pixels" "$run/raw-ort.bin" $count &&
        check "ONNX Runtime, pixels, $name" "$run/own.bin" "$run/raw-ort.bin" float
    must node litert.mjs "$run/raw/model.tflite" "$pixels" "$run/raw-litert.bin" $count &&
        check "LiteRT, pixels, $name" "$run/own.bin" "$run/raw-litert.bin" float
    must "$work/opencv" "$run/raw/model.pb" "$pixels" "$run/raw-opencv.bin" $count "$size" "$size" &&
        check "OpenCV, pixels, $name" "$run/own.bin" "$run/raw-opencv.bin" float
    must node tfjs.mjs "$run/raw/saved_model.pb" "$pixels" "$run/raw-tfjs.bin" $count &&
        check "TensorFlow.js, SavedModel, pixels, $name" "$run/own.bin" "$run/raw-tfjs.bin" float
done

# Two of these networks as one.
ensemble() {
    local run=$work/ensemble images=$work/images-128 input=$work/in-128.bin name="ensemble of two"
    must "$semtinel" ensemble "$work/run-1.0-128" "$work/run-0.75-128" -o "$run" -q || return
    must "$semtinel" export "$run" -o "$run/model.tflite" -q || return
    must "$semtinel" export "$run" -o "$run/model.onnx" -q || return
    must "$semtinel" export "$run" -o "$run/saved_model.pb" -q || return
    must "$semtinel" run "$run/model.tflite" --input "$input" --output "$run/own.bin" || return
    must node ort.mjs "$run/model.onnx" "$input" "$run/ort.bin" $count &&
        check "ONNX Runtime, float, $name" "$run/own.bin" "$run/ort.bin" float
    must node litert.mjs "$run/model.tflite" "$input" "$run/litert.bin" $count &&
        check "LiteRT, float, $name" "$run/own.bin" "$run/litert.bin" float
    must node tfjs.mjs "$run/saved_model.pb" "$input" "$run/tfjs.bin" $count &&
        check "TensorFlow.js, SavedModel, $name" "$run/own.bin" "$run/tfjs.bin" float
    holds "onnx.checker, float, $name" "$python" check_onnx.py "$run/model.onnx"
    int8
}
ensemble
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
