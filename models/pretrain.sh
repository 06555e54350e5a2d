#!/usr/bin/env bash
# Trains a backbone on simulated images only: models/semtinel-backbone.safetensors, from random weights; or, with INIT, from weights
# of your own, such as ImageNet's, whose features then know SEM images before they meet yours.
#
# usage: models/pretrain.sh BUILD
#        INIT=imagenet.tflite OUT=imagenet-sem.safetensors models/pretrain.sh BUILD
# PER_CLASS images of each class of phase1 and two thirds as many of phase3 (default 3600), EPOCHS (10; 8 with INIT), RATE (3e-3;
# 2e-3), WIDTH (1), SEED (201), THREADS (0: all cores). Ten to thirty minutes on two cores. WORK names a folder to keep the images
# and the run in (default: a temporary one); a run that was stopped there goes on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
semtinel=$(cd "$1" && pwd)/semtinel
if [ -n "${WORK:-}" ]; then
    work=$WORK
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# The classes of both presets under one name each. phase3 knows three kinds of clean; phase1's one kind is left out, since
# its images would have to be told from those.
merge() { # part preset class name
    mkdir -p "$work/images/$1/$4"
    for file in "$work/$1-$2/$3"/*; do
        mv "$file" "$work/images/$1/$4/$2-${file##*/}"
    done
}
init=${INIT:-none} out=${OUT:-$here/semtinel-backbone.safetensors} seed=${SEED:-201} per_class=${PER_CLASS:-3600}
if [ "$init" = none ]; then
    epochs=${EPOCHS:-10} rate=${RATE:-3e-3}
else
    epochs=${EPOCHS:-8} rate=${RATE:-2e-3}
fi
if [ ! -e "$work/images.done" ]; then
    rm -rf "${work:?}"/images "${work:?}"/{train,val}-phase{1,3}
    "$semtinel" synth "$work/train-phase1" --preset phase1 --per-class "$per_class" --seed "$seed" --force
    "$semtinel" synth "$work/train-phase3" --preset phase3 --per-class $((per_class * 2 / 3)) --seed $((seed + 1)) --force
    "$semtinel" synth "$work/val-phase1" --preset phase1 --per-class 30 --seed $((seed + 2)) --force
    "$semtinel" synth "$work/val-phase3" --preset phase3 --per-class 30 --seed $((seed + 3)) --force
    for part in train val; do
        for class in bridge cmp crack ler open other particle scratch vias; do
            merge $part phase1 $class $class
        done
        for pair in BRIDGE:bridge CMP:cmp CRACK:crack LER:ler OPEN:open OTHERS:other PARTICLE:particle VIA:vias \
            CLEAN_CRACK:clean_crack CLEAN_LAYER:clean_layer CLEAN_VIA:clean_via; do
            merge $part phase3 "${pair%%:*}" "${pair##*:}"
        done
    done
    touch "$work/images.done"
fi

# Simulated images vary more than augmentation makes real ones vary: they are turned and shifted, and little else is changed, with a
# larger batch and rate than for real ones, a long average of the weights, and rare classes drawn more often.
"$semtinel" train "$work/images" -o "$work/run" --resume --init "$init" --size 128 --width "${WIDTH:-1}" --epochs "$epochs" --batch 64 \
    --rate "$rate" --dropout 0.1 --average ema --average-decay 0.998 --balance 0.5 --blur 0 --jitter 0 --cutout 0 --shot 0 --shade 0 \
    --gamma 0.15 --noise 4 --contrast 0.2 --brightness 12 --seed "$seed" --threads "${THREADS:-0}"
"$semtinel" export "$work/run" -o "$out" --float16
