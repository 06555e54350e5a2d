#!/bin/sh
# int8.sh OUT RUN=DATASET...: int8 figures of trained networks with the defaults of 'semtinel quantize'.
#
# For each RUN (a run's folder) and the DATASET it was trained on: float32, float16, dynamic range,
# int8 and fine-tuned int8, with accuracy on the test part (or the validation part) of DATASET,
# agreement with float32 over all images under the folders of $AGREE (labels not needed), sizes and
# times. Then the means over the runs. Nothing is chosen here: calibration and fine-tuning take the
# training part of DATASET.
#
#     AGREE="sem-a sem-h phase3" EPOCHS=20 bench/figures/int8.sh out run-1=sem-a run-2=sem-a
#
# SEMTINEL: the command (default build/semtinel); THREADS: default 2; AGREE: default the data sets;
# EPOCHS: of fine-tuning, 0 leaves it out. Where OUT/NAME/precision.json is there already, the run is
# not measured again. Most of the time is fine-tuning.
set -eu
export LC_ALL=C.UTF-8 # numbers with a point
semtinel=${SEMTINEL:-build/semtinel}
threads=${THREADS:-2}
epochs=${EPOCHS:-20}
if [ $# -lt 2 ]; then
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
out=$1
shift
mkdir -p "$out"
for pair in "$@"; do
    run=${pair%%=*}
    set=${pair#*=}
    name=$(printf '%s' "$run" | tr '/' '-' | sed 's/^-*//')
    if [ ! -e "$out/$name/precision.json" ]; then
        set -- "$run" --calibrate "$set" --evaluate "$set" -o "$out/$name" --threads "$threads"
        for tree in ${AGREE:-$set}; do
            set -- "$@" --agree "$tree"
        done
        if [ "$epochs" -gt 0 ]; then
            set -- "$@" --qat "$set" --epochs "$epochs"
        fi
        start=$(date +%s)
        "$semtinel" quantize "$@" >"$out/$name.log" 2>&1 || [ $? = 3 ] || { # 3: some images were skipped
            cat "$out/$name.log" >&2
            exit 1
        }
        echo "whole run: $(($(date +%s) - start)) s" >>"$out/$name.log"
    fi
    echo "== $run on $set"
    sed -n '1,/^$/p' "$out/$name/precision.txt"
    grep -E '^(precision|float|dynamic|int8)' "$out/$name/precision.txt"
    grep -hE '^(calibrated|fine-tuned|whole run)' "$out/$name.log" || true
    echo
done
echo "== means over the runs measured in $out"
cat "$out"/*/precision.txt | awk '
    /^(float32|float16|dynamic|int8|int8-qat) / {
        if (!($1 in n)) order[++kinds] = $1
        n[$1]++; accuracy[$1] += $2; f1[$1] += $3; agreement[$1] += $4; size[$1] += $5
    }
    END {
        printf "%-14s %4s %9s %9s %10s %9s\n", "precision", "runs", "accuracy", "macro F1", "agreement", "KB"
        for (i = 1; i <= kinds; i++) {
            k = order[i]
            printf "%-14s %4d %9.4f %9.4f %9.2f%% %9.1f\n", k, n[k], accuracy[k] / n[k], f1[k] / n[k], \
                agreement[k] / n[k], size[k] / n[k]
        }
    }'
