#!/usr/bin/env bash
# docs/outputs.md names every column and key that commands write for other programs, and their CSV keeps its fields.
doc=$(realpath "$(dirname "$0")/../../docs/outputs.md")
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1

# Names that the page does not have; "b,c" and bridge are classes here.
check_names() { # check_names FILE, names on standard input
    local name
    while read -r name; do
        case $name in bridge | 'b,c') continue ;; esac
        grep -qF "\`$name\`" "$doc" || fail "$1: docs/outputs.md lacks '$name'"
    done
}
check_csv() { # check_csv COLUMNS FILE
    local have
    have=$(head -1 "$2" | sed 's/"b,c"/bridge/' | tr ',' '\n')
    [ "$(wc -l <<<"$have")" = "$1" ] || fail "$2: other columns than $1: $(head -1 "$2")"
    # Quoted fields here have a comma and no quote.
    awk -v n="$1" '{gsub(/"[^"]*"/, "x"); if (split($0, f, ",") != n) {print FILENAME ": " $0; bad = 1}} END {exit bad}' "$2" ||
        fail "$2: a line has other columns"
    check_names "$2" <<<"$have"
}
check_json() { # check_json FILE
    grep -oE '"[^"]+": ' "$1" >keys || fail "$1: no key"
    check_names "$1" < <(sed -E 's/^"(.*)": $/\1/' keys | sort -u)
}

"$semtinel" synth simulated --per-class 20 --size 32 --quiet || fail "synth"
for class in bridge open; do
    to=images/${class/open/b,c}
    mkdir -p "$to" && for i in simulated/$class/*.png; do cp "$i" "$to/a,$(basename "$i")"; done
done
cp images/bridge/a,bridge_00000.png images/b,c/twin.png
echo junk >images/bridge/junk.png
expect 3 "" "$semtinel" train images -o run --init none --mix-synth 0 --width 0.25 --size 32 --epochs 2
check_csv 8 run/history.csv
expect 3 "" "$semtinel" predict run images -o p.csv
check_csv 3 p.csv
expect 3 "" "$semtinel" split images sets --group '_.*0'
check_json sets/split.json
expect 3 "" "$semtinel" audit images --json audit.json --group '_.*0'
check_json audit.json
expect 0 "" "$semtinel" augment sets augmented --per-class 20
check_csv 5 augmented/augmented.csv
expect 0 "" "$semtinel" calibrate run sets --split all --max-rejection 0.5 --unfamiliar 0.1
expect 3 "" "$semtinel" predict run images -o p.csv
check_csv 5 p.csv
expect 3 "" "$semtinel" predict run images -o p.json
check_json p.json
expect 0 "" "$semtinel" evaluate run sets -o evaluation --split all
check_csv 7 evaluation/predictions.csv
check_json evaluation/metrics.json
expect 3 "" "$semtinel" label run images -o labelled
check_csv 4 labelled/labels.csv
expect 0 "" "$semtinel" explain run images/bridge/a,bridge_00001.png -o why
check_csv 11 why/explanations.csv
expect 0 "" "$semtinel" quantize run --calibrate sets --evaluate sets -o precisions --quiet
check_json precisions/precision.json
expect 0 "" "$semtinel" bench run --runs 3 --json
check_json out
expect 0 "" "$semtinel" bench --train --size 32 --width 0.25 --batch 4 --steps 1 --json
check_json out
finish
