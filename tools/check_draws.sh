#!/usr/bin/env bash
# Finds random draws whose order C leaves to the compiler: two from one generator among the arguments of a call, the
# operands of an operator or the items of an initialiser. A draw is a call that is handed a generator (rng) or the
# simulator's scene (s). A call comes after its own arguments; && || ?: ; and the declarators of a declaration are in order.
set -euo pipefail
cd "$(dirname "$0")/.."

find bench edge firmware fuzz include src tests -name node_modules -prune -o -name '*.[ch]' -print | sort | xargs awk '
function clear(level) { run[level] = before[level] = earlier[level] = 0; part[level] = "" }
# run: draws in the running operand; before: in other operands of ?: && ||; earlier: in other items of the list.
function draw(level) {
    if (++run[level] > 1 || earlier[level]) {
        print FILENAME ":" FNR ": draws from one generator in no fixed order: take them into named values first"
        status = 1
    }
}
function take_part() { # an item of a list ends
    if (part[top] ~ (FILENAME ~ /^src\/synth\// ? "^(s|&?([a-z_]+(->|\\.))?rng)$" : "^&?([a-z_]+(->|\\.))?rng$")) {
        handed[top] = 1
    }
    earlier[top] = earlier[top] || before[top] || run[top]
    run[top] = before[top] = 0
    part[top] = ""
}
function see(t,    called, block, drew) {
    if (t == "(" || t == "[" || t == "{") {
        called = last ~ /^[A-Za-z_]/ && last != "return"
        block = t == "{" && (called || last ~ /^[;{}:]?$/ && kind[top] == "block" || last == ")" && was_called)
        part[top] = part[top] t
        kind[++top] = block ? "block" : t == "(" && called ? "call" : "list"
        clear(top)
        handed[top] = 0
    } else if (t == ")" || t == "]" || t == "}") {
        take_part()
        drew = earlier[top] || kind[top] == "call" && handed[top]
        was_called = kind[top] == "call"
        block = kind[top--] == "block"
        if (block) {
            clear(top)
        } else if (drew) {
            draw(top)
        }
    } else if (t == ";" || t == "," && kind[top] == "block") {
        clear(top)
    } else if (t == ",") {
        take_part()
    } else if (t ~ /^(\?|:|&&|\|\|)$/) {
        before[top] = before[top] || run[top]
        run[top] = 0
        part[top] = part[top] t
    } else {
        part[top] = part[top] t
    }
    last = t
}
FNR == 1 { top = comment = 0; kind[0] = "block"; last = ""; clear(0) }
/^ *#/ { next }
{
    line = $0
    gsub(/"([^"\\]|\\.)*"|\047(\\[^\047]+|\\\047|[^\047\\])\047/, "0", line)
    if (comment && !sub(/^.*\*\//, "", line)) next
    comment = 0
    while (match(line, /\/\*/)) {
        head = substr(line, 1, RSTART - 1)
        rest = substr(line, RSTART + 2)
        if (!match(rest, /\*\//)) { line = head; comment = 1; break }
        line = head " " substr(rest, RSTART + 2)
    }
    while (match(line, /[A-Za-z_0-9.]+|->|&&|\|\||[^ \t]/)) {
        token = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        see(token)
    }
}
END { exit status }
'
echo "draws: ok"
