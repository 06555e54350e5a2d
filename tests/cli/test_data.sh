#!/usr/bin/env bash
# semtinel audit, split and augment, end to end and on bad input.
. "$(dirname "$0")/checks.sh"
mounted=
trap '[ -n "$mounted" ] && umount "$mounted"; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
count() { find "$@" -type f -printf x | wc -c; } # names may hold newlines

"$semtinel" synth src --per-class 20 --size 64 --quiet || exit 1
mkdir "src/odd é name"
i=0
for file in src/ler/*; do # odd names, and copies under another label
    i=$((i + 1))
    [ $i -le 12 ] && cp "$file" "src/odd é name/-$i"$'\n'"%s.png"
done

# ---- audit
run 0 "$semtinel" audit src --json a.json --sheet a.png
says "12 exact duplicates and 0 near-duplicates under different labels"
says "semtinel split src OUT"
[ "$(head -c 4 a.png | tail -c 3)" = PNG ] || fail "no contact sheet"
grep -q '"exact_label_conflicts": 12' a.json || fail "JSON lacks the conflicts"
run 0 "$semtinel" audit src --json - --quiet
cmp -s out a.json || fail "--json - differs from the file"
run 0 "$semtinel" audit src --json - --sheet a.png # "wrote a.png"
cmp -s out a.json || fail "standard output carries more than the JSON"
run 1 "$semtinel" audit src --strict
run 0 "$semtinel" audit src --quiet
[ -s out ] && fail "--quiet prints"
run 0 "$semtinel" audit src --threads 1 --json b.json
cmp -s a.json b.json || fail "threads change the result"
run 2 "$semtinel" audit src --threshold 0.2
expect 2 '--json ./both: this is the contact sheet' "$semtinel" audit src --json ./both --sheet both
run 0 "$semtinel" audit src --json /dev/null --sheet /dev/null
# Memory for one image is enough for a sheet of many. A sanitizer takes more to begin with.
mkdir -p large/a large/b
for file in large/a/{1..6}.bmp large/b/1.bmp; do # 4000 x 4000 pixels
    printf 'BM\0\0\0\0\0\0\0\0\066\004\0\0\050\0\0\0\240\017\0\0\240\017\0\0\001\0\010\0' >$file
    truncate -s 16001078 $file
done
if (ulimit -v 100000 && "$semtinel" --version) >out 2>&1; then
    expect 0 "wrote large.png" bash -c 'ulimit -v 100000 && exec "$@"' . "$semtinel" audit large --sheet large.png --threads 1
    grep "not on the sheet" err && fail "images are missing on the sheet"
fi
rm -r large
run 2 "$semtinel" audit
run 1 "$semtinel" audit src --json missing/folder/a.json
says_one_line

# ---- info strips that no metadata tell of
picture() { # picture FILE ROWS: BMP, 64 x 64, from the bottom up; with a strip of so many rows, or without
    local blank letters row
    blank=$(printf '\t%.0s' {1..192})
    letters=$(printf '\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t~~~~~~%.0s' {1..8})
    {
        printf 'BM\66\60\0\0\0\0\0\0\66\0\0\0\50\0\0\0\100\0\0\0\100\0\0\0\1\0\30\0'
        head -c 24 /dev/zero
        for ((row = 0; row < $2; row++)); do
            printf %s "$([ $row -ge 2 ] && [ $row -lt $(($2 - 2)) ] && echo "$letters" || echo "$blank")"
        done
        seq "$i" 9999
    } | head -c 12342 >"$1"
}
mkdir -p strips/all strips/none
for i in {1..8}; do
    picture "strips/all/$i.bmp" 8
    picture "strips/none/$i.bmp" 0
done
strip='8 of 16 images seem to have an info strip of up to 12.5% of their height at the bottom (8 of the 8 of class all: it tells the class), such as strips/all/1.bmp; a network learns to read it. .semtinel train strips --cut-bottom 12.5. cuts it off'
run 0 "$semtinel" audit strips --json strips.json
says "^info strips: $strip"
grep -q "^  \"warning\": \"$strip" strips.json || fail "JSON: $(grep -A5 info_strips strips.json)"
run 0 "$semtinel" train strips -o strip-run --epochs 1 --size 32 --mix-synth 0 --init none --quiet
says "^semtinel: warning: strips: $strip"
run 0 "$semtinel" augment strips strips-more --all-train --quiet
says "^semtinel: warning: strips: $strip"
says 'the augmented images show the strip wherever they are turned'
rm strips/all/[5-8].bmp
run 0 "$semtinel" augment strips strips-few --all-train --quiet
grep -q strip err && fail "four images: $(cat err)"
run 0 "$semtinel" audit strips --json strips.json # four may be chance
grep -q 'info strips' out && fail "four images: $(cat out)"
grep -A1 '"info_strips"' strips.json | grep -q '"images": 4,' || fail "JSON: $(grep -A5 info_strips strips.json)"
run 0 "$semtinel" train strips -o strip-run --epochs 1 --size 32 --mix-synth 0 --init none --quiet
grep -q 'info strip' err && fail "four images: $(cat err)"
for i in {1..8}; do
    picture "strips/none/$i.bmp" $((8 + i % 2))
done
run 0 "$semtinel" audit strips
says '^info strips: 12 of 12 images seem to have an info strip of up to 14.1% of their height at the bottom, such as strips/none/1.bmp; '

run 0 "$semtinel" train strips -o strip-run --epochs 1 --size 32 --mix-synth 0 --init none --quiet --cut-bottom 1.6 # a row
says '12 of 12 images seem to have an info strip of up to 14.1% of their height'
run 0 "$semtinel" train strips -o strip-run --epochs 1 --size 32 --mix-synth 0 --init none --quiet --cut-bottom 14.1
grep -q 'info strip' err && fail "a strip that was cut off: $(cat err)"

# ---- strips that files beside the images tell of: of copies, too, also under another name
mkdir -p beside/{train,val}/{all,none}
for i in {1..8}; do
    part=$([ "$i" -le 6 ] && echo train || echo val)
    picture "beside/$part/all/$i.bmp" 8
    printf '[SemImageFile]\r\nImageName=%s.BMP\r\nDataSize=64x56\r\n' "$i" >"beside/$part/all/$i.txt"
    picture "beside/$part/none/$i.bmp" 8
    printf '[MAIN]\nPixelSizeX=1e-9\nImageStripSize=8\n' >"beside/$part/none/$i-bmp.hdr"
done
cp beside/train/all/1.bmp beside/val/all/1.bmp # becomes 1-2.bmp, where the parts are pooled
cp beside/train/all/1.txt beside/val/all/1.txt
echo notes >beside/train/all/notes.txt
without_strip() { # without_strip DATASET: no image's strip is seen any more
    run 0 "$semtinel" audit "$1" --json cut.json
    grep -A1 '"info_strips"' cut.json | grep -q '"images": 0,' || fail "$1: $(grep -A5 info_strips cut.json)"
}
without_strip beside
says 'notes.txt: ignored'
[ "$(wc -l <err)" = 1 ] || fail "files beside images are called ignored: $(cat err)"
run 0 "$semtinel" split beside beside-split --merge --train 1 --val 0 --test 0
grep -q '^ImageName=1-2.bmp' beside-split/train/all/1-2.txt || fail "the renamed copy's text: $(cat beside-split/train/all/1-2.txt)"
[ "$(count beside-split/train -name '*.txt')$(count beside-split/train -name '*.hdr')" = 98 ] || fail "$(find beside-split)"
without_strip beside-split
run 0 "$semtinel" augment beside beside-more --per-class 8 --link
[ "$(count beside-more/train)" = 28 ] || fail "$(find beside-more)"
without_strip beside-more
mkfifo beside/train/all/pipe.txt
expect 0 'pipe.txt: ignored' timeout 60 "$semtinel" audit beside

# ---- split
run 0 "$semtinel" split src parts --seed 3
[ "$(count parts/train parts/val parts/test)" -eq 212 ] || fail "split: $(count parts) files"
[ "$(count parts/train/ler)" -eq 14 ] || fail "split: $(count parts/train/ler) of 20 train"
run 0 "$semtinel" audit parts
says "leaks: 0 pairs"
run 0 "$semtinel" split src parts2 --seed 3 --threads 1
diff -r parts parts2 >/dev/null || fail "split is not deterministic"
run 1 "$semtinel" split src parts
says "not empty"
mkdir -p cut/.partial/train/ler && cp src/ler/*_00001.png cut/.partial/train/ler # as a killed run leaves it: no data, and goes
run 1 "$semtinel" audit cut
exec {held}<cut && flock $held # as a run that goes on
run 1 "$semtinel" split src cut
says "^semtinel: cut: another process is writing here"
exec {held}<&-
run 0 "$semtinel" split src cut --seed 3
diff -r parts cut >/dev/null || fail "over a half-made folder: $(diff -r parts cut)"
run 1 "$semtinel" split parts again
says "--merge"
[ -e again ] && fail "split twice: leaves a folder"
run 0 "$semtinel" split parts again --merge --train 1 --val 0 --test 0
[ "$(count again/train)" -eq 212 ] || fail "merge: $(count again/train) files"
run 0 "$semtinel" split src linked --link
[ "$(find linked -name "*.png" -links 2 -printf x | wc -c)" -eq 212 ] || fail "links: not all"
run 2 "$semtinel" split src x --train .9
run 1 "$semtinel" split src src/x
[ -e src/x ] && fail "inside: leaves a folder"
for file in src/*/*_000*.png; do # class/lot/image; the lot is the last digit
    class=$(basename "$(dirname "$file")") lot=lot${file: -5:1}
    mkdir -p "lots/$class/$lot" && cp "$file" "lots/$class/$lot/"
done
run 1 "$semtinel" split lots by-lot
says "semtinel split --group"
run 2 "$semtinel" split lots by-lot --group 'lot('
says "no extended regular expression"
[ -e by-lot ] && fail "a bad pattern leaves a folder"
run 0 "$semtinel" split lots by-lot --group '^[^/]*/'
says "groups by '^\[^/\]\*/'"
[ "$(count by-lot/train by-lot/val by-lot/test)" = "$(count lots)" ] || fail "by lot: $(count by-lot) files"
[ -z "$(for part in train val test; do find by-lot/$part -name 'lot*' -printf '%f\n' | sed 's/_.*//' | sort -u; done |
    sort | uniq -d)" ] || fail "a lot is in two parts: $(find by-lot)"
run 0 "$semtinel" audit by-lot --group '^[^_]*'
says "^groups by '^\[^_\]\*': 10, of 200 of 200 images; 0 in several splits$"
mv by-lot/train/vias/lot* by-lot/test/vias/
expect 1 'has label conflicts or leaks' "$semtinel" audit by-lot --group '^[^_]*' --json by-lot.json --strict
says "in several splits, such as t[a-z]*/.*/\(lot.\)_.* and t[a-z]*/.*/\1_"
run 0 "$semtinel" audit by-lot --strict
pictures=(by-lot/val/bridge/*)
cp "${pictures[0]}" by-lot/test/bridge/copy.png
expect 1 'has label conflicts or leaks' "$semtinel" audit by-lot --strict # of val and test, none of train
says "^leaks: 1 pair across splits; 0 of "
grep -q '"groups_by_path": {' by-lot.json || fail "JSON: no groups"
grep -q '"group_by": "^\[^/\]\*/"' by-lot/split.json || fail "split.json: $(head by-lot/split.json)"

# ---- augment
run 0 "$semtinel" augment parts more --per-class 30
for class in more/train/*; do
    [ "$(count "$class")" -eq 30 ] || fail "augment: $(count "$class") in $class"
done
diff -r parts/test more/test >/dev/null || fail "augment changed the test part"
diff -r parts/val more/val >/dev/null || fail "augment changed the val part"
[ "$(head -1 more/augmented.csv)" = "file,source,class,seed,serial" ] || fail "no provenance"
run 0 "$semtinel" audit more
says "leaks: 0 pairs"
# Once more: none of the new images was there already.
run 0 "$semtinel" augment more further --per-class 45
[ -z "$(md5sum further/train/*/*-aug-* | cut -c-32 | sort | uniq -d)" ] || fail "augment makes the same images again"
run 1 "$semtinel" augment src more2
says "--all-train"
[ -e more2 ] && fail "augment without splits: leaves a folder"
run 0 "$semtinel" augment src more2 --all-train --per-class 21 --size 32
[ "$(count more2/train/crack)" -eq 21 ] || fail "all train: $(count more2/train/crack)"
run 2 "$semtinel" augment parts x --rotation 90
# Its copies, and copies of these, stay with their source, though turned too far to be near-duplicates.
cp src/crack/crack_00000.png more2/train/crack/crack_00001-aug-x.png # no copy, by its name
run 0 "$semtinel" augment more2 more3 --per-class 44 --size 32 --rotation 45
run 0 "$semtinel" split more3 apart --merge --val 0.3 --train 0.4 --test 0.3
find apart -name '*.png' | grep -v odd | sed -E 's|^apart/([a-z]*)/(.*)\.png$|\1 \2|; s/(-aug-[0-9]+)+$//' | sort -u | cut -d' ' -f2 | sort | uniq -d >crossing
[ -s crossing ] && fail "augmented copies in another part: $(head -3 crossing)"
[ "$(find apart -name '*-aug-*-aug-*' | wc -l)" -gt 20 ] || fail "no copies of copies"
# Also where two folders of a class hold an image of one name.
mkdir -p spelt/Crack spelt/crack && cp src/crack/crack_00000.png spelt/Crack/1.png && cp src/crack/crack_00001.png spelt/crack/1.png
cp -r src/clean spelt
run 0 "$semtinel" augment spelt spelt-more --all-train --per-class 20 --size 32 --rotation 45
cmp -s spelt/crack/1.png spelt-more/train/Crack/1-2.png || fail "two of one name: $(ls spelt-more/train/Crack)"
[ "$(grep -c '^train/Crack/1-2-aug-[1-9].png,crack/1.png,' spelt-more/augmented.csv)" = 9 ] ||
    fail "copies are not named after their source: $(grep Crack spelt-more/augmented.csv)"
# Names with a date are none of its copies: no image is their source.
mkdir dated
for class in crack clean; do
    mkdir dated/$class
    n=0
    for image in src/$class/*_0*.png; do cp "$image" "dated/$class/12-aug-2024-$((n += 1)).png"; done
done
run 0 "$semtinel" split dated dated-split --train 0.5 --val 0.5 --test 0
[ "$(count dated-split/val)" -gt 4 ] || fail "names with a date count as copies of one image: $(cat out)"

# ---- bad input
mkdir -p empty one/a classless
run 1 "$semtinel" audit nowhere
says_one_line
run 1 "$semtinel" audit empty
says_one_line
says "CLASS"
cp src/ler/ler_00000.png one/a/
cp src/ler/ler_00000.png classless/
run 1 "$semtinel" split classless x
says "no class folders"
run 0 "$semtinel" audit one
run 0 "$semtinel" split one one-split
[ "$(count one-split/train)" -eq 1 ] || fail "one image: not in train"
says "too few images"
run 0 "$semtinel" split one large-seed --seed 18446744073709551615
grep -q '"seed": "18446744073709551615"' large-seed/split.json || fail "the manifest has another seed"
run 1 "$semtinel" audit a.json
says_one_line

cp -r one bad
echo nonsense >bad/a/broken.png
head -c 200 src/ler/ler_00001.png >bad/a/cut.png
ln -s loop.png bad/a/loop.png
run 3 "$semtinel" audit bad
says "broken.png"
says "loop.png"
for quiet in "--json -" --quiet; do # named also where the text is not printed
    # shellcheck disable=SC2086
    run 3 "$semtinel" audit bad $quiet
    [ "$(grep -c "skipped bad/a/" err)" -eq 3 ] || fail "audit $quiet names other than the unreadable ones: $(cat err)"
done
run 3 "$semtinel" split bad bad-split
[ "$(count bad-split/train)" -eq 1 ] || fail "unreadable images were copied"
grep -q broken.png bad-split/split.json || fail "the manifest does not name what was skipped"
rm bad/a/ler_00000.png
run 1 "$semtinel" split bad x
says "no image of 3 can be read"

if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod a-w locked
    run 1 "$semtinel" split src locked/x
    says_one_line
    mkdir -p hidden/a
    cp src/ler/ler_00000.png hidden/a/
    chmod a-rx hidden/a
    run 1 "$semtinel" audit hidden
    chmod a+rx hidden/a
fi
run 1 "$semtinel" split src /proc/x
says_one_line
mkdir small
if mount -t tmpfs -o size=200k tmpfs small 2>/dev/null; then
    mounted=$work/small
    run 1 "$semtinel" split src small/x
    says "No space left"
    [ -z "$(ls -A small)" ] || fail "full disk: something is left"
    run 1 "$semtinel" augment parts small/x --per-class 100
    [ -z "$(ls -A small)" ] || fail "full disk, augment: something is left"
    run 1 "$semtinel" split src small
    [ -z "$(ls -A small)" ] || fail "full disk, existing folder: something is left"
else
    (ulimit -f 2; trap '' XFSZ; "$semtinel" split src small/x >out 2>err) && fail "full disk: exit code 0"
    [ -z "$(ls -A small)" ] || fail "full disk: something is left"
fi
[ -e x ] && fail "a failed command left its folder"
finish
