# What `semtinel predict` says of the images, then what the chip decided of every tenth: class or "review", confidence in
# millionths, class.
FNR == NR { if (FNR % 10 == 2) { class[++n] = $2 "," ($4 ? $4 : $2); confidence[n] = $3 * 1e6 } next }
{
    off = $2 - confidence[FNR]
    wrong = wrong || $1 "," $3 != class[FNR] || off > 10 || off < -10
    seen++
    reviewed += $1 == "review"
}
END {
    if (wrong || !n || seen != n) {
        print "exported C: its decisions are not those of semtinel predict"
        exit 1
    }
    print "exported C: " n " images decided as by semtinel predict, " reviewed " of them to review"
}
