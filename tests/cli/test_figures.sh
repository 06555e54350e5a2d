#!/usr/bin/env bash
# The scripts behind the figures: usage where nothing is given; a training that fails, or that Ctrl-C stops, is not measured, nor a
# model that cannot be read.
. "$(dirname "$0")/checks.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$work" || exit 1

for script in "$root"/bench/figures/*.sh "$root"/models/pretrain.sh; do
    name=$(basename "$script")
    [ "$name" = weights.sh ] || expect 2 "$name .*(BUILD|RUN)" bash "$script"
done

# A command whose training ends as by Ctrl-C, and that says what it was asked for.
mkdir build data made
cat >build/semtinel <<'END'
#!/bin/sh
echo "$1" >>calls
[ "$1" != train ] || exit 130
case "$1 $2" in
"predict good") printf '%s\n' ' {' '  "predicted_class": "crack",' ' }' ;;
"predict careful") printf '%s\n' ' {' '  "predicted_class": "review",' '  "suggested_class": "open",' ' }' ;;
"predict bold") printf '%s\n' ' {' '  "predicted_class": "open",' '  "suggested_class": "open",' ' }' ;;
"predict wary") printf '%s\n' ' {' '  "predicted_class": "review",' '  "suggested_class": "crack",' ' }' ;;
esac
END
chmod +x build/semtinel
for script in accuracy teacher; do
    rm -f calls
    SETS=sem-a FROM=backbone SEEDS=1 SEMTINEL_DATA=data run 123 bash "$root/bench/figures/$script.sh" build made
    [ "$(cat calls)" = train ] || fail "$script.sh went on after a training that was stopped: $(tr '\n' ' ' <calls)"
done
SEMTINEL=build/semtinel expect 0 "1 images, same class 100" bash "$root/bench/figures/agreement.sh" good good data
# Images that both models send to review are not of one class for that.
SEMTINEL=build/semtinel expect 0 "1 images, same class 0.00" bash "$root/bench/figures/agreement.sh" careful wary data
SEMTINEL=build/semtinel expect 0 "1 images, same class 100" bash "$root/bench/figures/agreement.sh" careful bold data
for models in "good missing" "missing good"; do
    # shellcheck disable=SC2086
    SEMTINEL=build/semtinel run 1 bash "$root/bench/figures/agreement.sh" $models data
done
finish
