# report.html in a real browser: no page error, no request, a click on the matrix shows the images behind the cell.
set -u
semtinel=$1
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
[ -n "$browser" ] || { echo "skipped: no Chromium on this machine"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$semtinel" synth "$work/data" --preset phase3 --per-class 3 --size 48 --quiet || exit 1
long=$(ls "$work/data" | head -n 1)
mv "$work/data/$long" "$work/data/a_class_whose_name_is_longer_than_a_phone_is_wide_and_more" || exit 1
"$semtinel" train "$work/data" -o "$work/run" --init none --mix-synth 0 --epochs 1 --size 48 --width 0.25 --quiet || exit 1
"$semtinel" evaluate "$work/run" "$work/data" -o "$work/out" --quiet || exit 1
grep -qE 'https?://' "$work/out/report.html" && { echo "FAILED: report.html names an address"; exit 1; }
# What a user does, by script: an error, or a gallery that differs from the cell, shows in the title. Last, on a
# page of 300 pixels tables are scrolled, not the page.
cat >"$work/probe.js" <<'JS'
<script>window.onerror=function(m){document.title='ERROR '+m};
var b=document.querySelector('#matrix button'),n=parseInt(b.firstChild.textContent,10);b.click();
var shown=document.querySelectorAll('#behind-list li img').length;
b.dispatchEvent(new KeyboardEvent('keydown',{key:'ArrowDown',bubbles:true}));
var h=[].map.call(document.querySelectorAll('h1,h2'),function(e){return e.textContent});
var m=document.getElementById('matrix').parentNode,r=m.querySelector('th[scope=row]');m.scrollLeft=99;
var kept=m.scrollLeft===99&&Math.abs(r.getBoundingClientRect().left-m.getBoundingClientRect().left)<2&& // the name of the row stays in sight,
r.getBoundingClientRect().width<m.clientWidth/2; // beside the cells
document.title='PROBE '+(shown===n)+' '+(document.activeElement.tagName)+' '+h.length+' '+
[].every.call(document.images,function(i){return i.alt!==''})+' '+(document.documentElement.scrollWidth<=innerWidth)+' '+kept+' '+performance.getEntriesByType('resource').length;
document.body.style.width='300px';document.title+=' '+(document.querySelector('main').scrollWidth<=300);</script>
JS
probed() { # WIDTH PROBE: the title that the script of $work/PROBE gives to $work/page.html
    sed "/<\/body>/{
r $work/$2
d
}" "$work/page.html" >"$work/probe.html"
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --window-size="$1",900 --dump-dom "file://$work/probe.html" 2>/dev/null |
        grep -o '<title>[^<]*</title>' | head -n 1
}
deep=/$(printf 'a_path_without_blanks_%.0s' 1 2 3 4)
sed "s|$work/|$deep/|g" "$work/out/report.html" >"$work/page.html"
grep -q "$deep" "$work/page.html" || { echo "FAILED: report.html names no path"; exit 1; }
title=$(probed 500 probe.js)
case $title in
    '<title>PROBE true '*' true true true 0 true</title>') ;;
    '')
        echo "skipped: the browser does not run here"
        exit 77
        ;;
    *) echo "FAILED: $title"; exit 1 ;;
esac
# On paper nothing can be scrolled: the matrix of eleven classes fits a page, its names upright beside it.
sed 's/@media print{/@media screen{/' "$work/out/report.html" >"$work/page.html"
echo "<script>document.title='PRINT '+(document.documentElement.scrollWidth<=innerWidth)+' '+
[].every.call(document.querySelectorAll('.scroll'),function(e){return getComputedStyle(e).overflowX==='visible'})</script>" >"$work/print.js"
title=$(probed 741 print.js)
[ "$title" = '<title>PRINT true true</title>' ] || { echo "FAILED on paper: $title"; exit 1; }
