#!/usr/bin/env bash
# semtinel synth: folders, splits, sheets, equal bytes at any number of threads, refusals.
. "$(dirname "$0")/checks.sh"

run 0 "$semtinel" synth "$work/a" --per-class 3 --size 48 --threads 1 --seed 9
[ "$(find "$work/a" -name '*.png' | wc -l)" -eq 30 ] || fail "not 30 images"
[ "$(ls "$work/a" | tr '\n' ' ')" = "bridge clean cmp crack ler open other particle scratch vias " ] || fail "class folders: $(ls "$work/a")"
run 0 "$semtinel" synth "$work/b" --per-class 3 --size 48 --threads 2 --seed 9
diff -r "$work/a" "$work/b" >/dev/null || fail "other bytes on two threads"
run 0 "$semtinel" synth "$work/c" --per-class 3 --size 48 --seed 10
cmp -s "$work/a/ler/ler_00000.png" "$work/c/ler/ler_00000.png" && fail "two seeds give one image"

run 0 "$semtinel" synth "$work/d" --preset phase3 --per-class 20 --size 32 --splits --quiet
[ -s "$work/out" ] && fail "--quiet prints: $(cat "$work/out")"
for part in train:14 val:3 test:3; do
    count=$(ls "$work/d/${part%:*}/CLEAN_VIA" | wc -l)
    [ "$count" -eq "${part#*:}" ] || fail "${part%:*} has $count images of 20"
done

run 0 "$semtinel" synth "$work/one" --per-class 1 --size 32 --splits
[ "$(find "$work/one/train" -name '*.png' | wc -l)" = 10 ] || fail "one image of each class: not in train"

for labels in layout all; do
    run 0 "$semtinel" synth "$work/$labels" --per-class 3 --size 48 --seed 9 --labels $labels
    for file in "$work"/a/*/*.png; do
        cmp -s "$file" "$work/$labels/$(basename "$(dirname "$file")")"-*/"$(basename "$file")" || fail "$file: other bytes with --labels $labels"
    done
done
[ -d "$work/layout/ler-lines" ] || fail "layouts: $(ls "$work/layout")"
ls "$work/all" | grep -qE '^ler-lines-[a-z]+-(fray|wander|meander)$' || fail "labels: $(ls "$work/all")"

run 0 "$semtinel" synth --preset phase3 --sheet "$work/sheet.png" --sheet-columns 3 --size 32
[ "$(head -c 4 "$work/sheet.png" | tail -c 3)" = PNG ] || fail "no sheet"
run 0 "$semtinel" synth --sheet "$work/one.png" --sheet-class crack --sheet-columns 2 --size 32

# Ctrl-C ends a sheet of thousands of images at once, without it.
"$semtinel" synth --preset phase3 --sheet "$work/late.png" --sheet-rows 17 --sheet-columns 40 >"$work/out" 2>&1 &
process=$!
sleep 1
kill -INT $process
wait $process
code=$?
[ $code = 130 ] || fail "Ctrl-C while a sheet is drawn: exit code $code"
[ -e "$work/late.png" ] && fail "Ctrl-C: a sheet all the same"

run 1 "$semtinel" synth "$work/a" --per-class 1
says "--force"
run 0 "$semtinel" synth "$work/a" --per-class 1 --size 32 --force
run 2 "$semtinel" synth
run 2 "$semtinel" synth "$work/x" --preset phase2
run 2 "$semtinel" synth "$work/x" --size 8
run 2 "$semtinel" synth "$work/x" --per-class 0
run 2 "$semtinel" synth "$work/x" --noise 9
run 2 "$semtinel" synth --sheet "$work/x.png" --sheet-class bump
[ -e "$work/x" ] && fail "a refused run leaves a folder"
# No folder is left where no image could be written.
for labels in class all; do
    (ulimit -f 1 && "$semtinel" synth "$work/x" --per-class 2 --size 64 --splits --labels $labels) >"$work/out" 2>"$work/err" && fail "files were too large"
    says 'cannot write: File too large'
    [ -e "$work/x" ] && fail "folders without images are left: $(find "$work/x")"
done
echo text >"$work/file"
run 1 "$semtinel" synth "$work/file/sub" --per-class 1
says "file"
run 1 "$semtinel" synth --sheet "$work/nowhere/sheet.png" --size 32
if [ "$(id -u)" -ne 0 ]; then
    mkdir "$work/locked" && chmod a-w "$work/locked"
    run 1 "$semtinel" synth "$work/locked/out" --per-class 1
fi
run 0 "$semtinel" synth --help
finish
