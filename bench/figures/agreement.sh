#!/bin/bash
# agreement.sh RUN FILE TREE...: the share of the images under the trees to which FILE, an int8 model say, gives the class that RUN
# gives. Labels are not needed. int8.sh measures it with one view of each image; this with VIEWS (8).
#
#     bench/figures/agreement.sh run out/run/int8.tflite sem-a sem-h phase3
#
# SEMTINEL: the command (default build/semtinel).
set -eu -o pipefail
export LC_ALL=C.UTF-8 # numbers with a point
[ $# -ge 3 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
semtinel=${SEMTINEL:-$(cd "$(dirname "$0")/../.." && pwd)/build/semtinel}
run=$1 file=$2
shift 2
classes() { # MODEL TREE...: a line for each image; of one that thresholds send to review, the model's guess
    "$semtinel" predict "$@" --views "${VIEWS:-8}" --json --quiet |
        awk -F'"' '/^  "(predicted|suggested)_class"/ { class = $4 } /^ }/ { print class }'
}
paste -d '\n' <(classes "$run" "$@") <(classes "$file" "$@") |
    awk '$0 == "" { ended = 1; exit } # one of the two, which says why
         NR % 2 { first = $0; next } { images++; same += $0 == first }
         END { if (ended || !images) exit 1; printf "%s: %d images, same class %.2f%%\n", file, images, 100 * same / images }' file="$file"
