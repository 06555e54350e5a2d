# Sourced by scripts that run many commands: $semtinel, a folder $work that goes at the end, and checks that are counted.
set -u
semtinel=$(realpath "$1")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
run() { # run CODE COMMAND...: checks the exit code; output in $work/out, $work/err
    local wanted=$1 got
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" = "$wanted" ] || { fail "exit code $got instead of $wanted: $*"; cat "$work/out" "$work/err"; }
}
expect() { # expect CODE PATTERN COMMAND...: run, and a line of the output matches the extended PATTERN, unless it is empty
    local pattern=$2
    run "$1" "${@:3}"
    [ -z "$pattern" ] || grep -qE -- "$pattern" "$work/out" "$work/err" ||
        { fail "no line matches '$pattern': ${*:3}"; cat "$work/out" "$work/err"; }
}
# Of the last run: it said TEXT; its errors are exactly one line.
says() { grep -q -- "$1" "$work/out" "$work/err" || { fail "no line '$1'"; cat "$work/out" "$work/err"; }; }
says_one_line() { [ "$(wc -l <"$work/err")" = 1 ] || { fail "not one line of error"; cat "$work/err"; }; }
finish() { [ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }; }
