#!/bin/bash
# semtinel bench: figures that belong to each other, and clear refusals.
set -u
semtinel=$1
failed=0
fail() {
    echo "test_bench: $*" >&2
    failed=1
}
json=$("$semtinel" bench --train --steps 3 --batch 5 --size 64 --width 0.25 --channels 3 --threads 2 --json) || fail "exit code $?"
number() {
    sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" <<<"$json"
}
[ "$(number batch)" = 5 ] && [ "$(number threads)" = 2 ] && [ "$(number channels)" = 3 ] || fail "options are not repeated: $json"
awk -v rate="$(number images_per_second)" -v ms="$(number step_ms)" -v best="$(number images_per_second_fastest)" \
    'BEGIN { r = rate * ms / 5000; exit !(rate > 0 && best >= rate && r > 0.999 && r < 1.001) }' ||
    fail "rates do not agree: $json"
awk -v peak="$(number peak_bytes)" -v engine="$(number engine_bytes)" 'BEGIN { exit !(engine > 100000 && peak > engine) }' ||
    fail "memory is not plausible: $json"
"$semtinel" bench --train --steps 1 --batch 1 --size 32 --width 0.25 --threads 1 | grep -q 'images/s' || fail "no plain report"
# a network: through edge and through the training engine
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$semtinel" synth "$work/images" --per-class 2 --size 64 --seed 1 --quiet || fail "synth"
"$semtinel" train "$work/images" -o "$work/run" --size 64 --width 0.25 --epochs 1 --init none --mix-synth 0 --threads 1 --quiet || fail "train"
"$semtinel" export "$work/run" -o "$work/model.tflite" --quiet || fail "export"
"$semtinel" quantize "$work/run" --calibrate "$work/images" --scheme int8 -o "$work/int8.tflite" --quiet || fail "quantize"
mkdir "$work/few" "$work/same" "$work/few/.thumbnails" "$work/few/@eaDir" && cp "$work/images/crack/"* "$work/few" # no class folders
for i in 1 2 3 4 5 6 7 8; do cp "$work/images/crack/"*1.png "$work/same/$i.png" || fail "no image to copy"; done
"$semtinel" quantize "$work/run" --calibrate "$work/few" --qat "$work/same" --epochs 1 -o "$work/few.tflite" >"$work/few.txt" 2>&1
"$semtinel" quantize "$work/run" --calibrate "$work/few" --scheme dynamic -o "$work/few.tflite" 2>&1 | grep -q "few: ranges of so few different images" ||
    fail "two images are enough for --scheme dynamic"
for folder in few same; do
    grep -q "$folder: ranges of so few different images" "$work/few.txt" || fail "quantize takes the images of $folder for enough"
done
for model in int8.tflite model.tflite run; do
    json=$("$semtinel" bench "$work/$model" --runs 20 --threads 2 --json) || fail "$model: exit code $?"
    awk -v low="$(number latency_ms_p10)" -v middle="$(number latency_ms)" -v high="$(number latency_ms_p90)" \
        -v load="$(number load_ms)" 'BEGIN { exit !(low > 0 && low <= middle && middle <= high && load >= low) }' ||
        fail "$model: latencies are not in order: $json"
    awk -v one="$(number images_per_second_one_thread)" -v many="$(number images_per_second)" -v arena="$(number arena_bytes)" \
        -v resident="$(number resident_bytes)" 'BEGIN { exit !(one > 0 && many > 0 && arena > 10000 && resident > arena) }' ||
        fail "$model: rates or memory are not plausible: $json"
    # the operators' times make up most of the latency
    grep -q '"runtime": "edge"' <<<"$json" || [ "$model" = run ] || fail "$model: not through edge"
    sum=$(sed -n 's/^ *"us": \([0-9.e-]*\),*$/\1/p' <<<"$json" | awk '{s += $1} END {print s / 1000}')
    awk -v sum="$sum" -v low="$(number latency_ms_p10)" 'BEGIN { exit !(sum > 0.4 * low) }' ||
        fail "$model: operators take $sum ms of a latency of $(number latency_ms) ms"
done
"$semtinel" bench "$work/int8.tflite" --runs 5 | grep -q 'DEPTHWISE_CONV_2D' || fail "no table of operators"
"$semtinel" bench "$work/int8.tflite" --runs 5 --kernels reference | grep -q 'kernels reference$' || fail "not the reference kernels"
# the contents tell what runs a file, as elsewhere
cp "$work/int8.tflite" "$work/int8.bin"
"$semtinel" bench "$work/int8.bin" --runs 1 --kernels reference | grep -q 'through edge' || fail "its name hides a .tflite file"
"$semtinel" bench "$work/int8.bin" --runs 1 | grep -q '(1 run)$' || fail "1 runs"
# Ctrl-C at any time: no figures of what was not measured
for model in int8.tflite run; do
    for seconds in 0.3 0.6 1 1.5 2.5; do
        "$semtinel" bench "$work/$model" --runs 4000 --threads 1 >"$work/out" 2>&1 &
        process=$!
        sleep $seconds
        kill -INT $process 2>/dev/null
        wait $process
        code=$?
        [ $code = 130 ] && says=interrupted || says='throughput: [1-9]'
        grep -q "$says" "$work/out" || fail "$model after $seconds s, exit code $code: $(cat "$work/out")"
    done
done
"$semtinel" bench "$work/none.tflite" >/dev/null 2>&1
[ $? = 1 ] || fail "a missing model is not reported"
# resident memory of a prediction; a sanitizer has its own
if ! grep -q __asan_init "$semtinel"; then
    image=$(find "$work/images" -name '*.png' | head -1)
    for model in int8.tflite model.tflite run; do
        "$(dirname "$semtinel")"/bench/bench_footprint 25 "$semtinel" predict "$work/$model" "$image" -o "$work/out.csv" >/dev/null ||
            fail "predict with $model takes more than 25 MB"
    done
fi
for bad in "" "--train --batch 0" "--train --batch 5000" "--train --size 16" "--train --steps x" "--train model" "model --runs 0" "--train --kernels avx2" "$work/run --kernels avx2"; do
    "$semtinel" bench $bad >/dev/null 2>&1
    [ $? = 2 ] || fail "'bench $bad' is not refused as wrong usage"
done
exit $failed
