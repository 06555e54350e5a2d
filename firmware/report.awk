# budget.txt or nothing, then the firmware's report: instructions by operator, and each figure beside its limit.
FILENAME == "budget.txt" { if ($1 !~ /^#/ && NF == 2) limit[$1] = $2; next }
$1 ~ /^[0-9]+$/ { kind[$2] += $3; times[$2]++; sum += $3; next }
{ value[$1] = $2; order[++n] = $1 }
END {
    for (k in kind)
        printf "%-20s %4d times %12d instructions %5.1f%%\n", k, times[k], kind[k], 100 * kind[k] / sum | "sort -k4nr"
    close("sort -k4nr")
    for (i = 1; i <= n; i++) {
        name = order[i]
        over = name in limit && value[name] > limit[name]
        printf "%-28s %12d%s%s\n", name, value[name], name in limit ? "  of " limit[name] : "", over ? "  OVER BUDGET" : ""
        failed = failed || over
    }
    exit failed
}
