# What `semtinel predict` says of the images, as CSV (RFC 4180), then what the chip decided of every tenth: class or "review",
# confidence in millionths, class; names as they are, which may hold commas, quotes and line ends.
function split_row(row, field,    n) {
    for (n = 1; n <= 4; n++) {
        field[n] = ""
        if (match(row, /^"([^"]|"")*"/)) {
            field[n] = substr(row, 2, RLENGTH - 2)
            gsub(/""/, "\"", field[n])
        } else if (match(row, /^[^,]+/)) {
            field[n] = substr(row, 1, RLENGTH)
        } else {
            RLENGTH = 0
        }
        row = substr(row, RLENGTH + 2)
    }
}
FNR == NR {
    row = row $0
    if (gsub(/"/, "&", row) % 2) {
        row = row "\n"
    } else {
        if (++rows % 10 == 2) {
            split_row(row, field)
            decided[++n] = field[2]
            confidence[n] = field[3] * 1e6
            class[n] = field[4] ? field[4] : field[2]
        }
        row = ""
    }
    next
}
{ told = told $0 "\n" }
END {
    for (i = 1; i <= n; i++) {
        number = substr(told, length(decided[i]) + 2) + 0
        line = decided[i] "," number "," class[i] "\n"
        off = number - confidence[i]
        wrong = wrong || substr(told, 1, length(line)) != line || off > 10 || off < -10
        told = substr(told, length(line) + 1)
        reviewed += decided[i] == "review"
    }
    if (wrong || !n || told != "") {
        print "exported C: its decisions are not those of semtinel predict"
        exit 1
    }
    print "exported C: " n " images decided as by semtinel predict, " reviewed + 0 " of them to review"
}
