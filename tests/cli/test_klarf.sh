# klarf: from a lot's files to class folders, to a model, and to the model's classes in the next lot's file.
. "$(dirname "$0")/checks.sh"
cd "$work" || exit 1
files() { find "$1" -mindepth 2 -type f | wc -l; }

# A lot as a fab keeps it: all images on the pages of one TIFF, and a KLARF with the classes that somebody gave.
# lot NAME VERSION SEED: NAME/NAME.001, NAME/NAME.tif and truth.txt, DEFECTID and class.
number() { # of a class, as ClassLookup has it
    case $1 in bridge) echo 12 ;; crack) echo 7 ;; particle) echo 301 ;; clean) echo 4 ;; esac
}
lot() {
    local id=0 class image page=0 images=() rows=
    mkdir "$1"
    "$semtinel" synth "$1-synth" --per-class 16 --size 64 --seed "$3" --quiet || fail synth
    for class in bridge crack particle clean; do
        for image in "$1-synth/$class"/*.png; do
            id=$((id + 1)) page=$((page + 1))
            images+=("$image")
            echo "$id $class $image" >>"$1/truth.txt"
            if [ "$2" = flat ]; then
                rows+=" $id $((id * 10)) 5.5 -1 2 0 $(number $class) 0 1 1"$'\n'"  $page 0"$'\n'
            else
                rows+="      $id $((id * 10000)) 5500 -1 2 0 $(number $class) Images 1 { \"$1.TIF\" \"TIF\" $page \"Patch\" } 0 ;"$'\n'
            fi
        done
    done
    "$MAKE_PAGES" "$1/$1.tif" "${images[@]}" || fail make_pages
    if [ "$2" = flat ]; then
        printf '%s\n' 'FileVersion 1 2;' "LotID \"$1\";" 'DiePitch 1000 2000;' 'WaferID "07";' 'SampleCenterLocation 100 200;' \
            'ClassLookup 4' '  0 "Unclassified"' '  12 "Bridges"' '  7 "Crack"' '  301 "Contamination";' \
            'DefectRecordSpec 10 DEFECTID XREL YREL XINDEX YINDEX CLASSNUMBER MANSEMCLASS AUTOSEMCLASS IMAGECOUNT IMAGELIST;' \
            "TiffFileName C:\\tool\\$1.TIF;" DefectList "$rows 900 1 1 0 0 0 12 0 0 0;" 'EndOfFile;' | sed 's/$/\r/' >"$1/$1.001"
        sed -i 's/"Contamination";/"Contamination"\r\n  4 "CLEAN";/; s/ClassLookup 4/ClassLookup 5/' "$1/$1.001"
    else
        cat >"$1/$1.001" <<END
Record FileRecord "1.8" {
  Record LotRecord "$1" {
    Record WaferRecord "07" {
      Field SampleCenterLocation 2 {100000, 200000}
      List DefectList {
        Columns 9 { int32 DEFECTID, int32 XREL, int32 YREL, int32 XINDEX, int32 YINDEX, int32 CLASSNUMBER, int32 MANSEMCLASS,
          ImageList IMAGEINFO, int32 AUTOOFFSEMCLASS }
        Data 65 {
$rows
      900 1 1 0 0 0 12 N 0 ;
    } } }
    Field DiePitch 2 {1000000, 2000000}
    List ClassLookupList {
      Columns 3 { int32 CLASSNUMBER, string CLASSNAME, string CLASSCODE }
      Data 2 {
        0 "Unclassified" "";
        12 "Short" "S";
      } }
  }
}
EndOfFile;
END
    fi
}
lot one flat 1
lot two tree 2

# ---- class folders
expect 0 'one.001: KLARF 1.2, 1 wafer, 65 defects, 64 images' "$semtinel" klarf one/one.001 -o set
says 'classes from MANSEMCLASS'; says 'Bridges  *16 images'; says '1 defect without an image'; says 'wrote 64 images of 64 of 65 defects'
[ "$(ls set)" = "$(printf 'Bridges\nCLEAN\nContamination\nCrack\ndefects.csv')" ] || fail "folders: $(ls set)"
read -r id class image < <(sed -n 3p one/truth.txt) # a page is the image
"$semtinel" audit set --quiet || fail "not a data set"
mkdir same && cp "$image" same/a.png && cp "set/Bridges/one_07_${id}_1.png" same/b.png && mkdir same/x && mv same/*.png same/x
expect 0 'same pixels|same file' "$semtinel" audit same
grep -q "^Bridges/one_07_1_1.png,.*,1,.*one.001,one,07,1,12,-1090.0000,3805.5000" set/defects.csv || fail "$(sed -n 2p set/defects.csv)"
# Another column: nothing stands there, and nothing is left behind.
expect 1 'no image to copy; defects: 65, without an image: 1, without a class in CLASSNUMBER: 64; images that are lost: 0' "$semtinel" klarf one/one.001 -o none --column CLASSNUMBER
says_one_line
[ -e none ] && fail "a folder is left behind"
expect 0 'in Unclassified' "$semtinel" klarf one/one.001 -o all --column CLASSNUMBER --keep-unclassified
[ "$(files all)" = 64 ] && [ -d all/Unclassified ] || fail "--keep-unclassified: $(ls all)"
# Two files at once, of two versions; what ClassLookup lacks is told.
expect 0 '48 defects without a class left out' "$semtinel" klarf one/one.001 two/two.001 -o both
[ "$(files both)" = 80 ] || fail "both: $(files both)"
# One file by three names is read once.
ln -s one.001 one/link.001
expect 0 'wrote 64 images of 64 of 65 defects' "$semtinel" klarf one/one.001 one/../one/one.001 one/link.001 -o once
[ "$(grep -c 'was named before and is read once$' err)" = 2 ] && [ "$(files once)" = 64 ] || fail "named three times: $(files once) images"
rm one/link.001

# ---- a model of them, and its classes in the other lot's file
run 0 "$semtinel" train set -o run --mix-synth 0 --epochs 12 --rate 3e-3 --size 64 --quiet
expect 0 'of 65 defects classified, 1 without an image$' "$semtinel" klarf two/two.001 --model run -o out.001 --csv out.csv
[ -s err ] && fail "it complains: $(cat err)"
says 'wrote out.001, column AUTOOFFSEMCLASS'; says 'as 12, Short'; says 'new in ClassLookup'
# Nothing else has changed: with the columns and the rows taken away the files are the same.
bare() { sed -E 's/(\} |N )[0-9]+ ;$/\1;/; /^ *(302|303|304|305) "/d; s/Data [0-9]+/Data/' "$1"; }
[ "$(bare two/two.001)" = "$(bare out.001)" ] || { fail "more has changed"; diff two/two.001 out.001 | head; }
cmp -s two/two.001 out.001 && fail "nothing was written"
# What was written is what 'predict' says of the very images, and 'klarf' reads it again.
expect 0 'classes from AUTOOFFSEMCLASS' "$semtinel" klarf out.001 --images two -o read --column AUTOOFFSEMCLASS
find read -name '*.png' | sed -E 's|read/(.*)/two_07_([0-9]+)_1.png|\2 \1|' | sed 's/Short/Bridges/' | sort >written.txt
while read -r id class image; do
    echo "$id $("$semtinel" predict run "$image" --quiet | tail -1 | cut -d, -f2)"
done <two/truth.txt | sort >predicted.txt
cmp -s written.txt predicted.txt || { fail "other classes than predict's"; diff written.txt predicted.txt; }
sed 's/bridge/Bridges/; s/particle/Contamination/; s/crack/Crack/; s/clean/CLEAN/' two/truth.txt | sort | join - written.txt >joined.txt
awk '$2 == $4 { n++ } END { exit n < 32 }' joined.txt || fail "the model learnt nothing: $(cut -d' ' -f2,4 joined.txt | sort | uniq -c)"
[ "$(wc -l <out.csv)" = 66 ] || fail "csv: $(wc -l <out.csv) lines"
grep -qE '^two,07,1,-1090.0000,3805.5000,[A-Za-z]+,0\.[0-9]+,[0-9]+$' out.csv || fail "csv: $(sed -n 2p out.csv)"
grep -qx 'two,07,900,-99.9990,-199.9990,,,' out.csv || fail "csv: $(tail -1 out.csv)"
# Without their KLARF, the pages behind the first are left out, which is said once.
mkdir -p pages/a && cp one/one.tif pages/a/1.tif && cp one/one.tif two/two.tif pages && cp set/Crack/*.png pages/a
mkdir -p parts/train && cp -r pages/a parts/train
for command in "predict run pages" "label run pages -o labelled" "evaluate run pages --split all --map a=Crack -o measured" \
    "explain run pages/one.tif -o why" "split pages divided" "augment parts grown --per-class 20"; do
    # shellcheck disable=SC2086
    run 0 "$semtinel" $command --quiet
    grep -qE '^semtinel: warning: (3 TIFFs have|1 TIFF has) further pages, which are not read, the first pa.*/.*tif: save' err || fail "$command: $(cat err)"
    [ "$(grep -c 'further pages' err)" = 1 ] || fail "$command: said more than once"
done
expect 0 '^further pages: 1 TIFF has some, which are not read, the first a/1.tif: save' "$semtinel" audit pages
run 0 "$semtinel" audit pages --json -
says '"files_with_further_pages": 1,'
# At any number of threads, written over itself, and with numbers of one's own.
cp out.001 again.001
expect 0 '' "$semtinel" klarf again.001 --images two --model run -o again.001 --threads 3 --quiet
cmp -s out.001 again.001 || fail "written again, it is another file"
expect 0 'column AUTOSEMCLASS' "$semtinel" klarf one/one.001 --model run -o flat.001 --class bridge=555 --class CRACK=7
says 'Bridges .* as 555, new in ClassLookup'; says 'as 7, Crack'; says 'as 4, CLEAN'
grep -q '^  555 "Bridges";.$' flat.001 || fail "ClassLookup: $(grep -A8 ClassLookup flat.001)"
[ "$(grep -c $'\r$' flat.001)" = "$(wc -l <flat.001)" ] || fail "line ends"
# What is sent to review keeps its number.
run 0 "$semtinel" calibrate run set --split all --max-rejection 0.5 --quiet
expect 0 'for review' "$semtinel" klarf two/two.001 --model run -o review.001 --csv review.csv
grep -q ',review,' review.csv || fail "nothing for review"
head -1 review.csv | grep -q "suggested_class,review_reason$" || fail "no suggestion"
for id in $(grep ',review,' review.csv | cut -d, -f3); do
    grep -qE "^ +$id .* 0 ;$" review.001 || fail "defect $id is for review and has another number"
done

# ---- several images of a defect: the mean decides; an image of another type is left alone
expect 0 '' "$semtinel" klarf one/one.001 --model run --type 1 -o type.001
says '0 of 65 defects classified, 65 without an image of type 1'
cmp -s one/one.001 type.001 || fail "--type 1 changed something"
# Page 65 and a defect's own; of the first its own alone, so that those of one come with two blocks of 64.
sed '0,/ 1 1\r$/!s/ 1 1\r$/ 2 2 65 0\r/; s/TiffFileName.*/TiffFileName pair.tif;\r/' one/one.001 >pair.001
mapfile -t images < <(cut -d' ' -f3 one/truth.txt)
"$MAKE_PAGES" pair.tif "${images[@]}" "${images[0]}" || fail make_pages
expect 0 '' "$semtinel" klarf pair.001 --model run -o mean.001 --csv mean.csv --quiet
"$semtinel" predict run --json "${images[@]}" --quiet |
    awk '/"probabilities"/ { image++; c = 0 } /": [0-9.e-]+,?$/ && !/"confidence"/ { gsub(",", "", $2); p[image, ++c] = $2; n = c }
        END { for (i = 1; i <= image; i++) { best = 0; for (c = 1; c <= n; c++) { m = (p[1, c] + p[i, c]) / 2; if (m > best) best = m }; print best } }' >means.txt
tail -n +2 mean.csv | head -64 | cut -d, -f7 | paste -d' ' - means.txt |
    awk '{ d = $1 - $2; if (d > 2e-5 || d < -2e-5) bad = 1 } END { exit bad || NR != 64 }' || fail "not the mean of the images: $(tail -n +2 mean.csv | cut -d, -f7 | paste -d' ' - means.txt | head -3)"
# Twice the same image is as familiar as once, whatever came before.
sed -E 's/^( ([0-9]+) .*) 1 1\r$/\1 2 2 \2 0\r/' one/one.001 >twice.001
run 0 "$semtinel" calibrate run two-synth --split all --unfamiliar 0.3 -o watch.safetensors
expect 0 'for review, 1 without an image' "$semtinel" klarf twice.001 --images one --model watch.safetensors -o watched.001 --csv watched.csv
run 0 "$semtinel" predict watch.safetensors "${images[@]}" -o watched.txt
sed -n '2,65s/.*,//p' watched.csv >twice.txt
sed -n '2,65s/.*,//p' watched.txt >once.txt
cmp -s twice.txt once.txt || fail "other images are unfamiliar than alone: $(diff twice.txt once.txt)"
strange=$(grep -c unfamiliar once.txt)
[ "$strange" -ge 5 ] && [ "$strange" -le 59 ] || fail "$strange of 64 are unfamiliar: the comparison says little"

# ---- files that defects take turns between are read once; one number for each ClassLookup; defects of one id
cat >turns.001 <<END
FileVersion 1 2;
DefectRecordSpec 4 DEFECTID CLASSNUMBER IMAGECOUNT IMAGELIST;
WaferID "a"; ClassLookup 3 0 "None" 5 "bridge" 6 "crack"; TiffFileName one/one.tif;
DefectList 1 5 1 1 1 0 1 5 1 1 2 0; TiffFileName two/two.tif; DefectList 1 5 2 2 1 0 65 0;
TiffFileName one/one.tif; DefectList 1 6 1 1 17 0;
WaferID "b"; ClassLookup 3 0 "None" 9 "Bridge" 8 "Crack";
DefectList 1 0 1 1 1 0 1 0 1 1 17 0;
EndOfFile;
END
expect 3 '' "$semtinel" klarf turns.001 -o turns
[ "$(cd turns && find . -name '*.png' | sort | tr '\n' ' ')" = "./bridge/a_1_1-2.png ./bridge/a_1_1-3.png ./bridge/a_1_1.png ./crack/a_1_1.png " ] ||
    fail "turns: $(find turns)"
run 0 "$semtinel" train turns -o short --init none --mix-synth 0 --epochs 1 --size 32 --quiet
expect 3 '^6 of 6 defects classified$' "$semtinel" klarf turns.001 --model short -o turned.001
grep -cE ' as [0-9]+, ' out | grep -qx 2 || fail "not a line for each number: $(cat out)"
says ' 4 as [56], '; says ' 2 as [89], '

# ---- what a microscope wrote beside an image goes with the copy
mkdir -p beside && cp "${images[0]}" beside/a.png && printf '$CM_FORMAT JEOL\n$CM_FULL_SIZE 64 56\n' >beside/a.txt
sed 's/one.TIF/a.png/; s/ 1 1\r$/ 1 1 1 0\r/; s/^  [0-9]* 0\r$/\r/' one/one.001 >beside/a.001
expect 0 'wrote 64 images' "$semtinel" klarf beside/a.001 -o with
says 'Bridges  *16 images'
cmp -s beside/a.txt with/Bridges/one_07_1_1.txt || fail "no metadata beside the copy: $(ls with/Bridges)"

# ---- images that are not there: named, skipped, exit code 3; all of them: failure
cp -r two gone
sed -i 's/two.TIF" "TIF" 5 /nowhere.tif" "TIF" 1 /; s/two.TIF" "TIF" 6 /two.TIF" "TIF" 99 /' gone/two.001
expect 3 'skipped gone/two.001: the image nowhere.tif is not there' "$semtinel" klarf gone/two.001 -o partly --keep-unclassified
says 'holds 64 images, not the number 99 of defect 6'; says '2 images skipped'
[ "$(files partly)" = 62 ] || fail "partly: $(files partly)"
expect 3 'holds 64 images, not the number 99 of defect 6' "$semtinel" klarf gone/two.001 --model run -o partly.001
says '2 whose images are lost'
rm gone/two.tif
cp one/one.tif kept.tif && cp run/model.safetensors kept.safetensors
for line in "-o one/one.tif" "-o kept.001 --csv one/one.tif" "-o run/model.safetensors" "-o kept.001 --csv run/model.safetensors"; do
    # shellcheck disable=SC2086
    expect 1 "is to be read, and would be overwritten; name another file" "$semtinel" klarf one/one.001 --model run $line
done
[ -e kept.001 ] && fail "a KLARF whose list was refused"
cmp -s one/one.tif kept.tif && cmp -s run/model.safetensors kept.safetensors || fail "klarf overwrote what it reads"
[ -w /dev/full ] && { expect 1 '/dev/full: cannot write' "$semtinel" klarf one/one.001 --model run -o /dev/full --csv full.csv; [ -e full.csv ] && fail "a list of a KLARF that was not written"; }
expect 1 'none of its 64 images could be read; --images names their folder' "$semtinel" klarf gone/two.001 --model run -o g.001
expect 1 'no image to copy.* images that are lost: 64 .--images names their folder.' "$semtinel" klarf gone/two.001 -o g --keep-unclassified
[ -e g.001 ] || [ -e g ] && fail "something is left behind"
# A wafer without a defect goes through as it is.
printf 'FileVersion 1 2;\nDefectRecordSpec 2 DEFECTID CLASSNUMBER;\nDefectList;\nEndOfFile;\n' >empty.001
expect 0 '0 of 0 defects classified' "$semtinel" klarf empty.001 --model run -o e.001
cmp -s empty.001 e.001 || fail "an empty list was changed"

# Two files in one: the second is not read, which is said.
cat one/one.001 two/two.001 >one/glued.001
expect 0 'glued.001: line 14[0-9]: what stands behind EndOfFile is not read' "$semtinel" klarf one/glued.001 -o glued
[ "$(files glued)" = 64 ] || fail "glued: $(files glued)"
expect 1 'without an image of type Patch: 65, ' "$semtinel" klarf one/one.001 -o x --type Patch

# ---- wrong usage and wrong files: one line each
expect 2 'klarf: -o OUT is missing' "$semtinel" klarf one/one.001
expect 2 '--class, --csv, --classes and --views need --model' "$semtinel" klarf one/one.001 -o x --csv x.csv
expect 2 '--csv same.001: this is the KLARF' "$semtinel" klarf one/one.001 --model run -o same.001 --csv same.001
expect 2 '--csv one/../same.001: this is the KLARF' "$semtinel" klarf one/one.001 --model run -o same.001 --csv one/../same.001
expect 1 'one/one.001: is to be read, and would be overwritten' "$semtinel" klarf one/one.001 --model run -o x --csv one/one.001
expect 1 "column 'YREL' is not for classes" "$semtinel" klarf one/one.001 --model run -o x --column YREL; says_one_line
expect 2 '--model takes one FILE' "$semtinel" klarf one/one.001 two/two.001 --model run -o x
expect 2 '--keep-unclassified is of class folders' "$semtinel" klarf one/one.001 --model run -o x --keep-unclassified
expect 1 "has no class 'brigde'; did you mean" "$semtinel" klarf pair.001 --model run -o x --class brigde=3; says_one_line
expect 1 '--class bridge=x: the number is no whole one' "$semtinel" klarf pair.001 --model run -o x --class bridge=x; says_one_line
expect 1 "--class BRIDGE=4: class 'Bridges' has a number already" "$semtinel" klarf pair.001 --model run -o x --class bridge=3 --class BRIDGE=4; says_one_line
expect 1 "no.* column 'AUTOSEMCLAS'; did you mean 'AUTOSEMCLASS'" "$semtinel" klarf pair.001 --model run -o x --column AUTOSEMCLAS; says_one_line
expect 1 'set/CLEAN/.*png: is no KLARF' "$semtinel" klarf set/CLEAN/*_49_1.png -o x; says_one_line
expect 1 'one: is a folder; name the KLARF files in it, such as one/\*\.001$' "$semtinel" klarf one -o x; says_one_line
expect 1 'one/: is a folder; name the KLARF files in it, such as one/\*\.001$' "$semtinel" klarf one/ --model run -o x; says_one_line
expect 1 'nowhere.001: ' "$semtinel" klarf nowhere.001 -o x; says_one_line
expect 1 'set: is not empty' "$semtinel" klarf two/two.001 -o set; says_one_line
head -c 900 one/one.001 >cut.001
expect 1 'cut.001: line [0-9]+: the file ends .*cut off' "$semtinel" klarf cut.001 -o x; says_one_line
[ -e x ] && fail "x is left behind"

finish
