#!/usr/bin/env bash
# semtinel audit, split and augment, end to end and on bad input.
set -u
semtinel=$(realpath "$1")
dir=$(mktemp -d)
mounted=
trap '[ -n "$mounted" ] && umount "$mounted"; chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}
expect() { # code, what, command...
    local code=$1 what=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    local got=$?
    [ $got -eq "$code" ] || { fail "$what: exit code $got, expected $code"; cat "$dir/err"; }
}
says() { # what, text
    grep -q -- "$2" "$dir/out" "$dir/err" || { fail "$1: does not say '$2'"; cat "$dir/out" "$dir/err"; }
}
lines() { # what: exactly one line of error
    [ "$(wc -l <"$dir/err")" -eq 1 ] || { fail "$1: not one line"; cat "$dir/err"; }
}
count() { find "$@" -type f -printf x | wc -c; } # names may hold newlines

"$semtinel" synth src --per-class 20 --size 64 --quiet || exit 1
mkdir "src/odd é name"
i=0
for file in src/ler/*; do # odd names, and copies under another label
    i=$((i + 1))
    [ $i -le 12 ] && cp "$file" "src/odd é name/-$i"$'\n'"%s.png"
done

# ---- audit
expect 0 "audit" "$semtinel" audit src --json a.json --sheet a.png
says "audit" "12 exact duplicates and 0 near-duplicates under different labels"
says "audit" "semtinel split src OUT"
[ "$(head -c 4 a.png | tail -c 3)" = PNG ] || fail "no contact sheet"
grep -q '"exact_label_conflicts": 12' a.json || fail "JSON lacks the conflicts"
expect 0 "audit to stdout" "$semtinel" audit src --json - --quiet
cmp -s out a.json || fail "--json - differs from the file"
expect 1 "audit --strict" "$semtinel" audit src --strict
expect 0 "audit --quiet" "$semtinel" audit src --quiet
[ -s out ] && fail "--quiet prints"
expect 0 "one thread" "$semtinel" audit src --threads 1 --json b.json
cmp -s a.json b.json || fail "threads change the result"
expect 2 "threshold" "$semtinel" audit src --threshold 0.2
expect 2 "no operand" "$semtinel" audit
expect 1 "unwritable JSON" "$semtinel" audit src --json missing/folder/a.json
lines "unwritable JSON"

# ---- split
expect 0 "split" "$semtinel" split src parts --seed 3
[ "$(count parts/train parts/val parts/test)" -eq 212 ] || fail "split: $(count parts) files"
[ "$(count parts/train/ler)" -eq 14 ] || fail "split: $(count parts/train/ler) of 20 train"
expect 0 "audit of the split" "$semtinel" audit parts
says "audit of the split" "leaks: 0 pairs"
expect 0 "the same again" "$semtinel" split src parts2 --seed 3 --threads 1
diff -r parts parts2 >/dev/null || fail "split is not deterministic"
expect 1 "full folder" "$semtinel" split src parts
says "full folder" "not empty"
expect 1 "split twice" "$semtinel" split parts again
says "split twice" "--merge"
[ -e again ] && fail "split twice: leaves a folder"
expect 0 "merge" "$semtinel" split parts again --merge --train 1 --val 0 --test 0
[ "$(count again/train)" -eq 212 ] || fail "merge: $(count again/train) files"
expect 0 "links" "$semtinel" split src linked --link
[ "$(find linked -name "*.png" -links 2 -printf x | wc -c)" -eq 212 ] || fail "links: not all"
expect 2 "parts above 1" "$semtinel" split src x --train .9
expect 1 "inside" "$semtinel" split src src/x
[ -e src/x ] && fail "inside: leaves a folder"

# ---- augment
expect 0 "augment" "$semtinel" augment parts more --per-class 30
for class in more/train/*; do
    [ "$(count "$class")" -eq 30 ] || fail "augment: $(count "$class") in $class"
done
diff -r parts/test more/test >/dev/null || fail "augment changed the test part"
diff -r parts/val more/val >/dev/null || fail "augment changed the val part"
[ "$(head -1 more/augmented.csv)" = "file,source,class,seed,serial" ] || fail "no provenance"
expect 0 "audit of the copy" "$semtinel" audit more
says "audit of the copy" "leaks: 0 pairs"
expect 1 "augment without splits" "$semtinel" augment src more2
says "augment without splits" "--all-train"
[ -e more2 ] && fail "augment without splits: leaves a folder"
expect 0 "all train" "$semtinel" augment src more2 --all-train --per-class 21 --size 32
[ "$(count more2/train/crack)" -eq 21 ] || fail "all train: $(count more2/train/crack)"
expect 2 "bad range" "$semtinel" augment parts x --rotation 90

# ---- bad input
mkdir -p empty one/a classless
expect 1 "missing" "$semtinel" audit nowhere
lines "missing"
expect 1 "empty" "$semtinel" audit empty
lines "empty"
says "empty" "CLASS"
cp src/ler/ler_00000.png one/a/
cp src/ler/ler_00000.png classless/
expect 1 "no class folders" "$semtinel" split classless x
says "no class folders" "no class folders"
expect 0 "one image" "$semtinel" audit one
expect 0 "one image, split" "$semtinel" split one one-split
[ "$(count one-split/train)" -eq 1 ] || fail "one image: not in train"
says "one image, split" "too few images"
expect 1 "a file" "$semtinel" audit a.json
lines "a file"

cp -r one bad
echo nonsense >bad/a/broken.png
head -c 200 src/ler/ler_00001.png >bad/a/cut.png
ln -s loop.png bad/a/loop.png
expect 3 "unreadable" "$semtinel" audit bad
says "unreadable" "broken.png"
says "unreadable" "loop.png"
expect 3 "unreadable, split" "$semtinel" split bad bad-split
[ "$(count bad-split/train)" -eq 1 ] || fail "unreadable images were copied"
grep -q broken.png bad-split/split.json || fail "the manifest does not name what was skipped"
rm bad/a/ler_00000.png
expect 1 "all unreadable" "$semtinel" split bad x
says "all unreadable" "no image of 3 can be read"

if [ "$(id -u)" -ne 0 ]; then
    mkdir locked
    chmod a-w locked
    expect 1 "no write permission" "$semtinel" split src locked/x
    lines "no write permission"
    mkdir -p hidden/a
    cp src/ler/ler_00000.png hidden/a/
    chmod a-rx hidden/a
    expect 1 "unreadable folder" "$semtinel" audit hidden
    chmod a+rx hidden/a
fi
expect 1 "read-only place" "$semtinel" split src /proc/x
lines "read-only place"
mkdir small
if mount -t tmpfs -o size=200k tmpfs small 2>/dev/null; then
    mounted=$dir/small
    expect 1 "full disk" "$semtinel" split src small/x
    says "full disk" "No space left"
    [ -z "$(ls -A small)" ] || fail "full disk: something is left"
    expect 1 "full disk, augment" "$semtinel" augment parts small/x --per-class 100
    [ -z "$(ls -A small)" ] || fail "full disk, augment: something is left"
    expect 1 "full disk, JSON" "$semtinel" split src small
    [ -z "$(ls -A small)" ] || fail "full disk, existing folder: something is left"
else
    (ulimit -f 2; trap '' XFSZ; "$semtinel" split src small/x >out 2>err) && fail "full disk: exit code 0"
    [ -z "$(ls -A small)" ] || fail "full disk: something is left"
fi
[ -e x ] && fail "a failed command left its folder"
exit $failed
