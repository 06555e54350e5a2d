#!/usr/bin/env bash
# train --cut-bottom: images with an info strip, of which no metadata tell, are to every command what the images without it are.
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# drawn/: 64 rows of specimen and 8 of strip. plain/: the specimen alone. BMP, from the bottom up.
printf -v rule '\t%.0s' {1..192}
bmp() { # bmp HEIGHT: a header of 64 columns
    printf "BM\66\66\0\0\0\0\0\0\66\0\0\0\50\0\0\0\100\0\0\0\\$(printf %o "$1")\0\0\0\1\0\30\0"
    head -c 24 /dev/zero
}
for class in left right; do
    mkdir -p drawn/{train,val}/$class plain/{train,val}/$class
    for i in {1..12}; do
        part=$([ "$i" -le 8 ] && echo train || echo val)
        zeros=$(printf '0%.0s' {1..96})
        half=$(seq $((37 * i)) $((37 * i + 200)) | tr -d '\n')
        [ $class = left ] && row=$zeros$half || row=${half:0:96}$zeros
        for ((k = 0; k < 64; k++)); do printf %s "${row:0:192}"; done | tr 0-9 ' -9BKT]foxz~' >specimen
        {
            bmp 72
            for k in 1 2 3 4 5 6 7 8; do printf %s "$rule"; done
            cat specimen
        } >drawn/$part/$class/"$i".bmp
        { bmp 64; cat specimen; } >plain/$part/$class/"$i".bmp
    done
done
train=(--epochs 3 --size 32 --mix-synth 0 --init none --quiet)
run 0 "$semtinel" train drawn -o d "${train[@]}" --cut-bottom 11.11
run 0 "$semtinel" train plain -o p "${train[@]}"
run 0 "$semtinel" train drawn -o u "${train[@]}"
losses() { cut -d, -f1-6 "$1/history.csv"; }
[ "$(losses d)" = "$(losses p)" ] || fail "training differs: $(losses d) $(losses p)"
[ "$(losses d)" = "$(losses u)" ] && fail "the strip changes nothing, so this test cannot fail"
grep -q 'cut off at the bottom of each image: 11.11% of its height' d/log.txt || fail "$(cat d/log.txt)"
expect 0 '11.11% of an image file.s height are cut off' "$semtinel" info d

same() { # same COMMAND...: with the words d, drawn and the words p, plain; writes o-d or o-p, or prints
    local word one=() other=()
    for word; do
        one+=("${word//@/d}")
        other+=("${word//@/p}")
    done
    run 0 "$semtinel" "${one[@]//%/drawn}" --quiet
    mv out out-d
    run 0 "$semtinel" "${other[@]//%/plain}" --quiet
    diff <(sed 's/drawn/plain/g' out-d) out >/dev/null || fail "differs: $*"
}
same predict @ %/val
for set in drawn plain; do # what it prints tells the memory of familiar images
    run 0 "$semtinel" calibrate ${set:0:1} $set --unfamiliar 0.3 --foreign $set/train/left
    grep familiar out >familiar-${set:0:1} || fail "nothing about familiarity: $(cat out)"
done
cmp familiar-d familiar-p || fail "calibrate differs"
same evaluate @ % --split val -o ev-@
diff <(sed 's/drawn/plain/' ev-d/predictions.csv) ev-p/predictions.csv || fail "evaluate differs"
same explain @ %/val/left -o ex-@
sed -i 's/drawn/plain/' ex-d/explanations.csv
diff -r ex-p ex-d || fail "explain differs"
same label @ %/train -o la-@
diff <(cut -d, -f2- la-d/labels.csv) <(cut -d, -f2- la-p/labels.csv) || fail "label differs"
same adapt @ %/val -o ad-@
same predict ad-@ %/val
for scheme in int8 dynamic; do
    same quantize @ --calibrate % --scheme $scheme -o @-$scheme.tflite
    same predict @-$scheme.tflite %/val
done
same quantize @ --calibrate % --qat % --epochs 1 -o @-qat.tflite
same predict @-qat.tflite %/val
for format in onnx h5 safetensors; do
    same export @ -o @.$format
    same predict @.$format %/val
done
for set in drawn plain; do
    printf '%s\n' 'FileVersion 1 2;' 'DefectRecordSpec 4 DEFECTID CLASSNUMBER IMAGECOUNT IMAGELIST;' \
        'ClassLookup 3 0 "None" 1 "left" 2 "right"; TiffFileName 9.bmp;' 'DefectList 1 0 1 1 1 0;' 'EndOfFile;' >$set/val/left/a.001
done
same klarf %/val/left/a.001 --model @ -o k-@.001 --csv k-@.csv
cmp k-d.csv k-p.csv || fail "klarf differs"
for set in drawn plain; do # the path is in the picture
    ln -sfn $set/val/left shown
    run 0 "$semtinel" demo ${set:0:1} shown --seconds 0.1 -o demo-${set:0:1}.gif
done
cmp demo-d.gif demo-p.gif || fail "demo differs"

# ---- who follows whom
run 0 "$semtinel" train drawn -o d --resume --quiet "${train[@]}"
expect 1 'cut-bottom' "$semtinel" train drawn -o d --resume --quiet "${train[@]}" --cut-bottom 5
run 0 "$semtinel" train drawn -o again --init d --epochs 1 --mix-synth 0 --quiet
expect 0 '11.11%' "$semtinel" info again
run 0 "$semtinel" train drawn -o again --init d --epochs 1 --mix-synth 0 --quiet --cut-bottom 0
"$semtinel" info again | grep -q 'cut off' && fail "--cut-bottom 0 still cuts"
run 0 "$semtinel" train drawn -o taught --teacher d --epochs 1 --mix-synth 0 --quiet
expect 0 '11.11%' "$semtinel" info taught
expect 1 'cut-bottom' "$semtinel" train drawn -o untaught --teacher d --epochs 1 --mix-synth 0 --quiet --cut-bottom 0
expect 1 'cut-bottom' "$semtinel" ensemble d u -o both
run 0 "$semtinel" ensemble d taught -o both
expect 0 '11.11%' "$semtinel" info both
expect 2 'cut-bottom' "$semtinel" train drawn -o x --cut-bottom 51
finish
