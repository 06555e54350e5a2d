#!/usr/bin/env bash
# The main job, end to end, on images that semtinel simulates itself. Usage: demo.sh BUILD [OUT]
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2s/^# //p' "$0"; exit 2; }
build=$(cd "$1" && pwd)
out=${2:-demo}
[ $# -gt 1 ] || cd "$(dirname "$0")/.." # no other folder's demo is deleted
semtinel=$build/semtinel
if [ $# -gt 1 ] && [ -n "$(ls -A "$out" 2>/dev/null)" ] && [ ! -e "$out/precisions/precision.txt" ]; then
    echo "demo.sh: $out: holds something else than an earlier demo, which would be deleted; name another folder" >&2
    exit 1
fi
rm -rf "$out"
mkdir -p "$out"

step() {
    echo
    echo "== $1"
    shift
    echo "   semtinel $*"
    "$semtinel" "$@"
}
step "simulate SEM images of eleven classes" synth "$out/images" --preset phase3 --per-class 100 --seed 7 --splits
step "look for duplicates and leaks" audit "$out/images" --json "$out/audit.json"
step "train from the shipped backbone" train "$out/images" -o "$out/run" --size 128 --mix-synth 0 --rate 1e-3 --epochs 12
step "calibrate the confidence on the validation images" calibrate "$out/run" "$out/images"
step "evaluate on the test images" evaluate "$out/run" "$out/images" -o "$out/evaluation"
step "quantise and compare precisions" quantize "$out/run" --calibrate "$out/images" --qat "$out/images" --epochs 4 \
    --evaluate "$out/images" -o "$out/precisions"
step "evaluate the int8 file that ships" evaluate "$out/precisions/int8-qat.tflite" "$out/images" -o "$out/evaluation-int8"
step "export to C for a microcontroller" export "$out/precisions/int8-qat.tflite" -o "$out/defects/"
step "explain some decisions" explain "$out/run" "$out"/images/test/BRIDGE -o "$out/explanations"
step "classify images without labels" predict "$out/precisions/int8-qat.tflite" "$out/images/test/CRACK" -o "$out/predictions.csv"
step "make a video" demo "$out/precisions/int8-qat.tflite" "$out/images/test" -o "$out/demo.mp4"

out=$(cd "$out" && pwd)
cat <<END

Done. Open first:
   the report          $out/evaluation/report.html
   the video           $out/demo.mp4
What goes into a product:
   the int8 model      $out/precisions/int8-qat.tflite
   its C source        $out/defects
All precisions side by side: $out/precisions/precision.txt, .png
END
