# train --folds, and evaluate and calibrate by its networks.
# shellcheck source=tests/cli/checks.sh
source "$(dirname "$0")/checks.sh"

"$semtinel" synth "$work/data" --per-class 9 --size 48 --seed 3 --quiet
mkdir -p "$work/data/one"
cp "$work/data/open/"*1.png "$work/data/one/" 2>/dev/null || fail "no image to copy"
few=$(find "$work/data/one" -type f | wc -l)
for class in bridge clean; do cp "$work/data/$class/$(ls "$work/data/$class" | head -n 1)" "$work/data/$class/copy.png"; done
train=(--init none --mix-synth 0 --width 0.25 --size 48 --epochs 2 --rate 0.01)
run 0 "$semtinel" train "$work/data" -o "$work/run" "${train[@]}" --folds 3
says '^cross-validation: 3 more networks, each without one of 3 parts of the images'
says '^fold 3 of 3: 3[0-9] images, accuracy 0'
says "semtinel calibrate $work/run $work/data --split folds"
[ "$(grep -c '^epoch ' "$work/out")" = 2 ] || fail "the epochs of the folds are said"
for fold in 1 2 3; do
    [ "$(grep -c '^epoch ' "$work/run/folds/$fold/log.txt")" = 2 ] || fail "fold $fold: no log"
done

# Each image stands there once, with what the network of its fold says; that has not seen it, and what it has not seen is its fold.
run 0 "$semtinel" evaluate "$work/run" "$work/data" --split folds -o "$work/all"
says 'measuring on all images but those of test'
total=$(find "$work/data" -type f | wc -l)
says "^images    $total measured, 0 skipped"
# A class of one image is in one fold: that is told, and the accuracy without it.
says 'class one: 1 image, in one fold only, whose network has no example of the class: it counts as a mistake'
says "^    0\.[0-9]* on the $((total - 1)) images whose class both know"
for fold in 1 2 3; do
    run 0 "$semtinel" evaluate "$work/run/folds/$fold" "$work/data" -o "$work/fold$fold" --quiet
    [ -f "$work/fold$fold/predictions.csv" ] && tail -n +2 "$work/fold$fold/predictions.csv"
done | grep -v '^one/' | cut -d, -f1-4 | sort >"$work/by-fold.csv" # one of them lacks that class
tail -n +2 "$work/all/predictions.csv" | grep -v '^one/' | cut -d, -f1-4 | sort | cmp -s - "$work/by-fold.csv" || fail "the folds' answers are not their networks'"
grep -q nan "$work/all/predictions.csv" && fail "not a number among the predictions"
# Copies lie in one fold.
for class in bridge clean; do
    first=$(ls "$work/data/$class" | head -n 1)
    grep -l "$class/copy.png" "$work"/fold?/predictions.csv >"$work/of-copy"
    grep -l "$class/$first" "$work"/fold?/predictions.csv | cmp -s - "$work/of-copy" || fail "$class: a copy lies in another fold"
done
# A class of one image is unknown to the network of its fold: no answer is right there, and none fails.
[ "$few" = 1 ] || fail "$few images in class one"
grep -q '^one/[^,]*,one,one' "$work/all/predictions.csv" && fail "a network knows a class that it has not seen"
grep -q 'each by a network that has not seen it (cross-validation)' "$work/all/report.html" || fail "the report does not say what it is of"
grep -q '"split": "folds"' "$work/all/metrics.json" || fail "metrics.json does not say what it is of"

# Equal seeds, equal bytes; resumed, too, and added to a run that is done.
run 0 "$semtinel" train "$work/data" -o "$work/again" "${train[@]}"
run 0 "$semtinel" train "$work/data" -o "$work/again" --init none --folds 3 --resume --threads 1
rm -r "$work/again/folds/2"
expect 1 "folds/2/model.safetensors: is missing, one of 3; 'semtinel train' with --folds 3 and --resume trains it" \
    "$semtinel" evaluate "$work/again" "$work/data" --split folds -o "$work/none"
run 0 "$semtinel" train "$work/data" -o "$work/again" --folds 3 --resume
for fold in 1 2 3; do
    cmp -s "$work/run/folds/$fold/model.safetensors" "$work/again/folds/$fold/model.safetensors" || fail "fold $fold: other bytes"
done
expect 1 'again/folds/1: cannot resume: the images are not those .* give the same DATASET, --also, --folds and --group' \
    "$semtinel" train "$work/data" -o "$work/again" --init none --folds 4 --resume

# Ctrl-C in a fold says how to go on, and nothing is lost.
long=(--init none --mix-synth 0 --width 0.25 --size 48 --epochs 40 --val-share 0 --folds 2)
run 0 "$semtinel" train "$work/data" -o "$work/whole" "${long[@]}"
says 'data: no validation images; the last epoch will be kept$'
says " 11 classes, $total training images, 0 validation images\$"
"$semtinel" train "$work/data" -o "$work/stopped" "${long[@]}" >"$work/out" 2>"$work/err" &
process=$!
for _ in $(seq 1 600); do
    [ -s "$work/stopped/folds/1/checkpoint.safetensors" ] && break
    sleep 0.05
done
kill -INT $process
wait $process
[ $? = 130 ] || fail "Ctrl-C in a fold: exit code"
says '^semtinel: interrupted in fold 1 of 2; the same command with --resume goes on$'
run 0 "$semtinel" train "$work/data" -o "$work/stopped" "${long[@]}" --resume
for part in . folds/1 folds/2; do
    cmp -s "$work/whole/$part/model.safetensors" "$work/stopped/$part/model.safetensors" || fail "$part: other bytes after Ctrl-C"
done
run 2 "$semtinel" train "$work/data" -o "$work/none" --val-share 0.01
says 'val-share 0.01: 0.02 .. 0.5, or 0 for none'

# Thresholds of many more images than val's; kept in the model, whose provenance is then written again.
run 0 "$semtinel" calibrate "$work/run" "$work/data" --split folds --purity 0.15 --views 2
says 'purity 0.15 sure 0.8: '
run 0 "$semtinel" info "$work/run"
grep -q '"split": "folds"' "$work/out" || fail "the model does not say what its thresholds were fitted on"
run 0 "$semtinel" evaluate "$work/run" "$work/data" --split folds -o "$work/all"
says 'on the very images that set these thresholds'
run 0 "$semtinel" evaluate "$work/run" "$work/data" --split val -o "$work/val"
says 'on the very images that set these thresholds'
expect 0 'more images show more: --split folds fits on all but those of test' \
    "$semtinel" calibrate "$work/run" "$work/data" --purity 0.999 -o "$work/none.safetensors"
run 2 "$semtinel" calibrate "$work/run" "$work/data" --split folds --unfamiliar 0.1
says '--unfamiliar and --foreign need images that this network has not seen'

# What they do not fit is told.
run 0 "$semtinel" quantize "$work/run" --calibrate "$work/data" -o "$work/run/model-int8.tflite" --quiet
expect 1 'of a run, not of a tflite file' "$semtinel" evaluate "$work/run/model-int8.tflite" "$work/data" --split folds -o "$work/none"
cp -r "$work/data" "$work/less"
rm "$work/less/ler/$(ls "$work/less/ler" | head -n 1)"
expect 1 "less: is not as it was when the networks of its folds were trained" \
    "$semtinel" evaluate "$work/run" "$work/less" --split folds -o "$work/none"
mkdir "$work/renamed" # as many images of each class, in another order
for class in "$work"/data/*; do
    mkdir "$work/renamed/${class##*/}"
    at=1000
    for file in "$class"/*; do
        cp "$file" "$work/renamed/${class##*/}/$at.png"
        at=$((at - 1))
    done
done
expect 1 "renamed: is not as it was when the networks of its folds were trained .* renamed" \
    "$semtinel" evaluate "$work/run" "$work/renamed" --split folds -o "$work/none"
cp -r "$work/run" "$work/mixed"
cp "$work/run/folds/1/model.safetensors" "$work/mixed/folds/2/model.safetensors"
expect 1 'folds/2/model.safetensors: is of another training' \
    "$semtinel" evaluate "$work/mixed" "$work/data" --split folds -o "$work/none"
# Another run in the folder takes the networks of the earlier one away.
run 0 "$semtinel" train "$work/data" -o "$work/mixed" "${train[@]}" --seed 2 --quiet
expect 1 "has no networks of a cross-validation beside it; 'semtinel train' with --folds 5" \
    "$semtinel" calibrate "$work/mixed" "$work/data" --split folds
expect 0 'more images show more: after .semtinel train. with --folds 5 and --resume, --split folds fits on all but those of test' \
    "$semtinel" calibrate "$work/mixed" "$work/data" --purity 0.999
# What has no training to go on with is not sent to --resume.
rm "$work/mixed/checkpoint.safetensors"
expect 1 'nor the state of a training that could add them: only a run .* no ensemble' \
    "$semtinel" calibrate "$work/mixed" "$work/data" --split folds
run 0 "$semtinel" calibrate "$work/mixed" "$work/data" --purity 0.999
grep -q -- '--split folds' "$work/out" && fail "--resume is proposed where nothing can be resumed"
# Weights that know the images make no cross-validation, nor does a teacher that does.
run 1 "$semtinel" train "$work/data" -o "$work/known" "${train[@]}" --init "$work/run" --folds 2
says 'images of fold 1 trained the initial weights, which would know them'
expect 1 'known: cannot resume: it was started with --init run, not .*; give that --init, or train' \
    "$semtinel" train "$work/data" -o "$work/known" --folds 2 --resume
run 2 "$semtinel" train "$work/data" -o "$work/known" --teacher "$work/run" --folds 2
run 2 "$semtinel" train "$work/data" -o "$work/known" --folds 1

# Lots stay together, and are divided by the same pattern when the networks are asked.
mkdir "$work/lots"
for class in ler open vias; do
    mkdir "$work/lots/$class"
    at=0
    for file in "$work/data/$class"/*.png; do
        cp "$file" "$work/lots/$class/lot$((at % 3))_$at.png"
        at=$((at + 1))
    done
done
run 0 "$semtinel" train "$work/lots" -o "$work/by-lot" "${train[@]}" --folds 3 --group '^[^_]*'
expect 1 'by-lot/folds/1: cannot resume: the images are not those .* and --group' \
    "$semtinel" train "$work/lots" -o "$work/by-lot" --init none --folds 3 --resume
run 0 "$semtinel" evaluate "$work/by-lot" "$work/lots" --split folds -o "$work/all" --quiet
for fold in 1 2 3; do
    run 0 "$semtinel" evaluate "$work/by-lot/folds/$fold" "$work/lots" -o "$work/fold$fold" --quiet
    [ "$(cut -d, -f1 "$work/fold$fold/predictions.csv" | grep -o 'lot[0-9]' | sort -u | wc -l)" = 1 ] || fail "fold $fold: not one lot"
done
# What a network of a fold lacks is not said of the whole set.
mkdir "$work/rare" "$work/rare/one" && cp -r "$work/data/open" "$work/rare" && cp "$work/data/vias/"*1.png "$work/rare/one/1.png"
expect 1 '^semtinel: fold [12] of 2: .*/rare: only class open has training images' \
    "$semtinel" train "$work/rare" -o "$work/none" "${train[@]}" --folds 2
rm -r "$work/none"
run 1 "$semtinel" train "$work/lots" -o "$work/none" "${train[@]}" --folds 3 --group '^x'
says "'^x' matches no image's path below its class folder"
[ -e "$work/none/model.safetensors" ] && fail "a pattern that fits no image is found after the training"
run 2 "$semtinel" train "$work/lots" -o "$work/none" --group '^[^_]*'
says '--group keeps lots or wafers in one of --folds'

# Test images stay out; train and val are pooled.
run 0 "$semtinel" split "$work/data" "$work/parts" --quiet
run 0 "$semtinel" train "$work/parts" -o "$work/parted" "${train[@]}" --folds 2 --quiet
run 0 "$semtinel" evaluate "$work/parted" "$work/parts" --split folds -o "$work/all" --quiet
[ "$(tail -n +2 "$work/all/predictions.csv" | wc -l)" = "$(find "$work/parts/train" "$work/parts/val" -type f | wc -l)" ] ||
    fail "not all images of train and val, or more"
grep -q '^test/' "$work/all/predictions.csv" && fail "a test image is in a fold"
finish
