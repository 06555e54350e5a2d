# Sourced by the scripts here: 'semtinel train' options for the names of initial weights in the tables, and reading of results.
# shellcheck shell=bash
export LC_ALL=C.UTF-8 # numbers with a point

# Adds to the array `options`. From $data, and from $IMAGENET_SEM and $IMAGENET_SEM_075 (see accuracy.sh). "even", which is
# the default at width 0.75: for int8 (docs/quantisation.md); "mixed": for other tools' images (docs/training-experiments.md).
add_start_options() { # NAME
    local weights=$data/weights/imagenet-mobilenetv3-small
    case $1 in
    backbone) ;;
    backbone-075) options+=(--width 0.75) ;;
    imagenet) options+=(--init "$weights-notop.tflite") ;;
    imagenet-075) options+=(--init "$weights-075.tflite" --width 0.75) ;;
    imagenet-mixed) options+=(--init "$weights-notop.tflite" --mix-synth 0.1 --epochs 50) ;;
    imagenet-even) options+=(--init "$weights-notop.tflite" --range-decay 20) ;;
    imagenet-uneven-075) options+=(--init "$weights-075.tflite" --width 0.75 --range-decay 0) ;;
    imagenet-sem) options+=(--init "$IMAGENET_SEM" --size 160) ;;
    imagenet-sem-075) options+=(--init "$IMAGENET_SEM_075" --width 0.75 --size 160) ;;
    none) options+=(--init none) ;;
    *) echo "$1: no such initial weights" >&2; return 2 ;;
    esac
}
export -f add_start_options

metric() { # METRICS.JSON NAME: a number of it, such as accuracy or macro_avg.f1
    awk -F'[ :,"]+' -v name="$2" '
        match($0, /^ *"/) && RLENGTH <= 5 { path = RLENGTH > 3 ? outer "." $2 : $2; outer = RLENGTH > 3 ? outer : $2 }
        path == name { print $3; exit }' "$1"
}
