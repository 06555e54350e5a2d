#!/bin/bash
# semtinel bench: figures that belong to each other, and clear refusals.
set -u
semtinel=$1
failed=0
fail() {
    echo "test_bench: $*" >&2
    failed=1
}
json=$("$semtinel" bench --train --steps 3 --batch 5 --size 64 --width 0.25 --channels 3 --threads 2 --json) || fail "exit code $?"
number() {
    sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" <<<"$json"
}
[ "$(number batch)" = 5 ] && [ "$(number threads)" = 2 ] && [ "$(number channels)" = 3 ] || fail "options are not repeated: $json"
awk -v rate="$(number images_per_second)" -v ms="$(number step_ms)" -v best="$(number images_per_second_fastest)" \
    'BEGIN { r = rate * ms / 5000; exit !(rate > 0 && best >= rate && r > 0.999 && r < 1.001) }' ||
    fail "rates do not agree: $json"
awk -v peak="$(number peak_bytes)" -v engine="$(number engine_bytes)" 'BEGIN { exit !(engine > 100000 && peak > engine) }' ||
    fail "memory is not plausible: $json"
"$semtinel" bench --train --steps 1 --batch 1 --size 32 --width 0.25 --threads 1 | grep -q 'images/s' || fail "no plain report"
for bad in "" "--train --batch 0" "--train --batch 5000" "--train --size 16" "--train --steps x" "--train model"; do
    "$semtinel" bench $bad >/dev/null 2>&1
    [ $? = 2 ] || fail "'bench $bad' is not refused as wrong usage"
done
exit $failed
