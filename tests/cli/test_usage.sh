#!/usr/bin/env bash
# What every subcommand owes its user: help that fits the page, one clear line on wrong usage, the right exit code,
# output that goes where it was sent, nothing left behind by a signal.
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# ---- the command itself
commands=$("$semtinel" --help | sed -nE 's/^ {2}[a-z ]{9}  ([a-z]+) .*/\1/p' | sort)
have=$("$semtinel" --bash-completion | sed -nE 's/^ {4}([a-z]+)\)$/\1/p' | sort)
[ -n "$commands" ] && [ "$commands" = "$have" ] || fail "--help lists other commands than there are: " \
    $(comm -3 <(echo "$commands") <(echo "$have"))
expect 2 "^usage: semtinel COMMAND" "$semtinel"
expect 2 "unknown command 'trian'; did you mean 'train'" "$semtinel" trian images
expect 2 "unknown command 'xyzzy'$" "$semtinel" xyzzy
expect 2 "did you mean '--version'" "$semtinel" --versoin
expect 0 "" "$semtinel" --version
grep -qE '^semtinel [0-9.]+$' out || fail "--version: $(cat out)"
"$semtinel" help train >a.txt
"$semtinel" train --help >b.txt
cmp -s a.txt b.txt || fail "help train is not train --help"
"$semtinel" --help train | cmp -s - b.txt || fail "--help train is not train --help"
expect 0 "^usage: semtinel COMMAND" "$semtinel" help help
# However help is asked for, it is given, with the defaults of the table.
for way in -qh -hq "images -q --he" "--epochs 3 -qh" "--epochs --help" "--xyzzy -h"; do
    # shellcheck disable=SC2086
    "$semtinel" train $way 2>&1 | cmp -s - b.txt || fail "train $way is not train --help"
done
expect 0 " right \[none; 0 \.\. 1\]" "$semtinel" calibrate --help # not the number that stands for none
expect 0 "" "$semtinel" quantize --help
grep -A2 -e "--agree PATH" out | grep -q "\[may be repeated\]" || fail "--agree does not say that it may be repeated"
expect 2 "predict: -d: unknown option" "$semtinel" predict run -dash.png

# ---- every command
for command in $commands; do
    expect 0 "" "$semtinel" "$command" --help
    [ -s err ] && fail "$command --help writes to standard error"
    sed '/^Examples:/,$d' out | awk -v c="$command" 'length > 80 {print "FAILED: " c " --help: " $0; bad = 1} END {exit bad}' ||
        failures=$((failures + 1))
    grep -q "^Examples:" out || fail "$command --help has no examples"
    twice=$(sed -nE 's/^  -(.), --.*/\1/p' out | sort | uniq -d)
    [ -z "$twice" ] || fail "$command: two options have the letter $twice"
    twice=$(sed -nE 's/^  (-., |    )--([a-z0-9-]+).*/\2/p' out | sort | uniq -d)
    [ -z "$twice" ] || fail "$command: two options are called $twice"
    # Each example can be pasted as it stands, and its options exist.
    sed '1,/^Examples:/d' out | grep -E '[^ ]  +[^ #]' && fail "$command: an example has words that are no part of it"
    sed -n '/^Examples:/,$p' out | grep -oE "semtinel $command .*" | sed 's/[|&].*//' | grep -oE -- '--[a-z0-9-]+' | sort -u >used
    while read -r option; do
        grep -qE -- "^  (-., |    )$option( |$)" out || fail "$command: an example has $option, the table has not"
    done <used
    expect 2 "$command: --qiuet: unknown option; did you mean --quiet\?" "$semtinel" "$command" --qiuet
    expect 2 "$command: -%: unknown option" "$semtinel" "$command" -%
    expect 2 "$command: --quiet: takes no value" "$semtinel" "$command" --quiet=1
    expect 2 "$command: --threads: needs a value" "$semtinel" "$command" --threads
    expect 2 "$command: --threads: needs a value" "$semtinel" "$command" --quiet images images --threads
    expect 2 "$command: -t: needs a value" "$semtinel" "$command" images -qt
    expect 2 "$command: --threads 1.5: not a whole number in 0 .. 256" "$semtinel" "$command" --threads 1.5
    expect 2 "$command: --seed -1: not a whole number" "$semtinel" "$command" --seed -1
    expect 2 "$command: an argument is empty" "$semtinel" "$command" ""
    [ "$command" = synth ] || [ "$command" = bench ] || expect 2 "$command: .*" "$semtinel" "$command"
done
expect 2 "synth: --s: could be --size, " "$semtinel" synth --s 3
expect 2 "evaluate: --map scratch: not of the form FROM=TO" "$semtinel" evaluate run images -o e --map scratch
expect 2 "calibrate: --map =other: not of the form FROM=TO" "$semtinel" calibrate run images --map =other
expect 2 "synth: -n: needs a value" "$semtinel" synth -n
expect 2 "synth: --threads 257: not a whole number in 0 .. 256" "$semtinel" synth x --threads 257
expect 2 "synth: --noise 1x: not a number in 0 .. 4" "$semtinel" synth x --noise 1x
expect 2 "train: --dropout -0.1: not a number in 0 .. 0.9" "$semtinel" train images -o run --dropout -0.1
expect 2 "train: --epsilon 0: not a number in 1e-12 .. 1" "$semtinel" train images -o run --epsilon 0 # 0 / 0
expect 2 "train: unexpected argument 'more'" "$semtinel" train images more -o run
# shellcheck disable=SC2046
expect 2 "evaluate: --map: given more than 64 times" "$semtinel" evaluate run images -o e $(for i in $(seq 65); do echo "--map a=b"; done)
expect 2 "synth: --seed  -1: not a whole number" "$semtinel" synth x --seed " -1"
expect 2 "synth: --noise nan: not a number in 0 .. 4" "$semtinel" synth x --noise nan
[ -e x ] && fail "wrong usage makes a folder"
# Options that would do nothing, and inputs that are missing, are told before the work.
expect 2 "quantize: --epochs and --rate are of fine-tuning: give --qat" "$semtinel" quantize run --calibrate . -o q.tflite --epochs 3
expect 2 "quantize: --epochs and --rate are of fine-tuning: give --qat" "$semtinel" quantize run --calibrate . -o q.tflite --rate 1e-3
expect 2 "quantize: --percentile counts with --method percentile" "$semtinel" quantize run --calibrate . -o q.tflite --percentile 99
expect 2 "quantize: --qat, --sensitivity and --method are of int8 values" "$semtinel" quantize run --qat . --scheme dynamic -o q.tflite
expect 2 "quantize: --qat, --sensitivity and --method are of int8 values" "$semtinel" quantize run --calibrate . --method minmax \
    --scheme dynamic -o q.tflite
expect 2 "quantize: --images, .* are of calibration" "$semtinel" quantize run --images 50 --scheme dynamic -o q.tflite
expect 2 "bench: --batch, .* are of --train" "$semtinel" bench run --batch 64
expect 2 "bench: --runs is of a network" "$semtinel" bench --train --runs 3
expect 2 "demo: --source is the model of --overlay" "$semtinel" demo run . -o d.gif --source .
expect 2 "audit: --sheet-pairs is of the contact sheet" "$semtinel" audit . --sheet-pairs 3
expect 2 "synth: --sheet-columns, .* are of the contact sheet" "$semtinel" synth images --sheet-rows 2
expect 2 "synth: --per-class, .* are of a folder of images" "$semtinel" synth --sheet s.png --per-class 2
expect 2 "quantize: --keep-float needs --scheme int8-float-io" "$semtinel" quantize run --calibrate . --scheme dynamic \
    --keep-float stem -o q.tflite
expect 2 "quantize: --scheme is of one file" "$semtinel" quantize run --calibrate . --scheme int8-float-io -o q
expect 2 "quantize: -o q.foo: int8 models are written as .tflite and .onnx; q.foo/ is a folder" "$semtinel" quantize run --calibrate . -o q.foo
expect 2 "quantize: -o q.h5: int8 models are written as .tflite and .onnx" "$semtinel" quantize run --calibrate . -o q.h5
expect 2 "train: --freeze-bn keeps the batch-norm statistics of the initial weights; --init none has none" \
    "$semtinel" train images -o run --freeze-bn --init none
expect 2 "calibrate: --sure says how surely a purity holds" "$semtinel" calibrate run images --sure 0.9
expect 2 "audit: --group \[: no extended regular expression" "$semtinel" audit images --group "["
expect 2 "predict: --output --quiet: a file or folder is needed; ./--quiet is one" "$semtinel" predict run images -o --quiet
expect 2 "predict: --output: is empty" "$semtinel" predict run images -o ""
expect 2 "demo: name the video: -o FILE.mp4" "$semtinel" demo run images
expect 2 "demo: -o x.avi: a video is written as .mp4 or .gif" "$semtinel" demo run images -o x.avi
expect 2 "train: --size 31: 32 .. 512, or 0" "$semtinel" train images -o run --size 31
expect 2 "train: --channels 2: the input has 1 channel or 3" "$semtinel" train images -o run --channels 2
missing() { # option, command...
    expect 1 "^semtinel: $1 nowhere: there is no such file or folder$" "$semtinel" "${@:2}" $1 nowhere
    [ "$(wc -l <err)" = 1 ] || fail "more than a line: $*"
}
missing --qat quantize run --calibrate . -o q.tflite
missing --evaluate quantize run --calibrate . -o q
missing --agree quantize run --calibrate . -o q --evaluate . --agree .
missing --calibrate quantize run -o q.tflite
missing --calibrate adapt run images -o a --quantize
missing --foreign calibrate run images
missing --also train images -o run
missing --source explain run images -o e
missing --model klarf lot.001 -o x
missing --images klarf lot.001 -o x
missing --source demo run images -o d.gif

# ---- manual page and completion come from the same tables
"$semtinel" --manual >semtinel.1 || fail "--manual"
for command in $commands; do
    grep -q "^\.SS semtinel $command " semtinel.1 || fail "the manual lacks $command"
done
grep -q 'macro F1' semtinel.1 || fail "the manual lacks the text of train"
grep -nE '^[.][^A-Zn f]' semtinel.1 && fail "text that troff takes for a request"
if command -v groff >/dev/null; then
    [ -z "$(groff -man -Tascii -ww semtinel.1 2>&1 >/dev/null)" ] || fail "groff complains about the manual"
fi
"$semtinel" --bash-completion >completion || fail "--bash-completion"
complete_words() {
    bash -c '. ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _semtinel; echo "${COMPREPLY[*]}"' complete "$@"
}
[ "$(complete_words semtinel tra)" = train ] || fail "completion of a command"
[ "$(complete_words semtinel synth --preset ph)" = "phase1 phase3" ] || fail "completion of a choice"
[ "$(complete_words semtinel synth --sheet-r)" = --sheet-rows ] || fail "completion of an option"
[ -z "$(complete_words semtinel synth im)" ] || fail "completion of a file is left to the shell"

# ---- where output goes
"$semtinel" synth images --per-class 8 --size 32 --quiet || fail "synth"
"$semtinel" train images -o run --init none --mix-synth 0 --width 0.25 --size 32 --epochs 1 --quiet || fail "train"
expect 1 "standard output: cannot write: No space" bash -c '"$0" predict run images >/dev/full' "$semtinel"
expect 1 "cannot write to standard output" bash -c '"$0" audit images --json - >/dev/full' "$semtinel"
"$semtinel" predict run images -o /dev/stdout --quiet | cat >piped.csv
[ "$(wc -l <piped.csv)" -eq 81 ] || fail "-o /dev/stdout: $(wc -l <piped.csv) lines"
"$semtinel" predict run images -o /dev/null --quiet || fail "-o /dev/null"
[ -c /dev/null ] || fail "/dev/null was replaced"
# A stream that comes closed does not hand its number, and its lines, to a file that is written.
expect 3 "" bash -c '"$0" predict run images/ler nowhere.png -o told.csv 2>&-' "$semtinel"
grep -q semtinel told.csv && fail "closed standard error: $(cat told.csv)"
expect 1 "cannot write to standard output" bash -c '"$0" evaluate run images -o told >&-' "$semtinel"
[ "$(grep -c "^measuring on" told/log.txt)" -eq 1 ] || fail "closed standard output: $(cat told/log.txt)"
# Beyond ulimit -f a write fails like any other.
mkdir small
expect 1 "small/x.onnx: cannot write: File too large" bash -c 'ulimit -f 4 && "$0" export run -o small/x.onnx' "$semtinel"
expect 1 "cannot write: File too large" bash -c 'ulimit -f 4 && "$0" split images small/parts --quiet' "$semtinel"
expect 1 "cannot write: File too large" bash -c 'ulimit -f 4 && "$0" export run --all small/all' "$semtinel"
expect 1 "cannot write: File too large" bash -c 'ulimit -f 4 && "$0" quantize run --calibrate images -o small/all' "$semtinel"
[ -z "$(ls -A small)" ] || fail "ulimit -f leaves $(find small)"
"$semtinel" evaluate run images -o evaluation 2>&1 | true # the reader leaves at once
left=$(find . -name '*.tmp.*' -o -name '.partial*')
[ -z "$left" ] || fail "a closed pipe leaves $left"
# A mistyped layer or class gets the nearest name.
expect 1 "run: no layer with weights and hard-swish is called 'stme'; did you mean 'stem'" \
    "$semtinel" quantize run --calibrate images -o q.tflite --split stme
expect 1 "run: no layer with weights is called 'classifer'; did you mean 'classifier'" \
    "$semtinel" quantize run --calibrate images -o q.tflite --scheme int8-float-io --keep-float classifer
expect 1 "run.*: has no layer 'block4.expnad'; did you mean 'block4.expand'" \
    "$semtinel" explain run images -o why --layer block4.expnad
expect 1 "map crak=other: neither the model nor the data set has a class 'crak'; did you mean 'crack'" \
    "$semtinel" evaluate run images -o mapped --map crak=other
# What a message says to do next.
expect 2 "export: -o c/: a folder gets C source of an int8 .tflite; 'semtinel quantize run --calibrate" "$semtinel" export run -o c/
expect 1 "run: is a folder, not a .tflite file; 'semtinel export run -o model.tflite'" "$semtinel" run run -i images -o x
expect 0 "" "$semtinel" quantize run --calibrate images -o int8.tflite --quiet
expect 1 "int8.tflite: .*take the one that it was made from; --source names the float model" "$semtinel" explain int8.tflite images -o why
expect 0 "" "$semtinel" explain int8.tflite images/open -o why --source run
# Evaluated into the run's own folder, the log of the training stays.
cp run/log.txt trained.txt
expect 0 "" "$semtinel" evaluate run images -o run
cmp -s run/log.txt trained.txt || fail "evaluate -o RUN overwrote the log of the training"
[ -s run/evaluate-log.txt ] || fail "evaluate -o RUN left no log of its own"
# What cannot be written is told before the work: none of these reads a model or an image.
for line in "adapt none none -o /proc/x" "augment images /proc/x" "audit none --json /proc/x" "audit none --sheet /proc/x" \
    "calibrate none none -o /proc/x" "compare none none -o /proc/x" "demo none none -o /proc/x.mp4" "evaluate none none -o /proc/x" \
    "explain none none -o /proc/x" "klarf none -o /proc/x" "klarf none --model . -o /proc/x" "klarf none -o x --model . --csv /proc/x" "label none none -o /proc/x" "export none --all /proc/x" "export none -o /proc/x.onnx" "predict none none -o /proc/x" \
    "quantize none --calibrate . -o /proc/x" "quantize none --calibrate . -o q.tflite --sensitivity /proc/x" \
    "run none -i none -o /proc/x" "split images /proc/x" "synth --sheet /proc/x.png" "train none -o /proc/x"; do
    # shellcheck disable=SC2086
    expect 1 "semtinel: /proc/x.*: cannot (write|make the folder): " "$semtinel" $line
done
# "-" is standard output where results go there, and a name nowhere.
for line in "adapt none none -o -" "augment images -" "audit none --sheet -" "calibrate none none -o -" "compare none none -o -" \
    "evaluate none none -o -" "explain none none -o -" "klarf none -o -" "klarf none --model . -o -" "label none none -o -" "export none --all -" "quantize none --calibrate . -o -" \
    "split images -" "synth -" "train none -o -"; do
    # shellcheck disable=SC2086
    expect 1 "semtinel: -: the name of a (file|folder) is needed; ./- is one" "$semtinel" $line
done
[ -e ./- ] && fail "something is called -"
for to in - /dev/stdout; do
    "$semtinel" predict run images/ler -o $to 2>err | cat >out
    [ "${PIPESTATUS[0]}" = 0 ] || fail "predict -o $to: $(cat err)"
    [ "$(wc -l <out)" -eq 9 ] || fail "predict -o $to: $(wc -l <out) lines"
done
# A file that is read is not written over: "-o *.png" gives the first image as the output.
cp images/ler/ler_00000.png kept.png
cp images/ler/ler_00001.png other.png
ln -s kept.png link.png && cp kept.png kept.gif
for line in "predict run -o kept.png kept.png other.png" "predict run -o kept.png link.png" "predict run ./kept.png -o link.png" \
    "demo run kept.gif -o kept.gif" "run int8.tflite -i kept.png -o kept.png" "quantize int8.tflite --calibrate images -o int8.tflite" \
    "compare run/predictions.csv run -o run/predictions.csv" "compare run run -o run/predictions.csv" \
    "predict run images -o images/ler/ler_00000.png" "calibrate run images --split all -o images/ler/ler_00000.png" \
    "audit images --json images/ler/ler_00000.png" "audit images --sheet images/ler/ler_00000.png" \
    "predict run images/ler -o run/model.safetensors" "export run -o run/model.safetensors" "export run/model.safetensors -o run/model.safetensors"; do
    # shellcheck disable=SC2086
    expect 1 "semtinel: .*: is to be read, and would be overwritten; name another file" "$semtinel" $line
done
cmp -s kept.png images/ler/ler_00000.png || fail "an input was overwritten"
expect 0 "" "$semtinel" calibrate run/model.safetensors images -o run/model.safetensors --split all --quiet
# Nor by what else a command writes, beside a video or into a folder.
mkdir formats precisions saved
"$semtinel" export run -o formats/model.onnx -o formats/model-float16.tflite -o precisions/float32.onnx -o saved/saved_model.pb --quiet &&
    "$semtinel" quantize run --scheme dynamic -o precisions/dynamic.tflite --quiet || fail "export"
mkdir before && cp -r formats precisions saved before
for line in "demo run kept.gif --gif -o kept.mp4" "export formats/model.onnx --all formats" "export formats/model-float16.tflite --all ./formats/" \
    "export saved -o saved/saved_model.pb" "export saved --all saved" \
    "quantize precisions/float32.onnx --calibrate images -o precisions" \
    "quantize precisions/dynamic.tflite --calibrate images -o precisions"; do
    # shellcheck disable=SC2086
    expect 1 "semtinel: .*: is to be read, and would be overwritten; name another file" "$semtinel" $line
done
cmp -s kept.gif kept.png && diff -r formats before/formats && diff -r precisions before/precisions && diff -r saved before/saved || fail "an input was overwritten"
# A checkpoint keeps what it holds besides the model, and a run keeps its own model.
cp -r run watching && "$semtinel" calibrate watching images --split all --unfamiliar 0.1 --quiet && cp watching/model.safetensors before/ ||
    fail "calibrate"
expect 0 "" "$semtinel" export watching --all watching --quiet
expect 1 "watching: holds a trained run, whose model would be replaced" "$semtinel" export run --all watching
cmp -s watching/model.safetensors before/model.safetensors || fail "export --all changed the run"
# In a folder that is searched, what is hidden and what is no file is no image; a pipe is read where it is named.
mkdir mixed && cp kept.png mixed && echo "not an image" >mixed/._kept.png && mkfifo mixed/pipe.png && ln -s /dev/zero mixed/zero.png
expect 0 "" timeout -k 1 60 "$semtinel" predict run mixed
[ "$(wc -l <out)" -eq 2 ] || fail "predict mixed: $(cat out)"
mkdir mixed/.thumbnails && cp kept.png mixed/.thumbnails
expect 0 "" "$semtinel" predict run mixed
grep -q thumbnails out && fail "predict looks into hidden folders: $(cat out)"
expect 0 "thumbnails/kept" "$semtinel" predict run mixed/.thumbnails
expect 1 "/dev/stdin: is no file; a model is read more than once" bash -c 'cat run/model.safetensors | "$0" predict /dev/stdin images' "$semtinel"
expect 0 "^/dev/stdin," bash -c 'cat kept.png | "$0" predict run /dev/stdin' "$semtinel"
# No image, no header.
echo junk >junk.png
expect 1 "no image of 1 could be read" "$semtinel" predict run junk.png
[ -s out ] && fail "predict wrote without an image: $(head -1 out)"
rm junk.png
expect 1 "run: is not empty" "$semtinel" split images run
mkdir deny && chmod 500 deny
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    chmod 755 "$work"
    as_other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${as_other[@]}" test -x "$semtinel" || as_other=()
else
    as_other=()
    [ "$(id -u)" -eq 0 ] || as_other=(env)
fi
if [ ${#as_other[@]} -gt 0 ]; then
    cp -r run locked && chmod 000 locked/model.safetensors
    mkdir -p unreadable/a unreadable/b && cp images/ler/*0.png unreadable/a/ && cp images/open/*0.png unreadable/b/
    cp -r unreadable closed && chmod 000 closed/b
    chmod 000 unreadable/a/*0.png
    cp -r run shut && chmod 000 shut
    cp -r run fixed && chmod 555 fixed
    mkdir free && chmod 777 free
    expect 1 "deny/p.csv: cannot write: Permission denied" "${as_other[@]}" "$semtinel" predict run images -o deny/p.csv
    expect 1 "deny/e: cannot make the folder: Permission denied" "${as_other[@]}" "$semtinel" evaluate run images -o deny/e
    expect 1 "fixed/model.safetensors: cannot write: Permission denied" "${as_other[@]}" "$semtinel" calibrate fixed images --split all
    grep -q measuring out && fail "calibrate measures before it finds that it cannot write"
    expect 1 "locked.*: .*Permission denied" "${as_other[@]}" "$semtinel" predict locked images
    expect 3 "unreadable/a/ler_00000.png: cannot read: Permission denied" "${as_other[@]}" "$semtinel" audit unreadable
    expect 1 "closed/b: cannot read the folder: Permission denied" "${as_other[@]}" "$semtinel" audit closed
    for line in "info shut" "info shut/model.safetensors" "train images -o free/r --init shut/model.safetensors" \
        "compare shut/predictions.csv run" "quantize run --calibrate shut/images -o free/q.tflite"; do
        # shellcheck disable=SC2086
        expect 1 "shut.*: .*Permission denied" "${as_other[@]}" "$semtinel" $line
    done
    chmod 755 closed/b shut
else
    echo "skipped: no permission (needs another user)"
fi

# ---- links: none is followed twice, and the images of a folder above are no class
ln -s .. images/ler/up && ln -s . images/self && ln -s ../ler images/open/twin
expect 0 "" "$semtinel" predict run images -o p.csv
[ "$(wc -l <p.csv)" -eq 81 ] || fail "links: $(wc -l <p.csv) lines"
expect 0 "images/self: ignored: a link to a folder that it lies in" "$semtinel" audit images
grep -q "images: 80 images, 10 classes" out || fail "links: $(head -1 out)"

ln -s nowhere images/lost && ln -s nowhere images/ler/lost
expect 0 "images/lost: ignored: a link that leads nowhere" "$semtinel" audit images
says "images/ler/lost: ignored: a link that leads nowhere"
expect 1 "images/lost: is a link that leads nowhere; a folder is needed" "$semtinel" label none none -o images/lost # before the work
ln -s later.csv early.csv
expect 0 "" "$semtinel" predict run images/ler -o early.csv
[ -L early.csv ] && [ -s later.csv ] || fail "a link that led nowhere was replaced"

# ---- one run at a time in a folder
"$semtinel" train images -o busy --init none --mix-synth 0 --width 0.25 --size 32 --epochs 2000 --quiet &
process=$!
for _ in $(seq 1 200); do
    [ -s busy/history.csv ] && break
    sleep 0.05
done
expect 1 "busy: another process is training there" "$semtinel" train images -o busy --init none --mix-synth 0 --width 0.25 --size 32 \
    --epochs 1
[ -s busy/log.txt ] || fail "the refused run emptied the log of the other"
kill -TERM $process
wait $process
[ $? -eq 143 ] || fail "SIGTERM: another exit code"

# ---- signals: what a closing terminal sends ends a command as Ctrl-C does; nohup keeps it alive
for signal in HUP:129 TERM:143; do
    "$semtinel" synth many --per-class 5000 --size 256 --quiet 2>err &
    process=$!
    for _ in $(seq 1 200); do
        [ -e many/vias ] && break
        sleep 0.02
    done
    kill -"${signal%:*}" $process
    wait $process
    got=$?
    [ $got -eq "${signal#*:}" ] || fail "${signal%:*}: exit code $got"
    grep -q "interrupted" err || fail "${signal%:*}: $(cat err)"
    [ -z "$(find many -name '*.tmp.*')" ] || fail "${signal%:*}: a temporary is left"
    rm -rf many
done
# A read that waits, for a pipe's writer, is ended by the first signal, and that is what the exit code tells of.
mkfifo waiting
"$semtinel" predict run waiting 2>err &
process=$!
sleep 0.3
kill -TERM $process
wait $process
[ $? -eq 143 ] || fail "a waiting read: $(cat err)"
nohup "$semtinel" train images -o hup --init none --mix-synth 0 --width 0.25 --size 32 --epochs 60 --quiet >/dev/null 2>&1 &
process=$!
for _ in $(seq 1 200); do
    [ -e hup/log.txt ] && break
    sleep 0.02
done
kill -HUP $process 2>/dev/null
wait $process || fail "nohup does not hold"

finish
