#!/usr/bin/env bash
# Trains a backbone on simulated images only: models/semtinel-backbone.safetensors, from random weights; or, with INIT, from weights
# of your own, such as ImageNet's, whose features then know SEM images before they meet yours.
#
# usage: models/pretrain.sh BUILD
#        WIDTH=0.75 models/pretrain.sh BUILD     # models/semtinel-backbone-075.safetensors, which 'train --width 0.75' begins with
#        INIT=imagenet.tflite OUT=imagenet-sem.safetensors models/pretrain.sh BUILD
# Two stages: twelve classes of defects, then each class divided by what it lies on ("bridge-lines", "bridge-routed", ..., 66 in all),
# which makes features that carry further (docs/training-experiments.md). With INIT only the second. EPOCHS ("12 7") and RATE ("3e-3 2e-3") of the
# stages, PER_CLASS ("7200 3600"): images of each class of phase1, two thirds as many of phase3; of each a single number counts for
# both stages. SEED (201), WIDTH (1), PADDING (same; symmetric for weights from PyTorch), THREADS (0: all cores). An hour on two cores,
# fifteen minutes with INIT. WORK names a folder to keep images and runs in (default: a temporary one); a stopped run goes on there.
set -euo pipefail
[ $# = 1 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
semtinel=$(cd "$1" && pwd)/semtinel
if [ -n "${WORK:-}" ]; then
    mkdir -p "$WORK"
    work=$(cd "$WORK" && pwd)
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
epochs=${EPOCHS:-12 7} rate=${RATE:-3e-3 2e-3} per_class=${PER_CLASS:-7200 3600} seed=${SEED:-201}
if [ -n "${INIT:-}" ]; then # told before the images are made
    init=$(realpath "$INIT")
    "$semtinel" info "$init" >/dev/null
fi

# The name that both presets' folder CLASS or CLASS-LAYOUT gets; none: left out. phase3 knows three kinds of clean. Among the
# coarse classes they stay apart, and phase1's one kind would have to be told from them; divided by layout, all are one.
common_name() { # stage folder
    local class=${2%%-*} layout=
    [ "$1" = fine ] && layout=-${2#*-}
    case $class in
    OTHERS) class=other ;;
    VIA) class=vias ;;
    CLEAN_*) [ "$1" = fine ] && class=clean ;;
    clean) [ "$1" = fine ] || return 0 ;;
    esac
    echo "$(tr '[:upper:]' '[:lower:]' <<<"$class")$layout"
}

simulate() { # stage seed images [options]
    local stage=$1 seed=$2 count=$3 part preset folder name
    shift 3
    [ -e "$work/$stage.done" ] && return
    rm -rf "${work:?}/$stage"
    for part in train val; do
        for preset in phase1 phase3; do
            local here_count=30
            [ "$part-$preset" = train-phase1 ] && here_count=$count
            [ "$part-$preset" = train-phase3 ] && here_count=$((count * 2 / 3))
            rm -rf "$work/simulated"
            "$semtinel" synth "$work/simulated" --preset $preset --per-class "$here_count" --seed "$seed" "$@"
            seed=$((seed + 1))
            for folder in "$work"/simulated/*; do
                name=$(common_name "$stage" "${folder##*/}")
                [ -n "$name" ] || continue
                mkdir -p "$work/$stage/$part/$name" # images of the presets differ in name
                find "$folder" -type f -exec mv -n -t "$work/$stage/$part/$name" {} +
            done
        done
    done
    rm -rf "$work/simulated"
    touch "$work/$stage.done"
}

# Simulated images vary more than augmentation makes real ones vary: they are turned and shifted, and little else is changed, with a
# larger batch and rate than for real ones, a long average of the weights, and rare classes drawn more often. The last epoch is kept:
# thousands of images a class are not learnt by heart in a few epochs, and macro F1 of 66 classes with ten validation images each
# chooses by chance.
train() { # stage init epochs rate seed [options]
    local stage=$1 init=$2 epochs=$3 rate=$4 seed=$5
    shift 5
    "$semtinel" train "$work/$stage" -o "$work/run-$stage" --resume --init "$init" --mix-synth 0 --size 128 \
        --width "${WIDTH:-1}" --padding "${PADDING:-same}" --epochs "$epochs" --batch 64 --rate "$rate" --dropout 0.1 \
        --average ema --average-decay 0.998 --keep last --balance 0.5 --blur 0 --jitter 0 --cutout 0 --shot 0 --shade 0 --gamma 0.15 \
        --noise 4 --contrast 0.2 --brightness 12 --seed "$seed" --threads "${THREADS:-0}" "$@"
    "$semtinel" export "$work/run-$stage" -o "$work/$stage.safetensors" --float16
}

# What a training would refuse, it refuses on a few images, before the many are made: a wrong value, or weights that do not fit.
attempt() { # init epochs rate
    rm -rf "$work/run-trial"
    train trial "$@" "$seed" >/dev/null
}
rm -rf "$work/trial"
"$semtinel" synth "$work/trial" --per-class 3 --size 32 --quiet
attempt "${init:-none}" "${epochs%% *}" "${rate%% *}"
[ -n "${INIT:-}" ] || attempt "$work/trial.safetensors" "${epochs##* }" "${rate##* }"
rm -rf "$work/trial" "$work/run-trial" "$work/trial.safetensors"

options=()
if [ -n "${INIT:-}" ]; then
    options+=(--range-decay 5) # ImageNet's channels are of very uneven size, which int8 does not fit
else
    simulate coarse "$seed" "${per_class%% *}"
    train coarse none "${epochs%% *}" "${rate%% *}" "$seed"
    init=$work/coarse.safetensors
fi
simulate fine $((seed + 100)) "${per_class##* }" --labels layout
train fine "$init" "${epochs##* }" "${rate##* }" $((seed + 100)) "${options[@]}"
suffix=$(awk -v width="${WIDTH:-1}" 'BEGIN { if (width != 1) printf "-%03d", 100 * width + 0.5 }')
out=${OUT:-$here/semtinel-backbone$suffix.safetensors}
cp "$work/fine.safetensors" "$out.part"
mv "$out.part" "$out"
echo "wrote $out"
if [ -n "${INIT:-}" ]; then # a file of the user's, whose own side, 128 pixels, 'train' would take; larger ones do better
    echo "next: semtinel train IMAGES -o RUN --init $out --width ${WIDTH:-1} --padding ${PADDING:-same} --size 160"
fi
