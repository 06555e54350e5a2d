# evaluate and predict: files, figures that agree with each other, foreign class names, bad input and exit codes.
. "$(dirname "$0")/checks.sh"

data=$work/data
run 0 "$semtinel" synth "$data" --per-class 4 --size 48 --quiet
run 0 "$semtinel" train "$data" -o "$work/run" --init none --mix-synth 0 --epochs 2 --size 48 --width 0.25 --quiet
[ -s "$work/run/model.safetensors" ] || { fail "no model to evaluate"; exit 1; }

# All files, whole, and figures that agree.
run 0 "$semtinel" evaluate "$work/run" "$data" --split all -o "$work/eval"
says 'weighted avg'
says 'results in '
for f in metrics.json classification_report.txt confusion_matrix.png confusion_matrix.svg confusion_matrix.csv \
         predictions.csv log.txt; do
    [ -s "$work/eval/$f" ] || fail "no $f"
done
ls "$work/eval" | grep -q tmp && fail "temporary files left: $(ls "$work/eval")"
[ "$(wc -l <"$work/eval/predictions.csv")" = 41 ] || fail "predictions.csv does not hold 40 rows"
right=$(awk -F, 'NR > 1 && $2 == $3 { n++ } END { printf "%.6f", n / 40 }' "$work/eval/predictions.csv")
grep -q "\"accuracy\": ${right%%0}" "$work/eval/metrics.json" ||
    grep -q "\"accuracy\": ${right%00000}" "$work/eval/metrics.json" ||
    fail "accuracy $right of predictions.csv is not that of metrics.json: $(grep '"accuracy"' "$work/eval/metrics.json")"
awk -F, 'NR > 1 { s = 0; for (i = 5; i <= NF; i++) s += $i; if (s < 0.9999 || s > 1.0001) exit 1 }' \
    "$work/eval/predictions.csv" || fail "probabilities do not sum to 1"
grep -q 'weighted avg' "$work/eval/log.txt" || fail "the log lacks the report"
# Results among the class folders: no word of their own folder, which had no results yet when the set was scanned.
run 0 "$semtinel" evaluate "$work/run" "$data" --split all -o "$data/eval"
grep -q "$data/eval[:/]" "$work/err" && fail "evaluate names its own folder: $(cat "$work/err")"
rm -r "$data/eval"
grep -q ' of 36 defects are called clean' "$work/eval/report.html" || fail "the four clean images count as defects"

# Where all are right the interval has no width, and how little that shows is said.
class=$(awk -F, 'NR > 1 && $2 == $3 { print $2; exit }' "$work/eval/predictions.csv")
awk -F, 'NR > 1 && $2 == $3 && $2 == "'"$class"'" { print $1 }' "$work/eval/predictions.csv" >"$work/right.txt"
mkdir -p "$work/right-only/$class"
while read -r file; do cp "$data/$file" "$work/right-only/$class"; done <"$work/right.txt"
run 0 "$semtinel" evaluate "$work/run" "$work/right-only" --split all -o "$work/eval-right"
says '^accuracy  1.0000 '
says "^    all are right, .* accuracy of $(awk 'END { printf "%.4f", 0.05 ^ (1 / NR) }' "$work/right.txt")$"

# The files of the run are measured on images of all classes, where there are more than they are measured on.
run 0 "$semtinel" synth "$work/many" --per-class 25 --size 32 --seed 2 --quiet
run 0 "$semtinel" export "$work/run" -o "$work/run/saved_model.pb" -o "$work/run/labels.txt" --quiet
run 0 "$semtinel" evaluate "$work/run" "$work/many" --split all -o "$work/of-many" --quiet
right=$(awk -F, 'NR > 1 { right[NR - 2] = $2 == $3 } END { for (i = 0; i < 200; i++) n += right[int(i * 250 / 200)]; printf "%.3f", n / 200 }' \
    "$work/of-many/predictions.csv")
grep -q "model.safetensors</th>.*<td>$right</td><td>100.0%" "$work/of-many/report.html" ||
    fail "of the run's model not $right is right: $(grep 'model.safetensors</th>' "$work/of-many/report.html")"
grep -q "saved_model.pb</th>.*<td>$right</td><td>100.0%" "$work/of-many/report.html" || fail "the SavedModel is not in the report"
rm "$work/run/saved_model.pb" "$work/run/labels.txt"

# The same bits at any number of threads.
run 0 "$semtinel" evaluate "$work/run" "$data" --split all -o "$work/eval1" --threads 1 --quiet
[ -s "$work/out" ] && fail "--quiet prints: $(cat "$work/out")"
cmp -s "$work/eval/predictions.csv" "$work/eval1/predictions.csv" || fail "predictions depend on the number of threads"

# Foreign names: case and plural are matched, a renamed class is mapped by --map, an unknown one counts as other.
mkdir -p "$work/foreign/test"
cp -r "$data/bridge" "$work/foreign/test/BRIDGES"
cp -r "$data/crack" "$work/foreign/test/Cracks"
cp -r "$data/scratch" "$work/foreign/test/polish marks"
cp -r "$data/particle" "$work/foreign/test/Moon, dust \"x\""
run 0 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --map 'polish marks=scratch'
says 'BRIDGES counts as bridge'
says 'polish marks counts as scratch'
says 'counts as other'
# An image of a class that the model lacks is not one that it is right about.
known=$(grep -v Moon "$work/mapped/predictions.csv" | awk -F, 'NR > 1 { right += $2 == $3 } END { printf "%.4f", right / (NR - 1) }')
says "^    $known on the 12 images whose class both know, other left out"
tr -d '\n ' <"$work/mapped/metrics.json" | grep -q "\"known_classes\":{\"images\":12,\"accuracy\":${known:0:3}" || fail "metrics.json lacks known_classes"
grep -q "<b>${known:0:4}[0-9]</b><span>accuracy on the 12 images whose class both know, other left out" "$work/mapped/report.html" || fail "the report lacks the accuracy on known classes"
cp -r "$data" "$work/stranger" && mv "$work/stranger/other" "$work/stranger/fog" && cp -r "$data/ler" "$work/stranger/yak"
expect 0 'on the 40 images whose class both know, other left out' \
    "$semtinel" evaluate "$work/run" "$work/stranger" --split all -o "$work/strange" --map other=fog
run 0 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --map 'polish marks=scratch'
says 'measuring on test'
grep -q '"test/Moon, dust ""x""/' "$work/mapped/predictions.csv" || fail "odd names are not quoted"
run 2 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --map nonsense
says 'FROM=TO'
run 1 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --split val
says 'has no val images'
mkdir -p "$work/parts/train" "$work/parts/val"
cp -r "$data/ler" "$data/crack" "$work/parts/train"
cp -r "$data/ler" "$work/parts/val"
run 0 "$semtinel" evaluate "$work/run" "$work/parts" -o "$work/val"
says 'measuring on val of'
says 'it has no test part; of a run on this set, val chose the epoch'

# A defect that the model calls clean is one, whether or not the set has clean images; a model without clean calls none so.
run 0 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --classes bridge,clean_a,clean_b,clean_c,clean_d,clean_e,clean_f,clean_g,clean_h,clean_i
grep -q ' 16 of 16 defects are called clean' "$work/mapped/report.html" || fail "defects called clean are not counted"
run 0 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --classes bridge,b,c,d,e,f,g,h,i,j
grep -q 'called clean' "$work/mapped/report.html" && fail "a model that does not know clean calls defects clean"

# Where two classes count as one, so do their probabilities.
run 0 "$semtinel" evaluate "$work/run" "$data" --split all -o "$work/joined" --map ler=bridge
loss=$(sed -n 's/.*"log_loss": \([0-9.]*\).*/\1/p' "$work/joined/metrics.json")
awk -F, -v told="$loss" 'NR == 1 { for (i = 5; i <= NF; i++) at[$i] = i; next }
    { sum -= log($at[$2] + ($2 == "bridge" ? $at["ler"] : 0)) }
    END { off = sum / (NR - 1) - told; exit off * off > 1e-8 }' "$work/joined/predictions.csv" ||
    fail "log loss $loss is not that of predictions.csv"

# Classes that have nothing to do with each other: an error, not 100%.
run 1 "$semtinel" evaluate "$work/run" "$work/foreign" -o "$work/mapped" --classes a,b,c,d,e,f,g,h,i,j
says 'no class in common'
mkdir -p "$work/zoo" && cp -r "$data/ler" "$work/zoo/ant" && cp -r "$data/vias" "$work/zoo/bee"
run 1 "$semtinel" quantize "$work/run" --calibrate "$data" --evaluate "$work/zoo" -o "$work/unlike/"
grep -q calibrated "$work/out" && fail "told after the work"
says "no class in common .* 'semtinel evaluate' names the model's classes with --classes" # quantize does not
mkdir -p "$work/apart/train" "$work/apart/val" && cp -r "$data/ler" "$work/apart/train/" && cp -r "$data/vias" "$work/apart/val/bee"
run 1 "$semtinel" evaluate "$work/run" "$work/apart" -o "$work/mapped"
says "no class in common .* and .bee., ...)" # not a class that was not to be measured
mkdir -p "$work/bare"
for wrong in "--evaluate $work/bare" "--evaluate $data --agree $work/bare"; do # told before the work
    # shellcheck disable=SC2086
    run 1 "$semtinel" quantize "$work/run" --calibrate "$data" $wrong -o "$work/early/"
    says 'bare: no image'
    [ -e "$work/early" ] && fail "$wrong is told only after the work"
done

# Unreadable images are named, skipped and lead to 3.
cp -r "$data" "$work/spoilt"
head -c 40 "$data/ler/"*1.png >"$work/spoilt/ler/torn.png" 2>/dev/null || echo junk >"$work/spoilt/ler/torn.png"
run 3 "$semtinel" evaluate "$work/run" "$work/spoilt" -o "$work/skipped"
says 'torn.png'
grep -q '"skipped": 1' "$work/skipped/metrics.json" || fail "skipped images are not counted"

# All precisions beside each other: images are read, and what is to be said of them is said, once.
for folder in "$data/" "$data/train/new"; do
    run 1 "$semtinel" quantize "$work/run" --calibrate "$data" -o "$folder"
    says 'lies inside .*; name a folder outside of it'
done
latin=$work/$(printf 'gest\366rt') # no UTF-8, and precision.json is
cp -r "$work/spoilt" "$latin"
run 3 "$semtinel" quantize "$work/run" --calibrate "$data" --evaluate "$latin" --agree "$data" -o "$work/precisions/"
[ "$(grep -c 'measuring on' "$work/out")" = 1 ] || fail "quantize --evaluate says more than once what it measures on"
[ "$(grep -c 'torn.png' "$work/err")" = 1 ] || fail "quantize --evaluate names an unreadable image more than once"
[ "$(grep -c '"agreement"' "$work/precisions/precision.json")" = 4 ] || fail "not four precisions"
grep -q '"agreement_images": 40,' "$work/precisions/precision.json" || fail "precision.json does not say on how many images"
says "wrote $work/precisions/precision.txt"
awk '$4 ~ /^[+-]/ { for (i = 5; i < NF; i += 2) { off = 100 * ($i - $3) - $(i + 1); if (off * off > 0.04) exit 1 } }' \
    "$work/precisions/precision.txt" || fail "changes are not those of the recalls: $(cat "$work/precisions/precision.txt")"
awk '/"worst_class"/ { gsub(/[",]/, "", $2); worst = $2; least = 2 } /: \{$/ { gsub(/[":]/, "", $1); class = $1 }
    /"f1"/ { f1[class] = $2 + 0; if (f1[class] < least) least = f1[class] } /^    \}/ { if (f1[worst] > least) exit 1 }' \
    "$work/precisions/precision.json" || fail "worst_class is not the worst"
for model in float32 int8; do run 0 "$semtinel" predict "$work/precisions/$model.tflite" "$data" -o "$work/$model.csv" --quiet; done
told=$(sed -n 's/.*"agreement": \([0-9.]*\),/\1/p' "$work/precisions/precision.json" | tail -n 1)
paste -d, "$work/float32.csv" "$work/int8.csv" | awk -F, -v told="$told" 'NR > 1 { same += $2 == $5 } END { exit same / 40 != told + 0 }' ||
    fail "agreement of int8 is not $told"
mkdir "$work/long"
cp -r "$data/bridge" "$work/long/金属线之间的桥接缺陷"
cp -r "$data/clean" "$work/long"
run 0 "$semtinel" train "$work/long" -o "$work/long-run" --init none --mix-synth 0 --epochs 1 --size 32 --width 0.25 --quiet
run 0 "$semtinel" quantize "$work/long-run" --calibrate "$work/long" --evaluate "$work/long" -o "$work/long-precisions" --quiet
grep -Eq '^金属线之间的桥接缺陷 +[0-9]+ ' "$work/long-precisions/precision.txt" || fail "a class name is cut in precision.txt"
# What is not written anew stays, and is named.
echo left >"$work/long-precisions/int8-qat.onnx"
run 0 "$semtinel" quantize "$work/run" --calibrate "$data" -o "$work/long-precisions" --quiet
for left in int8-qat.onnx precision.txt; do says "long-precisions/$left is of an earlier call"; done
run 0 "$semtinel" evaluate "$work/run" "$data" -o "$work/slash//" --classes "$(cd "$data" && ls -m | tr -d ' \n')" --map ler=ler
says "results in $work/slash; open $work/slash/report.html"

# predict: files and folders, without labels.
run 3 "$semtinel" predict "$work/run" "$data/missing" "$data/vias" -o "$work/p.csv"
says "^wrote $work/p.csv: 4 images$"
[ "$(wc -l <"$work/p.csv")" = 5 ] || fail "predict -o does not give 4 rows"
run 0 "$semtinel" predict "$work/run" "$data"
[ "$(head -n 1 "$work/out")" = image_name,predicted_class,confidence ] || fail "header: $(head -n 1 "$work/out")"
[ "$(wc -l <"$work/out")" = 41 ] || fail "predict does not give 40 rows"
# What predict says is what evaluate says.
tail -n +2 "$work/eval/predictions.csv" | awk -F, '{ print $3 "," $4 }' | sort >"$work/a"
tail -n +2 "$work/out" | awk -F, '{ print $2 "," $3 }' | sort >"$work/b"
cmp -s "$work/a" "$work/b" || fail "predict and evaluate differ"
run 3 "$semtinel" predict "$work/run" "$work/spoilt/ler" --json
says '"probabilities"'
says 'torn.png'
cp "$work/out" "$work/printed"
run 3 "$semtinel" predict "$work/run" "$work/spoilt/ler" -o "$work/p.json"
cmp -s "$work/printed" "$work/p.json" || fail "predict -o p.json differs from predict --json"
run 1 "$semtinel" predict "$work/run" "$work/missing.png"
mkdir "$work/empty"
run 1 "$semtinel" predict "$work/run" "$work/empty"
says 'no image'
touch "$work/empty/a.avif" "$work/empty/b.gif" "$work/empty/notes.txt"
run 1 "$semtinel" predict "$work/run" "$work/empty"
says 'empty: 2 pictures of formats that are not read, the first .*a.avif'
rm "$work/empty/"*
# What a user did not name: folders above, an earlier command's pictures, a NAS's thumbnails.
mkdir "$work/inbox" "$work/inbox/why" "$work/inbox/@eaDir"
image=$(find "$data/vias" -name '*.png' | head -n 1)
for folder in inbox inbox/why inbox/@eaDir; do cp "$image" "$work/$folder/a.png"; done
touch "$work/inbox/why/explanations.csv"
ln -s .. "$work/inbox/up"
run 0 "$semtinel" predict "$work/run" "$work/inbox"
[ "$(wc -l <"$work/out")" = 2 ] || fail "predict looks further than the folder: $(cat "$work/out")"
says 'inbox/up: ignored: a link to a folder that it lies in'
says 'inbox/why: ignored: results of semtinel'

# Wrong use and bad models.
run 2 "$semtinel" evaluate "$work/run" "$data"
run 2 "$semtinel" evaluate "$work/run" -o "$work/x"
run 1 "$semtinel" evaluate "$work/missing" "$data" -o "$work/x"
says 'no such model'
run 1 "$semtinel" evaluate "$work/empty" "$data" -o "$work/x"
says 'holds no model.safetensors'
echo garbage >"$work/bad.safetensors"
run 1 "$semtinel" evaluate "$work/bad.safetensors" "$data" -o "$work/x"
says 'bad.safetensors'
head -c 3000 "$work/run/model.safetensors" >"$work/torn.safetensors"
run 1 "$semtinel" predict "$work/torn.safetensors" "$data"
says 'torn.safetensors'
[ -e "$work/x/metrics.json" ] && fail "results of a failed evaluation"
run 1 "$semtinel" evaluate "$work/run" "$data" -o "$work/bad.safetensors"
says 'bad.safetensors'
run 1 "$semtinel" evaluate "$work/run" "$data" -o "$work/x" --classes a,b
says '2 class names for a network with 10 outputs'
run 1 "$semtinel" predict "$work/run" "$data/vias" --json --classes a,b,c,d,e,f,g,h,i,b
says "'b' stands there twice"
[ -e /dev/full ] && { run 1 "$semtinel" predict "$work/run" "$data/vias" -o /dev/full/x; }
run 1 bash -c "'$semtinel' predict '$work/run' '$data/vias' >/dev/full"

# Images that trained the model are known again, in a copied and changed folder and behind an exported file, too.
run 0 "$semtinel" synth "$work/plain" --per-class 8 --size 32 --seed 5 --quiet
run 0 "$semtinel" train "$work/plain" -o "$work/known" --size 32 --width 0.25 --init none --epochs 1 --mix-synth 0 --quiet
run 0 "$semtinel" evaluate "$work/known" "$work/plain" -o "$work/seen"
trained=$(sed -n 's/.*: \([0-9]*\) images trained the model and are left out.*/\1/p' "$work/out")
[ "${trained:-0}" -gt 40 ] && [ "$trained" -lt 80 ] || fail "images that trained are not left out"
[ "$(tail -n +2 "$work/seen/predictions.csv" | wc -l)" = $((80 - trained)) ] || fail "others than the unseen images are measured"
expect 0 "warning: .*: $trained of 80 images to measure are among those that trained the model" \
    "$semtinel" evaluate "$work/known" "$work/plain" -o "$work/seen" --split all
grep -q "\"trained_on\": $trained" "$work/seen/metrics.json" || fail "metrics.json does not say what trained"
grep -q "$trained of 80 images trained the" "$work/seen/report.html" || fail "report.html does not say what trained"
run 0 "$semtinel" export "$work/known" -o "$work/known.tflite" --quiet
mkdir "$work/moved"
cp -r "$work/plain" "$work/moved/test"
mv "$work/moved/test/crack/$(ls "$work/moved/test/crack" | head -1)" "$work/moved/test/crack/renamed.png"
expect 0 "warning: .*: $trained of 80 images to measure are among" "$semtinel" evaluate "$work/known.tflite" "$work/moved" -o "$work/seen"
run 0 "$semtinel" synth "$work/new" --per-class 2 --size 32 --seed 6 --quiet
run 0 "$semtinel" evaluate "$work/known" "$work/new" -o "$work/seen"
grep -q "trained" "$work/out" "$work/err" && fail "new images are taken for training images"
mkdir -p "$work/one/crack" && cp "$work/moved/test/crack/renamed.png" "$work/new/crack/"*1.png "$work/one/crack"
expect 0 ": 1 image trained the model and is left out \(.* it, too\); 1 did not. What training held out chose its epoch and calibrate.s thresholds" "$semtinel" evaluate "$work/known" "$work/one" -o "$work/seen"
# Those that trained the weights that a run began with have trained it, too.
run 0 "$semtinel" train "$work/new" -o "$work/later" --init "$work/known" --width 0.25 --epochs 1 --quiet
expect 0 ": $trained images trained the model and are left out" "$semtinel" evaluate "$work/later" "$work/plain" -o "$work/seen"
expect 0 "images trained the model and are left out" "$semtinel" evaluate "$work/later" "$work/new" -o "$work/seen"
expect 0 '"seen": "marks of [0-9]+ files"' "$semtinel" info "$work/known"

# A page that cannot be written takes no figures along, and leaves no page of an earlier evaluation beside them.
run 0 "$semtinel" evaluate "$work/known" "$data" -o "$work/right"
blocks=$(($(stat -c %s "$work/right/report.html") / 1024 - 4))
expect 1 "report.html: cannot write: File too large" bash -c 'ulimit -f $0 && exec "$@"' $blocks "$semtinel" evaluate "$work/known" "$data" -o "$work/seen"
[ -e "$work/seen/report.html" ] && fail "the page is of another evaluation than the rest"
for file in predictions.csv classification_report.txt confusion_matrix.png; do
    cmp -s "$work/right/$file" "$work/seen/$file" || fail "$file is not there without a page"
done

finish
