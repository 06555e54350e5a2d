#!/usr/bin/env bash
# semtinel synth: folders, splits, sheets, equal bytes at any number of threads, refusals.
set -u
semtinel=$1
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
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

expect 0 "plain run" "$semtinel" synth "$dir/a" --per-class 3 --size 48 --threads 1 --seed 9
[ "$(find "$dir/a" -name '*.png' | wc -l)" -eq 30 ] || fail "not 30 images"
[ "$(ls "$dir/a" | tr '\n' ' ')" = "bridge clean cmp crack ler open other particle scratch vias " ] || fail "class folders: $(ls "$dir/a")"
expect 0 "two threads" "$semtinel" synth "$dir/b" --per-class 3 --size 48 --threads 2 --seed 9
diff -r "$dir/a" "$dir/b" >/dev/null || fail "other bytes on two threads"
expect 0 "other seed" "$semtinel" synth "$dir/c" --per-class 3 --size 48 --seed 10
cmp -s "$dir/a/ler/ler_00000.png" "$dir/c/ler/ler_00000.png" && fail "two seeds give one image"

expect 0 "splits" "$semtinel" synth "$dir/d" --preset phase3 --per-class 20 --size 32 --splits --quiet
[ -s "$dir/out" ] && fail "--quiet prints: $(cat "$dir/out")"
for part in train:14 val:3 test:3; do
    count=$(ls "$dir/d/${part%:*}/CLEAN_VIA" | wc -l)
    [ "$count" -eq "${part#*:}" ] || fail "${part%:*} has $count images of 20"
done

for labels in layout all; do
    expect 0 "labels $labels" "$semtinel" synth "$dir/$labels" --per-class 3 --size 48 --seed 9 --labels $labels
    for file in "$dir"/a/*/*.png; do
        cmp -s "$file" "$dir/$labels/$(basename "$(dirname "$file")")"-*/"$(basename "$file")" || fail "$file: other bytes with --labels $labels"
    done
done
[ -d "$dir/layout/ler-lines" ] || fail "layouts: $(ls "$dir/layout")"
ls "$dir/all" | grep -qE '^ler-lines-[a-z]+-(fray|wander|meander)$' || fail "labels: $(ls "$dir/all")"

expect 0 "sheet only" "$semtinel" synth --preset phase3 --sheet "$dir/sheet.png" --sheet-columns 3 --size 32
[ "$(head -c 4 "$dir/sheet.png" | tail -c 3)" = PNG ] || fail "no sheet"
expect 0 "sheet of one class" "$semtinel" synth --sheet "$dir/one.png" --sheet-class crack --sheet-columns 2 --size 32

expect 1 "full folder" "$semtinel" synth "$dir/a" --per-class 1
grep -q -- "--force" "$dir/err" || fail "the refusal does not name the way out: $(cat "$dir/err")"
expect 0 "forced" "$semtinel" synth "$dir/a" --per-class 1 --size 32 --force
expect 2 "no folder" "$semtinel" synth
expect 2 "bad preset" "$semtinel" synth "$dir/x" --preset phase2
expect 2 "size of 8" "$semtinel" synth "$dir/x" --size 8
expect 2 "no images" "$semtinel" synth "$dir/x" --per-class 0
expect 2 "noise of 9" "$semtinel" synth "$dir/x" --noise 9
expect 2 "unknown class" "$semtinel" synth --sheet "$dir/x.png" --sheet-class bump
[ -e "$dir/x" ] && fail "a refused run leaves a folder"
echo text >"$dir/file"
expect 1 "a file in the way" "$semtinel" synth "$dir/file/sub" --per-class 1
grep -q "file" "$dir/err" || fail "the message does not name the path"
expect 1 "sheet into nowhere" "$semtinel" synth --sheet "$dir/nowhere/sheet.png" --size 32
if [ "$(id -u)" -ne 0 ]; then
    mkdir "$dir/locked" && chmod a-w "$dir/locked"
    expect 1 "no permission" "$semtinel" synth "$dir/locked/out" --per-class 1
fi
expect 0 "help" "$semtinel" synth --help
exit $failed
