# label, and training on what it sorted: the copies, the list, resuming with --also, and bad input.
. "$(dirname "$0")/checks.sh"

files() { find "$1" -mindepth 2 -type f | wc -l; }

for part in train val; do
    run 0 "$semtinel" synth "$work/data/$part" --per-class 4 --size 48 --seed ${#part} --quiet
done
run 0 "$semtinel" synth "$work/other" --per-class 5 --size 64 --seed 9 --quiet
train="--mix-synth 0 --epochs 2 --size 48 --width 0.25 --quiet"
run 0 "$semtinel" train "$work/data" -o "$work/run" --mix-synth 0 --epochs 8 --rate 3e-3 --size 48 --quiet

# All images, each where the list says, at any number of threads; hardly any elsewhere than where 'predict' would put it, which
# looks at one view of eight.
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/all" --surest 1 --threads 1
sed -n 's/^  *\([^ ]*\) .*confidence \([0-9.]*\) or more$/\1 \2/p' "$work/out" >"$work/said"
[ "$(files "$work/all")" = 50 ] || fail "$(files "$work/all") of 50 images were sorted"
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/again" --surest 1 --threads 3 --link --quiet
diff -r "$work/all" "$work/again" >/dev/null || fail "the number of threads, or links, changed the folders"
"$semtinel" predict "$work/run" "$work/other" | tail -n +2 | cut -d, -f1,2 | sort >"$work/predicted"
tail -n +2 "$work/all/labels.csv" | tr -d '"' | cut -d, -f1,2 | sort >"$work/labelled"
[ "$(comm -12 "$work/predicted" "$work/labelled" | wc -l)" -ge 30 ] || fail "other classes than predict's"
tail -n +2 "$work/all/labels.csv" | tr -d '"' | while IFS=, read -r image class _ file; do
    [ "$class" = "${file%%/*}" ] && cmp -s "$image" "$work/all/$file" || echo "$image"
done >"$work/wrong"
[ -s "$work/wrong" ] && fail "copies in the wrong place: $(cat "$work/wrong")"

# "confidence X or more" holds of every image of the class: rounded down, not to the nearest.
tail -n +2 "$work/all/labels.csv" | tr -d '"' | awk -F, -v said="$work/said" '
    !($2 in least) || $3 < least[$2] { least[$2] = $3 }
    END {
        while ((getline line <said) > 0) { split(line, word, " "); told[word[1]] = word[2] }
        for (class in least)
            if (!(class in told) || told[class] > least[class] || told[class] + 0.0101 < least[class])
                print class, told[class], least[class]
    }' >"$work/wrong"
[ -s "$work/wrong" ] && fail "the lowest confidence is not what labels.csv says: $(cat "$work/wrong")"

# An image upside down is the same image to 'label', not to 'predict'. A BMP's height below 0 turns its rows round.
bitmap() { # bitmap HEIGHT: 48 x 48, 8 bits, grey palette, as pixels some bytes of a file
    printf 'BM\x36\x0d\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0\x30\0\0\0%b\x01\0\x08\0\0\0\0\0\0\x09\0\0' "$1"
    printf '\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0'
    for i in $(seq 0 255); do printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\0' "$i" "$i" "$i")"; done
    tail -c 2304 "$work/run/model.safetensors"
}
mkdir "$work/flipped"
bitmap '\x30\0\0\0' >"$work/flipped/a.bmp"
bitmap '\xd0\xff\xff\xff' >"$work/flipped/b.bmp"
mkdir "$work/flipped/deeper" && cp "$work/flipped/a.bmp" "$work/flipped/deeper/c.bmp"
run 0 "$semtinel" predict "$work/run" "$work/flipped/deeper" "$work/flipped" "$work/flipped/../flipped"
[ -s "$work/err" ] && fail "folders within another: $(cat "$work/err")"
[ "$(grep -c bmp, "$work/out")" = 3 ] || fail "a folder within another counts twice: $(cat "$work/out")"
rm -r "$work/flipped/deeper"
run 0 "$semtinel" label "$work/run" "$work/flipped" -o "$work/flips" --surest 1
spread() { tr -d '"' | tail -n +2 | cut -d, -f3 | sort -n | awk 'NR == 1 { a = $1 } END { print NR == 2 && $1 - a < 1e-5 ? "same" : "differ" }'; }
[ "$(spread <"$work/flips/labels.csv")" = same ] || fail "upside down is another image: $(cat "$work/flips/labels.csv")"
flips() { "$semtinel" predict "$work/$1" "$work/flipped" --quiet --views "$2" | spread; }
[ "$(flips run auto)$(flips run 1)$(flips run 8)" = differdiffersame ] || fail "predict --views"
cp -r "$work/run" "$work/eight"
run 0 "$semtinel" calibrate "$work/eight" "$work/data" --views 8 --max-rejection 0.2
[ "$(flips eight auto)$(flips eight 8)" = samesame ] || fail "calibrate --views is not kept"
# Two views are an image and its mirror image, four hold the one upside down too: with them alone it is the same.
[ "$(flips run 2)$(flips run 4)" = differsame ] || fail "predict --views 2 or 4"
cp -r "$work/run" "$work/four"
run 0 "$semtinel" calibrate "$work/four" "$work/data" --views 4
[ "$(flips four auto)$(flips four 1)" = samediffer ] || fail "calibrate --views 4 is not kept"
run 0 "$semtinel" predict "$work/eight" "$work/flipped" --views 1; says 'fitted with --views 8'
run 0 "$semtinel" evaluate "$work/eight" "$work/data" -o "$work/measured"; says 'the mean of 8 views'
grep -q '"views": 8' "$work/measured/metrics.json" || fail "metrics.json says nothing of views"
run 0 "$semtinel" calibrate "$work/eight" "$work/data"
for views in 2 4 8; do says "^--views $views would have  *accuracy [01].* in $views times the time"; done
[ "$(flips eight auto)" = differ ] || fail "calibrate without --views keeps the old ones"

# What a microscope wrote beside an image goes with the copy.
printf '[MAIN]\nPixelSizeX=1e-9\nImageStripSize=8\n' >"$work/flipped/a-bmp.hdr"
run 0 "$semtinel" label "$work/run" "$work/flipped" -o "$work/cut" --surest 1
cmp -s "$work/flipped/a-bmp.hdr" "$work"/cut/*/a-bmp.hdr || fail "no metadata beside the copy"
rm "$work/flipped/a-bmp.hdr"

# The surest of each class; the others are listed without a copy.
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/some" --surest 0.4
says 'images to'
tail -n +2 "$work/some/labels.csv" | tr -d '"' |
    awk -F, '$4 != "" { if (!($2 in low) || $3 < low[$2]) low[$2] = $3; n++ } $4 == "" && $3 > high[$2] { high[$2] = $3 }
        END { for (c in high) if (!(c in low) || high[c] > low[c]) bad = 1; exit bad || n < 15 || n > 25 }' ||
    fail "not the surest were chosen"
[ "$(files "$work/some")" -lt 26 ] || fail "too many copies"
# None of them is less sure than asked for, though a class gets none then.
floor=$(tail -n +2 "$work/some/labels.csv" | tr -d '"' | awk -F, '$4 != "" { printf "%.6f\n", $3 - 1e-6 }' | sort -n | sed -n 8p)
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/sure" --surest 0.4 --min-confidence "$floor"
[ "$(files "$work/sure")" = $(($(files "$work/some") - 7)) ] || fail "$(files "$work/sure") copies, but 7 fewer are sure enough"
diff -rq "$work/some" "$work/sure" | grep "^Only in $work/sure" && fail "others than the surest"
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/unsure" --min-confidence 1
says "wrote 0 of 50 images"

# They train beside the labelled ones, validate nothing, and are part of what is resumed.
run 0 "$semtinel" train "$work/data" --also "$work/some" -o "$work/more" --init none $train
run 0 "$semtinel" train "$work/data" --also "$work/some" --also "$work/all/$(ls "$work/all" | head -n 1)/.." \
    -o "$work/most" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25
says "$((40 + $(files "$work/some") + 50)) training images, 40 validation images"
cmp -s "$work/run/model.safetensors" "$work/more/model.safetensors" && fail "--also changed nothing"
run 1 "$semtinel" train "$work/data" -o "$work/more" --resume; says_one_line; says '--also'
run 0 "$semtinel" train "$work/data" --also "$work/some" -o "$work/more" --resume; says 'was complete'

# A copy under another label, of which an audit of the data set knows nothing.
mkdir "$work/swapped"
cp -r "$work/data/train/bridge" "$work/swapped/crack"
run 0 "$semtinel" train "$work/data" --also "$work/swapped" -o "$work/run5" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25
says "copies of a file in another class, .*: a label is wrong; delete one of each two"
grep -q "semtinel audit $work" "$work/err" && fail "an audit of the data set cannot list these: $(cat "$work/err")"

# Of a set without val/ the part that was held out is found again for calibrating, whatever was added.
run 0 "$semtinel" train "$work/data/train" --also "$work/some" -o "$work/held" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25
says 'held out'
run 0 "$semtinel" calibrate "$work/held" "$work/data/train"

# Folders of other names are told; without any that fits there is nothing to add.
mkdir "$work/named"
cp -r "$work/other/bridge" "$work/named/Bridges"
cp -r "$work/other/crack" "$work/named/unheard"
run 0 "$semtinel" train "$work/data" --also "$work/named" -o "$work/run3" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25
says 'Bridges counts as bridge'; says 'unheard is no class'; says ' 45 training images'
rm -r "$work/named/Bridges"
run 1 "$semtinel" train "$work/data" --also "$work/named" -o "$work/run4" --init none; says_one_line; says 'none of its folders'
run 1 "$semtinel" train "$work/data" --also "$work/missing" -o "$work/run4"; says_one_line

# Memory does not grow with the images: the pixels of all these would take a gigabyte.
run 0 "$semtinel" train "$work/other" -o "$work/large" --init none --mix-synth 0 --epochs 1 --size 512 --width 0.25 --val-share 0 --quiet
mkdir "$work/inbox" && cp "$work/other/ler/ler_00000.png" "$work/inbox"
yes junk | head -n 4000 | (cd "$work/inbox" && split -l 1 -a 4 -d --additional-suffix=.png - f)
if (ulimit -v 500000 && "$semtinel" --version) >"$work/out" 2>&1; then
    run 3 bash -c 'ulimit -v 500000 && exec "$@"' . "$semtinel" label "$work/large" "$work/inbox" -o "$work/sorted" --threads 1
    says "wrote 1 of 1 image to"
fi
rm -r "$work/inbox"

# What a class is called does not drive a terminal.
run 0 "$semtinel" label "$work/run" "$work/other" -o "$work/coloured" --classes "$(printf '\033[2Ja,b,c,d,e,f,g,h,i,j')"
grep -q "$(printf '\033')" "$work/out" && fail "a class name reaches the terminal as it is: $(cat -v "$work/out")"

# Bad input: one line each, and no folder left behind.
mkdir "$work/empty"
run 1 "$semtinel" label "$work/run" "$work/empty" -o "$work/bad"; says_one_line; says 'no image'
run 1 "$semtinel" label "$work/run" "$work/other" -o "$work/some"; says_one_line; says 'not empty'
run 1 "$semtinel" label "$work/run" "$work/other" -o "$work/other/in"; says_one_line; says 'lies inside'
run 1 "$semtinel" label "$work/run" "$work/other" -o "$work/bad" --classes '../a,../b,../c,../d,../e,../f,../g,../h,../i,../j'; says_one_line; says 'cannot be'
[ -e "$work/bad" ] && fail "a folder is left behind"
run 2 "$semtinel" label "$work/run" "$work/other"
echo junk >"$work/other/junk.png"
run 3 "$semtinel" label "$work/run" "$work/other" -o "$work/skipping"; says 'junk.png'

finish
