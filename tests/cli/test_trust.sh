# calibrate, review, explain, compare and demo from the command line, with bad input.
. "$(dirname "$0")/checks.sh"

for part in train val test; do
    run 0 "$semtinel" synth "$work/data/$part" --per-class 4 --size 48 --seed ${#part} --quiet
done
run 0 "$semtinel" train "$work/data" -o "$work/run" --init none --mix-synth 0 --epochs 2 --size 48 --width 0.25 --quiet
cp -r "$work/run" "$work/plain"

# Calibration is kept in the model and told by evaluate; the class decisions stay.
run 0 "$semtinel" evaluate "$work/run" "$work/data" -o "$work/before" --quiet
run 0 "$semtinel" calibrate "$work/run" "$work/data" --max-rejection 0.5
says 'temperature'
says 'rejection 0.5'
run 0 "$semtinel" evaluate "$work/run" "$work/data" -o "$work/after"
says 'decided automatically'
grep -q 'very images' "$work/out" "$work/after/report.html" && fail "other images are taken for those of the fit"
run 0 "$semtinel" evaluate "$work/run" "$work/data/" --split val -o "$work/fit"
says 'on the very images that set these thresholds'
grep -q 'rejection 0.5, set on these very images) decide' "$work/fit/report.html" || fail "report.html: silent about the images of the fit"
[ "$(cut -d, -f1-3 "$work/before/predictions.csv" | cksum)" = "$(cut -d, -f1-3 "$work/after/predictions.csv" | cksum)" ] ||
    fail "calibration changed a decision"
grep -q '"target": "rejection 0.5"' "$work/after/metrics.json" || fail "metrics.json lacks the rejection"
[ -s "$work/after/reliability.png" ] && [ -s "$work/after/coverage.png" ] || fail "no reliability or coverage picture"
# Images whose labels are all wrong: any higher temperature would fit better, and the highest says that it is a limit.
run 0 "$semtinel" train "$work/data" -o "$work/sure" --epochs 15 --mix-synth 0 --size 48 --batch 8 --quiet
classes=("$work"/data/val/*)
for i in "${!classes[@]}"; do
    mkdir -p "$work/wrong/val" && cp -r "${classes[i]}" "$work/wrong/val/$(basename "${classes[(i + 1) % ${#classes[@]}]}")"
done
expect 0 'temperature (19\.99|20\.00).*: the highest that is set; .* look whether their labels are right' \
    "$semtinel" calibrate "$work/sure" "$work/wrong"
# Images labelled by the hardly trained network itself: the lower the better, but for one image of another class.
run 0 "$semtinel" label "$work/plain" "$work/data/val" -o "$work/own" --surest 1
moved=$(find "$work/own" -name '*.png' | sort | head -n 1)
mkdir -p "$work/own/zebra" && mv "$moved" "$work/own/zebra/"
expect 0 'temperature 0\.0500: the lowest that is set; .* train it longer' "$semtinel" calibrate "$work/plain" "$work/own" --split all
# Where nothing is decided there is no purity to draw.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity 1 -o "$work/never.safetensors"
expect 0 'nothing decided automatically' "$semtinel" evaluate "$work/never.safetensors" "$work/data" -o "$work/never"
grep -q 'thresholds of the model' "$work/after/report.html" || fail "report.html lacks the place of the thresholds"
grep -q 'thresholds of the model' "$work/never/report.html" && fail "report.html draws a purity of no decision"

# predict says review for what is below the threshold, and only then.
run 0 "$semtinel" predict "$work/run" "$work/data/val"
[ "$(head -n 1 "$work/out")" = image_name,predicted_class,confidence,suggested_class,review_reason ] || fail "header: $(head -n 1 "$work/out")"
review=$(grep -c ',review,' "$work/out")
[ "$review" -gt 0 ] && [ "$review" -le 20 ] || fail "$review of 40 to review; at most half were allowed on these images"
awk -F, 'NR > 1 && $2 != "review" && $2 != $4 { exit 1 }' "$work/out" || fail "a decision differs from the suggestion"
awk -F, 'NR > 1 && $5 != ($2 == "review" ? "unsure" : "") { exit 1 }' "$work/out" || fail "the reason is not that of the decision"
run 0 "$semtinel" predict "$work/run" "$work/data/val" --json
[ "$(grep -c '"review_reason": "unsure"' "$work/out")" = "$review" ] || fail "JSON: other reasons than in CSV"
[ "$(grep -c ',unsure$' "$work/fit/predictions.csv")" = "$review" ] || fail "predictions.csv does not tell what goes to review"
expect 0 "^wrote $work/reviewed.csv: 40 images, $review to review$" "$semtinel" predict "$work/run" "$work/data/val" -o "$work/reviewed.csv"
run 0 "$semtinel" predict "$work/plain" "$work/data/val"
grep -qE ',review(,|_)' "$work/out" && fail "a model without thresholds sends to review"

# The decision goes along with an export.
if "$semtinel" export --help >/dev/null 2>&1; then
    run 0 "$semtinel" export "$work/run" -o "$work/model.tflite"
    run 0 "$semtinel" predict "$work/model.tflite" "$work/data/val" -o "$work/tflite.csv"
    grep -q ',review,' "$work/tflite.csv" || fail "an exported model forgets its thresholds"
    run 1 "$semtinel" calibrate "$work/model.tflite" "$work/data"
    says 'calibrate the run'
fi
# What is unlike the images of the fit goes to review too.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --unfamiliar 0.1 --foreign "$work/data/train/via"* -o "$work/watch.safetensors"
says 'foreign images: area under the ROC curve'
says '^  all classes      always decided automatically, unless unfamiliar$'
if "$semtinel" export --help >/dev/null 2>&1; then
    run 0 "$semtinel" export "$work/watch.safetensors" -o "$work/watch.tflite"
    expect 0 'familiar; nothing is sent to review here$' "$semtinel" predict "$work/watch.tflite" "$work/data/val" -o "$work/tflite.csv"
    run 0 "$semtinel" export "$work/watch.safetensors" -o "$work/copy.safetensors"
    cmp "$work/watch.safetensors" "$work/copy.safetensors" || fail "a copy of a checkpoint forgets what is familiar"
    run 0 "$semtinel" export "$work/watch.safetensors" -o "$work/half.safetensors" --float16
    run 0 "$semtinel" predict "$work/half.safetensors" "$work/data/val" -o "$work/half.csv"
    grep -q ',unfamiliar$' "$work/half.csv" || fail "to a checkpoint of 16 bits everything is familiar"
fi
run 0 "$semtinel" evaluate "$work/watch.safetensors" "$work/data" -o "$work/watched"
says 'unfamiliar 0.1'
grep -q '^file,true,.*,review_reason$' "$work/watched/predictions.csv" && grep -q ',unfamiliar$' "$work/watched/predictions.csv" ||
    fail "predictions.csv does not tell what is unfamiliar"
# An image that cannot be read takes no other one's familiarity.
run 0 "$semtinel" predict "$work/watch.safetensors" "$work/data" -o "$work/all.csv" --quiet
grep -q ',unfamiliar$' "$work/all.csv" || fail "predict finds nothing unfamiliar"
run 3 "$semtinel" predict "$work/watch.safetensors" "$work/missing.png" "$work/data" -o "$work/fewer.csv" --quiet
cmp -s "$work/all.csv" "$work/fewer.csv" || fail "a missing image changes the reviews of others"
grep -q ',unsure$' "$work/watched/predictions.csv" && fail "without thresholds something is unsure"
# Of 768 training images 512 are remembered, evenly picked: not the first of each three. What is not picked is not read.
mkdir -p "$work/many/train/bridge" "$work/many/train/crack" && cp -r "$work/data/val" "$work/many"
for class in bridge crack; do
    images=("$work/data/train/$class/"*)
    for i in {100..483}; do ln "${images[i % 4]}" "$work/many/train/$class/$i.png"; done
done
for image in bridge/100 bridge/103 crack/481 crack/483; do rm "$work/many/train/$image.png" && echo junk >"$work/many/train/$image.png"; done
run 0 "$semtinel" calibrate "$work/plain" "$work/many" --unfamiliar 0.1 -o "$work/own.safetensors" --quiet
[ "$(grep -o 'train/.*png' "$work/err")" = train/crack/483.png ] || fail "other images are picked: $(cat "$work/err")"
# How foreign images score is told without it too, before deciding for it; then nothing is remembered, whatever was.
mkdir "$work/foreign" && cp "$work/data/train/via"*/* "$work/foreign" && echo junk >"$work/foreign/junk.png"
run 3 "$semtinel" calibrate "$work/watch.safetensors" "$work/data" --foreign "$work/foreign" -o "$work/blind.safetensors"
says '^before, it sent images to review by unfamiliar 0.1: to keep that, give its options again$'
says '^4 foreign images: area under the ROC curve [01]\.[0-9]* by familiarity, [01]\.[0-9]* by confidence; .*--unfamiliar'
run 0 "$semtinel" info "$work/watch.safetensors" --json
grep -q '"state_values": [1-9]' "$work/out" || fail "nothing remembered with --unfamiliar"
run 0 "$semtinel" info "$work/blind.safetensors" --json
says '"state_values": 0'
# Both kinds are compared at one temperature: by images of the fit themselves nothing is told apart (but for last digits).
run 0 "$semtinel" train "$work/data" -o "$work/unsure" --mix-synth 0 --epochs 4 --size 48 --quiet
run 0 "$semtinel" calibrate "$work/unsure" "$work/data" --split train --foreign "$work/data/train" -o "$work/alike.safetensors"
says ', 0\.\(49[5-9]\|50[0-5]\) by confidence'
grep -q '^temperature 1\.0000' "$work/out" && fail "temperature 1 hides how they are compared"
run 1 "$semtinel" calibrate "$work/plain" "$work/data" --foreign "$work/foreign/junk.png" -o "$work/none.safetensors"
says 'junk.png: no image of 1 can be read'
[ -e "$work/none.safetensors" ] && fail "a model is written without foreign images"
# Both limits together send no more to review than was asked for: a fifth of 40 images.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --max-rejection 0.2 --unfamiliar 0.1 -o "$work/both.safetensors"
says '^rejection 0.2, unfamiliar 0.1: 80.0% decided automatically'
run 0 "$semtinel" predict "$work/both.safetensors" "$work/data/val"
[ "$(grep -c ',review,.*,unsure$' "$work/out") $(grep -c ',review,.*,unfamiliar$' "$work/out")" = "4 4" ] ||
    fail "not 4 unsure and 4 unfamiliar images: $(grep ',review,' "$work/out")"
run 2 "$semtinel" calibrate "$work/plain" "$work/data" --max-rejection 0.05 --unfamiliar 0.1
says "unfamiliar 0.1 alone sends more to review than --max-rejection 0.05 allows"
run 2 "$semtinel" calibrate "$work/run" "$work/data" --purity 0.9 --max-rejection 0.1
run 2 "$semtinel" calibrate "$work/run" "$work/data" --purity 1.5
run 2 "$semtinel" calibrate "$work/run" "$work/data" --per-class
run 2 "$semtinel" calibrate "$work/run" "$work/data" --sure 0.9 --max-rejection 0.1
says '--sure says how surely a purity holds'
# Views and thresholds that are not asked for again are gone, and that is said.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --max-rejection 0.5 --views 8 -o "$work/eight.safetensors"
grep -q '^before' "$work/out" && fail "calibrate drops what the model never had"
run 0 "$semtinel" calibrate "$work/eight.safetensors" "$work/data" -o "$work/one.safetensors"
says '^before, it sent images to review by rejection 0.5: '
says '^before, it classified by 8 views: to keep that, give --views 8 again$'
# What more views would bring is measured on up to a thousand images.
mkdir -p "$work/thousand/val/bridge" "$work/thousand/val/crack"
for i in {1..500}; do
    for class in bridge crack; do ln "$work/many/train/$class/482.png" "$work/thousand/val/$class/$i.png"; done
done
run 0 "$semtinel" calibrate "$work/plain" "$work/thousand" -o "$work/one.safetensors"
says '^--views 8 would have'
ln "$work/thousand/val/crack/500.png" "$work/thousand/val/crack/501.png"
run 0 "$semtinel" calibrate "$work/plain" "$work/thousand" -o "$work/one.safetensors"
grep -q '^--views' "$work/out" && fail "views are tried on 1001 images"
# What so few images cannot show goes to review, and why is said.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity 0.99 -o "$work/strict.safetensors"
says 'all classes *always to review: no threshold shows the purity, for which at least 161 decisions'
run 0 "$semtinel" predict "$work/strict.safetensors" "$work/data/val"
[ "$(grep -c ',review,' "$work/out")" = 40 ] || fail "a purity that is not shown lets images pass"
# What they do show is offered, and holds when taken.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity 0.99 -o "$work/strict.safetensors"
offer=$(sed -n 's/^--purity \([0-9.]*\) would decide *\([0-9.]*\)% automatically$/\1 \2/p' "$work/out" | head -n 1)
[ -n "$offer" ] || fail "calibrate does not say which lower purity is shown"
[ "$(grep -c '^--purity' "$work/out")" -le 3 ] || fail "more than three lower purities: $(cat "$work/out")"
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity "${offer% *}" -o "$work/lower.safetensors"
says "${offer#* }% decided automatically"
# A purity of its own for a class: kept in the model, told by every command that tells thresholds.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity 0.01 --sure 0.5 --purity-of Crack=0.4 --purity-of clean=0.999 \
    -o "$work/own.safetensors"
says '^purity 0.01, .*of crack 0.4, .*sure 0.5:'
says 'clean.* purity 0.999: always to review: .* at least 693 decisions'
run 0 "$semtinel" info "$work/own.safetensors" --json
says '"purity_of": {'
run 0 "$semtinel" evaluate "$work/own.safetensors" "$work/data" -o "$work/owned"
says '  crack .* decided.* (0.4 asked)'
says '0 of [0-9]* decided (0.999 asked)'
grep -q '"purity_asked": 0.4,' "$work/owned/metrics.json" || fail "metrics.json lacks the purity of a class"
grep -q 'id="thresholds"' "$work/owned/report.html" || fail "report.html lacks the thresholds by class"
run 0 "$semtinel" predict "$work/own.safetensors" "$work/data/val"
awk -F, 'NR > 1 && tolower($4) ~ /^clean/ && $2 != "review" { exit 1 }' "$work/out" || fail "clean is decided without its purity"
# Alone, it leaves the others as they are.
run 0 "$semtinel" calibrate "$work/plain" "$work/data" --purity-of clean=0.999 -o "$work/own.safetensors"
says '^  bridge           always decided automatically$'
run 0 "$semtinel" evaluate "$work/own.safetensors" "$work/data" -o "$work/one-owned" --quiet
grep -q '<th scope="row">bridge</th><td></td><td>none</td>' "$work/one-owned/report.html" || fail "report.html: a threshold that is none"
expect 2 '-o .*own.tflite: a calibrated model is written as .safetensors' "$semtinel" calibrate "$work/plain" "$work/data" -o "$work/own.tflite"
run 0 "$semtinel" predict "$work/own.safetensors" "$work/data/val"
awk -F, 'NR > 1 && ($2 == "review") != (tolower($4) ~ /^clean/) { exit 1 }' "$work/out" || fail "review of other classes than clean"
# Of a class that the model does not know it decides rightly by "other" alone, whatever else the set lacks.
mkdir -p "$work/strange/val/moon dust" && cp -r "$work/data/val/bridge" "$work/strange/val"
cp "$work/data/val/"[!b]*/* "$work/strange/val/moon dust"
run 0 "$semtinel" predict "$work/plain" "$work/strange" -o "$work/strange.csv"
right=$(awk -F, 'NR > 1 && $2 == ($1 ~ /moon/ ? "other" : "bridge") { n++ } END { printf "%.4f", n / (NR - 1) }' "$work/strange.csv")
run 0 "$semtinel" calibrate "$work/plain" "$work/strange" --max-rejection 0 -o "$work/own.safetensors"
says "100.0% decided automatically, purity $right"
says 'predicted crack counts as a mistake: the set has no such class'
run 2 "$semtinel" calibrate "$work/run" "$work/data" --purity-of crack
says 'not of the form CLASS=X'
for value in 0 1.5 much; do
    run 2 "$semtinel" calibrate "$work/run" "$work/data" --purity-of crack=$value
    says 'not a number above 0 and up to 1'
done
run 2 "$semtinel" calibrate "$work/run" "$work/data" --purity-of crack=0.9 --max-rejection 0.1
says 'exclude each other'
run 1 "$semtinel" calibrate "$work/run" "$work/data" --purity-of crakc=0.9
says "has no class 'crakc'; did you mean 'crack'?"
run 1 "$semtinel" calibrate "$work/run" "$work/data" --purity-of Brige=0.9
says "has no class 'Brige'; did you mean 'bridge'?"
expect 1 "has no class '=zebra'" "$semtinel" calibrate "$work/run" "$work/data" --purity-of =zebra=0.9
run 1 "$semtinel" calibrate "$work/run" "$work/data" --purity-of crack=0.9 --purity-of CRACK=0.8
says 'has a purity already'

# A class that is called as what predict says of images for review.
mkdir -p "$work/named/train" && cp -r "$work/data/train/bridge" "$work/named/train/Review" && cp -r "$work/data/train/crack" "$work/named/train"
run 0 "$semtinel" train "$work/named" -o "$work/named-run" --init none --mix-synth 0 --epochs 1 --size 32 --width 0.25 --val-share 0.4 --quiet
run 0 "$semtinel" calibrate "$work/named-run" "$work/named"
grep -q 'warning' "$work/err" && fail "a warning of review without thresholds"
expect 0 "warning: .*: has a class 'Review', .* review_reason is empty" "$semtinel" calibrate "$work/named-run" "$work/named" --max-rejection 0
# Nor does it know what clean is: of what is called so nothing can be told.
run 0 "$semtinel" evaluate "$work/named-run" "$work/named" -o "$work/named-out" --quiet
[ "$(grep -cE '"(defects|escapes|escapes_without_review)": null' "$work/named-out/metrics.json")" = 3 ] || fail "metrics.json: escapes of a model that knows no clean"

# Without val/, the images that the training held out are taken, and only of the set that it was trained on, whatever
# in it cannot be read: that stays in train.
for class in bridge crack open; do
    echo broken >"$work/data/train/$class/unreadable.png"
done
run 3 "$semtinel" train "$work/data/train" -o "$work/held" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25 --val-share 0.4
held=$(sed -n 's/.* \([0-9]*\) validation images (held out)$/\1/p' "$work/out")
run 0 "$semtinel" calibrate "$work/held" "$work/data/train"
run 0 "$semtinel" info "$work/held" --json
says "\"images\": $held,"
rm "$work/data/train/"*/unreadable.png
# For evaluate they are what did not train it; they chose its epoch and temperature all the same, and newer images did not.
expect 0 'temperature [0-9.]*, set on these very images;' "$semtinel" evaluate "$work/held" "$work/data/train" -o "$work/unseen"
grep -q 'did not train it, but may have chosen its epoch, of' "$work/unseen/report.html" &&
    grep -q 'temperature [0-9.]*, set on these very images;' "$work/unseen/report.html" || fail "report.html: silent about what was held out"
cp "$work/data/val/bridge/"*0.png "$work/data/train/bridge/newer.png"
run 0 "$semtinel" evaluate "$work/held" "$work/data/train" -o "$work/unseen"
grep -q 'very images' "$work/out" "$work/unseen/report.html" && fail "newer images are taken for those of the fit"
rm "$work/data/train/bridge/newer.png"
rm "$(find "$work/data/train" -name '*.png' | sort | head -n 1)"
run 1 "$semtinel" calibrate "$work/held" "$work/data/train"
says 'not as it was when a part of it was held out'
mkdir "$work/folder" && cp -r "$work/data/val/." "$work/folder"
run 1 "$semtinel" calibrate "$work/run" "$work/folder"
says 'has no val images'

# explain: one overlay an image, also of equal names, and their numbers.
mkdir "$work/twice" && cp "$work/data/test/bridge/"*1.png "$work/twice/"
run 0 "$semtinel" explain "$work/run" "$work/data/test/bridge" "$work/twice" -o "$work/why" --class crack
images=$(($(ls "$work/data/test/bridge" | wc -l) + $(ls "$work/twice" | wc -l)))
[ "$(ls "$work/why" | grep -c '\.png$')" = "$images" ] || fail "not $images overlays: $(ls "$work/why")"
[ "$(wc -l <"$work/why/explanations.csv")" = $((images + 1)) ] || fail "explanations.csv lacks rows"
awk -F, 'NR > 1 && ($3 != "crack" || $5 < 0 || $5 > 1 || $9 < 0 || $9 > 1) { exit 1 }' "$work/why/explanations.csv" ||
    fail "numbers of the map are out of range"
# An image keeps the name of its overlay in a second call, others' stay. Names of the longest kind get a number, too.
again=$(ls "$work/twice" | wc -l)
says "$again names\? w[a-z]* taken and got a number; $work/why/explanations.csv says"
for overlay in "$work/why/"*.png; do echo old >"$overlay"; done
ls "$work/why" >"$work/names"
run 0 "$semtinel" explain "$work/run" "$work/twice" -o "$work/why"
ls "$work/why" | diff "$work/names" - || fail "other names than before"
[ "$(grep -Lx old "$work/why/"*.png | wc -l)" = "$again" ] || fail "not $again new overlays"
sed -n '2,$s/.*,//p' "$work/why/explanations.csv" | while read -r overlay; do [ "$(head -c 3 "$work/why/$overlay")" = old ] && echo "$overlay"; done |
    grep . && fail "the list names old overlays"
odd="$work/a, \"b\""$'\n'"c "
mkdir "$odd" && cp "$work/twice/$(ls "$work/twice" | head -n 1)" "$odd/d, \"e\""$'\n'"f.png"
for _ in 1 2; do
    run 0 "$semtinel" explain "$work/run" "$odd" -o "$work/why-odd"
    [ "$(find "$work/why-odd" -name '*.png' -printf x)" = x ] || fail "an image whose name needs quotes has not one overlay: $(ls "$work/why-odd")"
done
long=$(printf '%0251d' 0).png
mkdir "$work/long" "$work/long/a" "$work/long/b"
for folder in a b; do cp "$work/twice/$(ls "$work/twice" | head -n 1)" "$work/long/$folder/$long"; done
run 0 "$semtinel" explain "$work/run" "$work/long" -o "$work/why-long"
[ "$(ls "$work/why-long" | wc -l)" = 3 ] || fail "not two overlays of one long name"
run 0 "$semtinel" label "$work/run" "$work/long" -o "$work/sorted-long" --surest 1
[ "$(find "$work/sorted-long" -name '*.png' | wc -l)" = 2 ] || fail "not two copies of one long name"
# Ctrl-C: the list has the overlays that are there, and the message says so.
many=() && for _ in $(seq 200); do many+=("$work/data/test"); done
"$semtinel" explain "$work/run" "${many[@]}" -o "$work/why-stopped" >"$work/out" 2>"$work/err" &
process=$!
for _ in $(seq 600); do
    ls "$work/why-stopped" 2>"$work/none" | grep -q '\.png$' && break
    sleep 0.05
done
kill -INT $process
wait $process
[ $? = 130 ] || fail "Ctrl-C in explain: exit code"
done=$(ls "$work/why-stopped" | grep -c '\.png$')
says "^semtinel: interrupted; $work/why-stopped holds the $done of [0-9]* images explained so far\$"
diff <(tail -n +2 "$work/why-stopped/explanations.csv" | sed 's/.*,//' | sort) <(ls "$work/why-stopped" | grep '\.png$' | sort) ||
    fail "the list of an interrupted call does not have its overlays"
# A step of what is under way, here the classification of each image, does not hide its progress.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then # a terminal of its own is to be had
    TERM=xterm script -qec "'$semtinel' explain '$work/run' '$work/data/test' -o '$work/shown' --threads 1" /dev/null >"$work/out" </dev/null
    says 'explaining \[.*/40 '
fi
# An input so small that the last feature maps are one place is explained by the last that are more.
run 0 "$semtinel" train "$work/data" -o "$work/small" --init none --mix-synth 0 --epochs 1 --size 32 --width 0.25 --quiet
run 0 "$semtinel" explain "$work/small" "$work/twice" -o "$work/why32"
[ "$(ls "$work/why32" | grep -c '\.png$')" = "$(ls "$work/twice" | wc -l)" ] || fail "no overlays of 32 pixels"
awk -F, 'NR > 1 && $5 != 0.25 && $5 != 0.75 { exit 1 }' "$work/why32/explanations.csv" || fail "the map of 32 pixels is not 2 x 2"
run 1 "$semtinel" explain "$work/run" "$work/twice" -o "$work/why" --class nonsense
says "has no class 'nonsense'"
run 1 "$semtinel" explain "$work/run" "$work/twice" -o "$work/why" --layer nonsense
says "has no layer 'nonsense'; 'semtinel info' lists its layers; an activation goes with"
mkdir "$work/unread" && echo junk >"$work/unread/junk.png"
run 1 "$semtinel" explain "$work/run" "$work/unread" -o "$work/why-unread"
[ -e "$work/why-unread" ] && fail "a folder without overlays is left"
run 1 "$semtinel" calibrate "$work/run" "$work/data" --map nonsense=other
says "map nonsense=other: .* has a class 'nonsense'; 'semtinel info' lists .*'other'"
run 1 "$semtinel" calibrate "$work/run" "$work/data" --map other=nonsense
says "map other=nonsense: .* has a class 'nonsense'; 'semtinel info' lists .*'other'"
echo junk >"$work/twice/junk.png"
run 3 "$semtinel" explain "$work/run" "$work/twice" -o "$work/why2"
says 'junk.png'
# An image that memory is short for is no unreadable one. A sanitizer takes more than that to begin with.
mkdir "$work/large" && printf 'BM\0\0\0\0\0\0\0\0\066\004\0\0\050\0\0\0\100\037\0\0\100\037\0\0\001\0\010\0' >"$work/large/grey.bmp"
truncate -s 64001078 "$work/large/grey.bmp" # 8000 x 8000 pixels
if (ulimit -v 150000 && "$semtinel" --version) >"$work/out" 2>&1; then
    expect 1 "grey.bmp: out of memory for an image of 8000 x 8000" bash -c 'ulimit -v 150000 && exec "$@"' . \
        "$semtinel" explain "$work/run" "$work/large" "$work/twice" -o "$work/why-large" --threads 1
fi

# compare: a model with itself, and with another.
run 0 "$semtinel" train "$work/data" -o "$work/other" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25 --seed 5 --quiet
run 0 "$semtinel" evaluate "$work/other" "$work/data" -o "$work/second" --quiet
run 0 "$semtinel" compare "$work/before" "$work/after" "$work/second" -o "$work/compare.json"
says '1 against 2: 0 right only with 1, 0 only with 2; McNemar p = 1.0000'
says '2 against 3'
says '1 against 2: .* McNemar p = 1.0000, Holm = 1.0000, no difference shown'
[ "$(grep -c '"mcnemar_p"' "$work/compare.json"), $(grep -c '"holm_p"' "$work/compare.json")" = '3, 3' ] || fail "no p in the JSON"
for i in $(seq 20); do printf '%s,open,%s,0.9,%s\n' "$i" open 0.9,0.1 "$i" via 0.1,0.9; done |
    awk -v out="$work/right.csv" -v wrong="$work/wrong.csv" 'NR == 1 { print "file,true,predicted,confidence,open,via" >out
        print "file,true,predicted,confidence,open,via" >wrong } { print >(NR % 2 ? out : wrong) }'
expect 0 '20 right only with 1, 0 only with 2; McNemar p < 0.0001, a difference' \
    "$semtinel" compare "$work/right.csv" "$work/wrong.csv"
printf 'file,true,predicted,confidence,open,Brücke\na,open,open,0.9,0.9,0.1\nb,Brücke,open,0.8,0.8,0.2\n' >"$work/names.csv"
expect 0 '^  Brücke              0.0000  0.0000  1$' "$semtinel" compare "$work/names.csv" "$work/names.csv"
says '^  open                0.6667  0.6667  1$'
run 1 "$semtinel" compare "$work/before" "$work/after" "$work/names.csv"
says "no image is in all of the 3 evaluations from $work/before to $work/names.csv" # before and after have all in common
run 1 "$semtinel" compare "$work/before" "$work/missing"
says 'semtinel evaluate'
run 2 "$semtinel" compare "$work/before"

# demo: needs FFmpeg's libraries at build time; without them it says so.
if "$semtinel" demo "$work/run" "$work/data/test" -o "$work/demo.mp4" --gif --overlay --limit 4 --seconds 0.2 \
    >"$work/out" 2>"$work/err"; then
    says '4 images, 20 frames'
    [ -s "$work/demo.mp4" ] && [ -s "$work/demo.gif" ] || fail "no video"
    run 0 "$semtinel" demo "$work/run" "$work/data/test" -o "$work/only.gif" --limit 4 --seconds 0.2
    says '4 images, 8 frames' # a GIF has ten a second
    run 0 "$semtinel" demo "$work/run" "$work/demo.mp4" -o "$work/again.mp4"
    if script -qec true /dev/null </dev/null >/dev/null 2>&1; then # frames to come are not known, nor the time that they take
        run 0 "$semtinel" demo "$work/run" "$work/data/test" -o "$work/slow.mp4" --limit 4 --seconds 3
        TERM=xterm script -qec "'$semtinel' demo '$work/run' '$work/slow.mp4' -o '$work/again.mp4'" /dev/null >"$work/out" </dev/null
        says 'drawing frames [0-9]'
    fi
    # What stands before a colon is no protocol.
    run 0 bash -c 'cd "$1" && "$0" demo run demo.mp4 -o file:again.mp4 && "$0" demo run file:again.mp4 -o 10:30.gif' "$semtinel" "$work"
    [ -s "$work/file:again.mp4" ] && [ -s "$work/10:30.gif" ] || fail "names with a colon"
    says '20 images, 20 frames'
    for threads in 1 3; do run 0 "$semtinel" demo "$work/run" "$work/data/test" -o "$work/$threads.mp4" --limit 4 --threads $threads; done
    cmp "$work/1.mp4" "$work/3.mp4" || fail "a video depends on --threads"
    run 0 "$semtinel" demo "$work/run" "$work/demo.mp4" -o "$work/again.gif"
    says '20 images, 8 frames' # as long as the video
    # Images take as long as asked for, though half a frame is none.
    expect 0 '^4 images, 10 frames' "$semtinel" demo "$work/run" "$work/data/test" -o "$work/tenths.mp4" --limit 4 --seconds 0.1
    expect 0 '^4 images, 4 frames' "$semtinel" demo "$work/run" "$work/data/test" -o "$work/tenths.mp4" --limit 4 --seconds 0.02
    # What is missing of a video is told.
    head -c $(($(wc -c <"$work/demo.mp4") * 3 / 4)) "$work/demo.mp4" >"$work/cut.mp4"
    expect 3 'cut.mp4: is damaged or cut off' "$semtinel" demo "$work/run" "$work/cut.mp4" -o "$work/again.mp4"
    expect 2 'demo.mp4: a video is shown alone' "$semtinel" demo "$work/run" "$work/data/test" "$work/demo.mp4" -o "$work/again.mp4"
    # The network of --overlay is that of the model.
    cp -r "$work/data" "$work/fewer" && rm -r "$work"/fewer/*/via*
    run 0 "$semtinel" train "$work/fewer" -o "$work/other" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25 --quiet
    expect 1 'other: its input is 48 pixels wide with 9 classes, that of .* 48 with 10' \
        "$semtinel" demo "$work/run" "$work/data/test" -o "$work/again.mp4" --overlay --source "$work/other"
    run 1 "$semtinel" demo "$work/run" "$work/twice/junk.png" -o "$work/none.mp4"
    [ -e "$work/none.mp4" ] && fail "a video without images"
    images=("$work"/data/test/*/*)
    "$MAKE_PAGES" "$work/pages.tif" "${images[@]:0:2}" || fail make_pages
    expect 0 '1 TIFF has further pages' "$semtinel" demo "$work/run" "$work/pages.tif" -o "$work/only.gif"
    mkdir "$work/numbered"
    for n in 1 2 10; do cp "${images[$n]}" "$work/numbered/frame$n.png"; done
    run 0 "$semtinel" demo "$work/run" "$work/numbered" -o "$work/folder.gif"
    run 0 "$semtinel" demo "$work/run" "$work"/numbered/frame{1,2,10}.png -o "$work/frames.gif"
    cmp "$work/folder.gif" "$work/frames.gif" || fail "frame10 comes before frame2"
    ls "$work" | grep -q tmp && fail "temporary files left: $(ls "$work")"
else
    says 'built without video'
fi
run 2 "$semtinel" demo "$work/run" "$work/data/test" -o "$work/demo.txt"

finish
