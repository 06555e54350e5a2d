#!/usr/bin/env bash
# Remakes models/semtinel-backbone.safetensors: MobileNetV3-Small trained on simulated images only.
#
# usage: models/pretrain.sh BUILD
# PER_CLASS images of each class of each preset (default 700), EPOCHS (24), SEED (1), THREADS (0: all cores). WORK names a
# folder to keep the images and the run in (default: a temporary one); a run that was stopped there goes on.
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
per_class=${PER_CLASS:-700} seed=${SEED:-1}
if [ ! -e "$work/images.done" ]; then
    rm -rf "${work:?}"/images "${work:?}"/{train,val}-phase{1,3}
    for preset in phase1 phase3; do
        "$semtinel" synth "$work/train-$preset" --preset $preset --per-class "$per_class" --seed "$seed"
        "$semtinel" synth "$work/val-$preset" --preset $preset --per-class $((per_class / 20 + 1)) --seed $((seed + 1))
    done
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

# Simulated images vary more than real ones and there are enough of them: a larger batch and rate than for real ones, an
# average of the weights, and images of rare classes drawn more often.
"$semtinel" train "$work/images" -o "$work/run" --resume --init none --epochs "${EPOCHS:-24}" --batch 64 --rate 4e-3 \
    --average ema --average-decay 0.998 --balance 0.5 --invert 0.1 \
    --seed "$seed" --threads "${THREADS:-0}"
"$semtinel" export "$work/run" -o "$here/semtinel-backbone.safetensors" --float16
