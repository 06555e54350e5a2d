#!/usr/bin/env bash
# semtinel train: runs killed at random moments resume to the same bytes; Ctrl-C; bad input; exit codes.
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# Images of the simulator, few and small.
"$semtinel" synth all --preset phase1 --per-class 12 --size 32 --seed 3 --quiet || fail "synth"
mkdir -p images/train
for class in all/*/; do
    name=$(basename "$class")
    case $name in bridge | clean | crack | open) cp -r "$class" images/train/ ;; esac
done
[ "$(ls images/train | wc -l)" = 4 ] || fail "the simulator made other classes: $(ls all)"
small="--width 0.25 --size 32 --batch 8 --init none --mix-synth 0 --quiet"

# Killed at random moments, resumed each time: the same model as an unbroken run, at one thread and at two.
start=${EPOCHREALTIME/[.,]/}
expect 0 "" "$semtinel" train images -o whole $small --epochs 20 --threads 1
unbroken=$((${EPOCHREALTIME/[.,]/} - start)) # microseconds
kills=0
for attempt in $(seq 1 30); do # parts of an unbroken run, longer each time, so that a machine that grows slow gets through too
    wait=$((unbroken * (4 + attempt * attempt + RANDOM % 4) / 100))
    { timeout -s KILL "$((wait / 1000000)).$(printf %06d $((wait % 1000000)))" "$semtinel" train images \
        -o broken $small --epochs 20 --threads 2 --resume >out 2>&1; } 2>/dev/null
    code=$?
    [ $code = 0 ] && break
    kills=$((kills + 1))
    [ $code = 137 ] || fail "attempt $attempt: exit code $code: $(tail -1 out)"
    # `timeout` is killed with its child, which may not have ended yet: its lock goes when it has.
    [ ! -e broken/log.txt ] || flock -w 60 broken/log.txt true || fail "attempt $attempt: the killed run keeps its lock"
done
[ $kills -ge 2 ] || fail "only $kills runs were killed: nothing was tested"
# What a killed process leaves, the next one that trains there removes; not what others called so.
touch broken/{checkpoint.safetensors,model.safetensors,history.csv,curves.png}.tmp.4711.0 broken/history.csv.tmp.{mine,1.0.csv}
expect 0 "" "$semtinel" train images -o broken $small --epochs 20 --resume
[ "$(ls broken | grep tmp | tr '\n' ' ')" = "history.csv.tmp.1.0.csv history.csv.tmp.mine " ] || fail "left by killed runs: $(ls broken)"
rm broken/history.csv.tmp.*
cmp whole/model.safetensors broken/model.safetensors || fail "killed and resumed: other bytes"
cut -d, -f1-7 whole/history.csv >a.csv
cut -d, -f1-7 broken/history.csv >b.csv
cmp a.csv b.csv || fail "killed and resumed: another history"
[ "$(wc -l <a.csv)" = 21 ] || fail "history.csv has $(wc -l <a.csv) lines, not 21"
for file in model.safetensors history.csv curves.png log.txt; do
    [ -s "whole/$file" ] || fail "no whole/$file"
done

# Resuming needs no options again, and refuses others.
expect 0 "was complete after 20 epochs" "$semtinel" train images -o broken --init none --resume
expect 0 "was complete after 20 epochs" "$semtinel" train images/ -o broken --init none --resume
expect 1 "started with --epochs 20, not 9" "$semtinel" train images -o broken --init none --resume --epochs 9
expect 1 "started with --seed 1, not 5" "$semtinel" train images -o broken --init none --resume --seed 5
cmp whole/model.safetensors broken/model.safetensors || fail "resuming a complete run changed it"
expect 1 "started with --init none, not whole; leave the option out" "$semtinel" train images -o broken --resume --init whole
expect 0 "was complete after 20 epochs" "$semtinel" train images -o broken --resume --init default
expect 0 "" "$semtinel" train images -o seeded $small --epochs 1 --seed 5
expect 0 "was complete after 1 epoch" "$semtinel" train images -o seeded --init none --resume
cp -r broken calibrated
expect 0 "" "$semtinel" calibrate calibrated images --max-rejection 0.3
cp calibrated/model.safetensors before
expect 0 "kept calibrated/model.safetensors" "$semtinel" train images -o calibrated --init none --resume
cmp before calibrated/model.safetensors || fail "resuming a complete run undid its calibration"
head -c 1000 before >calibrated/model.safetensors
expect 0 "wrote calibrated/model.safetensors" "$semtinel" train images -o calibrated --init none --resume
cmp whole/model.safetensors calibrated/model.safetensors || fail "resuming did not mend a damaged model"

# Ctrl-C keeps the state and says how to go on.
"$semtinel" train images -o stopped $small --epochs 200 >out 2>&1 &
process=$!
for i in $(seq 1 100); do
    [ -s stopped/checkpoint.safetensors ] && break
    sleep 0.1
done
kill -INT $process
wait $process
code=$?
[ $code = 130 ] || fail "Ctrl-C: exit code $code"
grep -q -- "train images -o stopped --resume" out || fail "Ctrl-C: $(tail -1 out)"
[ -s stopped/checkpoint.safetensors ] || fail "Ctrl-C: no checkpoint"
expect 1 "checkpoint.safetensors: the state of a training run" "$semtinel" predict stopped/checkpoint.safetensors images
[ -z "$(find stopped -name '*.tmp.*')" ] || fail "Ctrl-C: a temporary is left"

# An unreadable image is named, counted and skipped.
cp -r images damaged
echo "no image" >damaged/train/clean/zz.png
expect 3 "zz.png" "$semtinel" train damaged -o run-damaged --width 0.25 --size 32 --init none --epochs 1
[ -s run-damaged/model.safetensors ] || fail "unreadable image: no model"

# Too few images to hold any out: nothing is said of validation.
for class in clean open; do
    mkdir -p two/$class
    cp "$(find images/train/$class -type f | sort | head -1)" two/$class
done
expect 0 "kept: epoch 2$" "$semtinel" train two -o run-two --width 0.25 --size 32 --init none --mix-synth 0 --epochs 2

# The only image of a class is not held out, so that no score is about the class.
cp -r images rare
find rare/train/open -type f | sort | tail -n +2 | xargs rm
expect 0 "class open has no validation image" "$semtinel" train rare -o run-rare --width 0.25 --size 32 --init none --mix-synth 0 --epochs 1

# Of many classes that are short of images ten are named.
for i in {10..31}; do mkdir -p single/train/c$i && cp images/train/clean/*_00001.png single/train/c$i/; done
mkdir -p single/val/c10 && cp images/train/clean/*_00002.png single/val/c10/
expect 0 "warning: 12 more classes have one training image only; add images" "$semtinel" train single -o run-single --width 0.25 \
    --size 32 --init none --mix-synth 0 --epochs 1
says "warning: 11 more classes have no validation image"
[ "$(grep -c "has one training image only" err)" = 10 ] || fail "not ten classes named: $(cat err)"

# Wrong usage and bad input.
expect 2 "-o RUN" "$semtinel" train images
expect 2 "too few arguments" "$semtinel" train -o run
expect 2 "epochs" "$semtinel" train images -o run --epochs -1
expect 2 "schedule" "$semtinel" train images -o run --schedule never
expect 1 "nowhere" "$semtinel" train nowhere -o run $small
mkdir empty one && cp -r images/train/clean one/
expect 1 "empty" "$semtinel" train empty -o run $small
expect 1 "only class clean" "$semtinel" train one -o run $small
expect 2 "patience waits for a better epoch" "$semtinel" train images -o run $small --patience 3 --keep last
expect 2 "freeze-epochs" "$semtinel" train images -o run $small --epochs 2 --freeze-epochs 3
[ -e run ] && fail "a failed start left a run behind"
expect 1 "whole.*width 0.25" "$semtinel" train images -o run --size 32 --init whole --width 0.5
expect 1 "nothing.safetensors" "$semtinel" train images -o run --size 32 --init nothing.safetensors
head -c 2000 whole/model.safetensors >cut.safetensors
expect 1 "cut.safetensors" "$semtinel" train images -o run --size 32 --init cut.safetensors --width 0.25
# A wrong --init costs an earlier run nothing; a right one replaces it, its log too.
cp -r whole earlier
expect 1 "cut.safetensors" "$semtinel" train images -o earlier --size 32 --init cut.safetensors --width 0.25
grep -q "is replaced" out && fail "said to be replaced before the weights were there"
for file in model.safetensors checkpoint.safetensors history.csv curves.png; do
    cmp whole/$file earlier/$file || fail "a wrong --init lost the earlier run's $file"
done
head -c "$(wc -c <whole/log.txt)" earlier/log.txt | cmp - whole/log.txt || fail "a wrong --init lost the earlier run's log"
expect 0 "earlier: holds an earlier run, which is replaced" "$semtinel" train images -o earlier --size 32 --width 0.25 \
    --batch 8 --init whole --epochs 1
rm earlier/checkpoint.safetensors
echo left >earlier/model-int8.tflite
expect 0 "earlier: holds an earlier model, which is replaced" "$semtinel" train images -o earlier --size 32 --width 0.25 \
    --batch 8 --init whole --epochs 1
says "earlier/model-int8.tflite is of an earlier run"
[ "$(grep -c "training images" earlier/log.txt)" = 1 ] || fail "the log of the replaced run is still there"
head -1 earlier/log.txt | grep -q "^images: 4 classes" || fail "log.txt begins with: $(head -1 earlier/log.txt)"
expect 0 "was complete after 1 epoch" "$semtinel" train images -o earlier --resume
expect 0 "was complete after 1 epoch" "$semtinel" train images -o earlier --resume --init ./whole/
expect 1 "started with --init whole, not none" "$semtinel" train images -o earlier --resume --init none
expect 1 "started with --init whole, not semtinel-" "$semtinel" train images -o earlier --resume --init default
mkdir models && cp cut.safetensors models/semtinel-backbone-025.safetensors
expect 1 "models/semtinel-backbone-025.safetensors" \
    env SEMTINEL_MODELS=models "$semtinel" train images -o damaged --width 0.25 --size 32 --batch 8 --epochs 1
expect 1 "models/semtinel-backbone.safetensors: is missing; SEMTINEL_MODELS names" \
    env SEMTINEL_MODELS=models "$semtinel" train images -o damaged --size 32 --batch 8 --epochs 1
mkdir -p prefix/bin prefix/share/semtinel/models && cp "$semtinel" prefix/bin # its own models, not the source tree's
expect 1 "^semtinel: $(realpath prefix)/share/semtinel/models/semtinel-backbone.safetensors: is missing" \
    prefix/bin/semtinel train images -o damaged --size 32 --batch 8 --epochs 1
expect 1 "random weights have none" "$semtinel" train images -o run --width 0.25 --size 32 --batch 8 --epochs 1 --freeze-bn
expect 1 "/proc/run" "$semtinel" train images -o /proc/run $small
head -c 5000 stopped/checkpoint.safetensors >cut && mv cut stopped/checkpoint.safetensors
expect 1 "stopped/checkpoint.safetensors" "$semtinel" train images -o stopped --init none --resume
mkdir copied && cp whole/model.safetensors copied
expect 1 "copied: holds a model, but no checkpoint.safetensors" "$semtinel" train images -o copied $small --resume
cmp copied/model.safetensors whole/model.safetensors || fail "--resume overwrote a model"

# No space: the run fails with the file's name and leaves what was there whole.
if mkdir full && mount -t tmpfs -o size=300k none full 2>/dev/null; then
    expect 1 "full/run.*(space|cannot write)" "$semtinel" train images -o full/run $small --epochs 2
    umount full
else
    echo "skipped: no space left (needs the right to mount)"
fi
if [ "$(id -u)" != 0 ]; then
    mkdir locked && chmod 500 locked
    expect 1 "locked/run" "$semtinel" train images -o locked/run $small
else
    echo "skipped: no permission (runs as root)"
fi

# Weights of another run with other classes; simulated images mixed in.
expect 0 "weights: from whole" "$semtinel" train images -o again --batch 8 --width 0.25 --init whole/ --epochs 1
expect 0 '"init": "whole"' "$semtinel" info again
grep -q "mixed in:" out && fail "simulated images were mixed in beside weights of the user's own"
expect 0 "32 x 32" "$semtinel" info again # the size of the run that it started from
# Where the shipped weights do not fit, training begins with random ones.
expect 0 "160 x 160 pixels, 1 epoch .* up to 0.0006" "$semtinel" train images -o shipped --batch 8 --epochs 1 --mix-synth 0
expect 0 "weights: from .*/semtinel-backbone-075.safetensors" "$semtinel" train images -o three-quarters --batch 8 --epochs 1 \
    --width 0.75 --mix-synth 0
says "learning rate up to 0.0006"
expect 0 "160 x 160 pixels, 1 epoch .* up to 0.004" "$semtinel" train images -o narrow --batch 8 --width 0.25 --epochs 1 \
    --mix-synth 0
expect 0 "160 x 160 pixels, 1 epoch .* up to 0.004" "$semtinel" train images -o colour --batch 8 --channels 3 --epochs 1 \
    --mix-synth 0

# Simulated images are mixed in where the simulator knows three quarters of the classes, and as many as are asked for elsewhere.
mixed="--size 32 --batch 8 --width 0.25 --init none --synth-per-class 5"
expect 0 "mixed in: 20 further images, 20%" "$semtinel" train images -o mixed $mixed --epochs 4
cp mixed/model.safetensors whole.safetensors
expect 0 "was complete" "$semtinel" train images -o mixed --init none --resume
grep -q "simulating" out && fail "images were simulated for a complete run"
expect 1 "started with --mix-synth 0.2, not 0.5" "$semtinel" train images -o mixed --init none --resume --mix-synth 0.5
cmp -s mixed/model.safetensors whole.safetensors || fail "resuming a run with simulated images changed it"
cp -r images named
mv named/train/open named/train/dent
expect 0 "mixed in: 15 further" "$semtinel" train named -o mixed-named $mixed --epochs 1
mv named/train/crack named/train/hump
expect 0 "knows 2 of 4 classes only" "$semtinel" train named -o mixed-named $mixed --epochs 1
grep -q "mixed in:" out && fail "simulated images of half the classes were mixed in"
expect 0 "" "$semtinel" train images -o mixed-pairs $mixed --epochs 1 --batch 2
grep -q "mixed in:" out && fail "simulated images are said to be mixed in where a batch has no room for any"
expect 2 "mix-synth 0.01 of --batch 8 is less than an image" "$semtinel" train images -o run $mixed --mix-synth 0.01
# A batch of 32 holds 26 images and 6 simulated ones; of 27 images a last batch would hold one, of 33 seven and two.
for case in "9 1 step" "11 2 steps"; do
    rm -rf odd && mkdir -p odd/val
    cp -r images/train/open odd/val/clean
    for class in bridge clean crack; do
        mkdir -p odd/train/$class
        cp $(find images/train/$class -type f | sort | head -"${case%% *}") odd/train/$class
    done
    expect 0 "1 epoch of ${case#* }," "$semtinel" train odd -o odd-run $mixed --batch 32 --epochs 1 --mix-synth 0.2
done
expect 0 "mixed in: 10 further images, 30%" "$semtinel" train named -o mixed-named $mixed --epochs 1 --mix-synth 0.3
mv named/train/clean named/train/haze
mv named/train/bridge named/train/ripple
expect 0 "" "$semtinel" train named -o mixed-named $mixed --epochs 1
grep -q "mixed in:" out && fail "simulated images were mixed in where the simulator knows no class"
expect 1 "none of the classes" "$semtinel" train named -o mixed-named $mixed --epochs 1 --mix-synth 0.3

# Copies with another label, or in both parts, are told of.
cp -r images copies
first=$(find copies/train/bridge -type f | sort | head -1)
cp "$first" copies/train/crack/again.png
expect 0 "1 image is a copy of a file in another class, .*bridge/.*png and .*crack/again.png" \
    "$semtinel" train copies -o copies-run $small --epochs 1
grep -q "in the other part" "$work/err" && fail "copies are held out together, but train says that they are not"
mkdir -p copies/val
cp -r images/train/bridge images/train/open copies/val/
expect 0 "24 images are copies of a file in the other part" "$semtinel" train copies -o copies-run $small --epochs 1
expect 0 "" "$semtinel" train images -o copies-run $small --epochs 1
[ ! -s "$work/err" ] || fail "a warning of copies where there are none: $(cat "$work/err")"
# Empty files are unreadable, not copies of each other, and trained nothing.
mkdir -p copies/test/open
cp "$first" copies/test/open/one.png
for empty in copies/{val,train,test}/open/e.png copies/train/crack/e.png; do : >$empty; done
rm copies/train/crack/again.png
expect 3 "24 images are copies of a file in the other part" "$semtinel" train copies -o copies-run $small --epochs 1
grep -q "another class" "$work/err" && fail "unreadable files are told of as copies: $(cat "$work/err")"
expect 3 ": 1 of 2 images to measure is among those that trained" "$semtinel" evaluate copies-run copies -o copies-out

[ -z "$(find . -name '*.tmp.*')" ] || fail "left behind: $(find . -name '*.tmp.*' | head -1)"
expect 0 "^next:  semtinel calibrate 'named run' images$" "$semtinel" train images -o "named run" ${small/--quiet/} --epochs 1
says "^       semtinel evaluate 'named run' images -o OUT$"

# A val/ of other classes validates nothing, and calibrate could not use it.
mkdir -p others/val
cp -r images/train others/
cp -r images/train/bridge others/val/ripple
expect 0 "^next:  semtinel evaluate others-run others -o OUT$" "$semtinel" train others -o others-run ${small/--quiet/} --epochs 1
says "no validation image is of a class that has training images; the last epoch will be kept"
finish
