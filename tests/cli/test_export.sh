#!/bin/bash
# semtinel export and info: every format of a small PyTorch network, what the files say of themselves, and refusals.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/checks.sh"
model=$here/../golden/format/torchvision.pth

expect 0 "usage: semtinel export" "$semtinel" export --help
expect 0 "usage: semtinel info" "$semtinel" info --help
expect 2 "give -o FILE or --all" "$semtinel" export "$model"
expect 2 "suffix names no format" "$semtinel" export "$model" -o "$work/x.foo"
expect 1 "none.onnx: no such model" "$semtinel" export "$work/none.onnx" -o "$work/x.tflite"
expect 1 "text file" "$semtinel" info "$here/test_export.sh"
expect 1 "Is a directory|cannot|No such" "$semtinel" export "$model" -o "$work/no/such/folder/x.tflite"

# A name that is not a model of semtinel's own cannot be a checkpoint: skipped and named, the rest is written.
expect 3 "not written" "$semtinel" export "$model" --all "$work/all"
for file in model.tflite model-float16.tflite model.onnx model.pb saved_model.pb labels.txt model.json; do
    [ -s "$work/all/$file" ] || fail "$file was not written"
done
[ -e "$work/all/model.safetensors" ] && fail "a foreign network became a checkpoint"
echo left >"$work/all/model.h5"
expect 3 "all/model.h5 is of an earlier call" "$semtinel" export "$model" --all "$work/all"
[ "$(grep -c "earlier call" "$work/err")" = 1 ] || fail "a file that was written anew is called an earlier call's"
[ "$(wc -l < "$work/all/labels.txt")" -eq 5 ] || fail "labels.txt does not hold five names"

# A class whose folder's name holds a line end is one line all the same, in labels.txt and where other files hold names in lines.
mkdir -p "$work/odd" && "$semtinel" synth "$work/odd" --per-class 2 --size 32 --quiet && mv "$work/odd/crack" "$work/odd/cra
ck" || fail "no images"
expect 0 "wrote" "$semtinel" train "$work/odd" -o "$work/odd-run" --init none --mix-synth 0 --epochs 1 --size 32 --width 0.25
expect 0 "labels.txt: a line end in the name of class cra.*ck is written as a space" "$semtinel" export "$work/odd-run" --all "$work/lines"
cat "$work/lines/model.tflite" "$work/lines/model.onnx" | grep -a -c '^cra ck$' | grep -qx 2 || fail "a name of two lines in a model's labels"
[ "$(grep -n '^cra ck$' "$work/lines/labels.txt" | cut -d: -f1)" = 4 ] && [ "$(wc -l <"$work/lines/labels.txt")" = 10 ] ||
    fail "not a line a class in labels.txt"
for file in model.tflite model.onnx; do
    expect 0 'cra\\nck' "$semtinel" info --json "$work/lines/$file"
    expect 0 'cra[?]ck' "$semtinel" info --brief "$work/lines/$file"
done

for option in --float16 --raw-input "--size 96"; do
    expect 2 "does not apply to C source" "$semtinel" export "$here/../../fuzz/corpus/edge/small.tflite" -o "$work/c/" $option
done
expect 0 "^file .*all/saved_model.pb" "$semtinel" info --brief "$work/all" # a SavedModel's folder
expect 0 "TensorFlow Lite" "$semtinel" info "$work/all/model.tflite"
expect 0 "HARD_SWISH" "$semtinel" info "$work/all/model.tflite"
expect 0 "arena" "$semtinel" info --brief "$work/all/model.tflite"
expect 0 "class4" "$semtinel" info --brief "$work/all/model.onnx"
expect 0 '"classes"' "$semtinel" info --brief --json "$work/all/model.onnx"
grep -q '"layers"' "$work/out" && fail "info --brief --json has the layers"
expect 0 '"batch": 32' "$semtinel" info "$work/odd-run"
expect 0 '"shear": 0.05,$' "$semtinel" info --json "$work/odd-run"
for form in "" --json; do
    expect 0 '"fingerprint"' "$semtinel" info --brief $form "$work/odd-run"
    grep -q '"batch"' "$work/out" && fail "info --brief $form has the options of the training"
done
for file in model.tflite model.onnx model.pb saved_model.pb; do
    "$semtinel" info --json "$work/all/$file" > "$work/info.json" || fail "info --json $file"
    grep -q '"macs": [1-9]' "$work/info.json" || fail "no MACs in info --json $file"
    grep -q '"parameters": [1-9]' "$work/info.json" || fail "no parameters in info --json $file"
done

# What is not what its name says.
printf "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n" > "$work/lfs.tflite"
expect 1 "Git LFS pointer" "$semtinel" info "$work/lfs.tflite"
printf "import torch\n" > "$work/script.onnx"
expect 1 "Python script" "$semtinel" info "$work/script.onnx"

# Keras weights of a network of our own, with batch norm, and back; tensors where it is no network that we know.
expect 1 "scales channels apart" "$semtinel" export "$model" -o "$work/x.h5"
expect 0 "layer_3_part/kernel" "$semtinel" info "$here/../golden/format/keras.h5"
expect 1 "MobileNetV3-Small is read" "$semtinel" export "$here/../golden/format/keras.h5" -o "$work/x.onnx"

# What holds weights alone does not say for what size of image; a size can be given, and then the file says it.
expect 0 "128 x 128 is assumed" "$semtinel" export "$model" -o "$work/assumed.onnx"
expect 0 "this size is assumed" "$semtinel" info --brief "$model"
expect 0 "input  *1 x 96 x 96 x" bash -c '"$0" export "$1" -o "$2" --size 96 && "$0" info --brief "$2"' "$semtinel" "$model" "$work/96.tflite"
"$semtinel" info --brief "$work/96.tflite" | grep -q assumed && fail "an export does not know its size"
expect 2 "says itself that its images have 96 pixels" "$semtinel" export "$work/96.tflite" -o "$work/x.onnx" --size 64

# What is stored smaller than it computes is called so.
expect 0 "float16 weights" "$semtinel" info "$work/all/model-float16.tflite"
"$semtinel" info "$work/all/model.tflite" | grep -q "float16\|int8" && fail "float32 weights are called something else"
# Only what can hold 16-bit weights is called float16.
for file in x.onnx x.pb x.h5 saved_model.pb; do
    expect 2 "$file: --float16 is for .tflite and .safetensors" "$semtinel" export "$work/96.tflite" -o "$work/$file" --float16
done
expect 0 "TensorFlow Lite, float16" "$semtinel" export "$work/96.tflite" -o "$work/half.tflite" -o "$work/labels.txt" -o "$work/c.json" --float16
[ "$(grep -c float16 "$work/out")" -eq 1 ] || fail "class names are called float16"

# Raw input: the file says that it takes pixels, and the table what takes which.
"$semtinel" synth "$work/images" --per-class 4 --size 32 --quiet &&
    "$semtinel" train "$work/images" -o "$work/run" --init none --mix-synth 0 --width 0.25 --size 32 --epochs 1 --quiet || fail "train"
expect 1 "model.h5: --raw-input does not apply" "$semtinel" export "$work/run" -o "$work/model.h5" --raw-input
"$semtinel" export "$work/run" --all "$work/pixels" --raw-input >"$work/table" 2>"$work/notes" || fail "export --all --raw-input"
for row in "model.onnx:p" "model.tflite:p" "model.pb:p" "model.json:p" "model.h5:(p - 128) / 128" \
    "model.safetensors:(p - 128) / 128"; do
    grep -F "/${row%%:*}" "$work/table" | grep -qF "  ${row#*:} " || fail "the table does not say ${row#*:} of ${row%%:*}"
done
expect 0 "parameters .*, stored as float16" "$semtinel" info --brief "$work/pixels/model-float16.safetensors"
expect 0 "parameters  *[0-9]+$" "$semtinel" info --brief "$work/pixels/model.safetensors"
"$semtinel" quantize "$work/run" --calibrate "$work/images" --scheme dynamic -o "$work/dynamic.tflite" --quiet || fail "quantize"
"$semtinel" quantize "$work/run" --calibrate "$work/images" --scheme dynamic -o "$work/dynamic.onnx" --quiet || fail "quantize"
expect 0 "stored as int8" "$semtinel" info --brief "$work/dynamic.onnx"
expect 1 "dynamic.onnx: .*predict and evaluate the .tflite that 'semtinel quantize' writes" "$semtinel" predict "$work/dynamic.onnx" "$work/images"
expect 0 "CONV_2D .* float32 .* int8 weights" "$semtinel" info "$work/dynamic.tflite"
LC_ALL=C sed 's/block3.project/block3.proj\xe9ct/g' "$work/dynamic.tflite" >"$work/latin.tflite"
expect 0 "block3.proj.+ct +CONV_2D" "$semtinel" info "$work/latin.tflite"
[ "$(grep -c 'scale its input' "$work/notes")" -eq 3 ] || fail "no warning of unscaled files: $(cat "$work/notes")"
for kind in tflite onnx pb; do
    expect 0 "raw.$kind" "$semtinel" export "$work/all/model.onnx" -o "$work/raw.$kind" --raw-input
    expect 0 "x = \(p - 0\) / 1" "$semtinel" info --brief "$work/raw.$kind"
    expect 1 "raw.$kind: .*scaling inside cannot be quantised" "$semtinel" quantize "$work/raw.$kind" --calibrate "$work/images" -o "$work/x.tflite"
    "$semtinel" export "$work/raw.$kind" -o "$work/once.$kind" --quiet
    expect 0 "twice.$kind" "$semtinel" export "$work/raw.$kind" -o "$work/twice.$kind" --raw-input
    cmp -s <("$semtinel" info "$work/once.$kind" | grep ^parameters) <("$semtinel" info "$work/twice.$kind" | grep ^parameters) ||
        fail "twice.$kind: pixels are scaled once more"
done

# A network whose weights are damaged is named by its file. The first bytes behind the header are the first layer's.
cp "$work/run/model.safetensors" "$work/huge.safetensors" &&
    printf '\xff\xff\x7f\x7f' | dd of="$work/huge.safetensors" bs=1 conv=notrunc status=none \
        seek=$((8 + $(od -An -tu8 -N8 "$work/huge.safetensors"))) || fail "no damaged model"
expect 1 "huge.safetensors: node 'stem' gives values that are not finite" "$semtinel" quantize "$work/huge.safetensors" \
    --calibrate "$work/images" -o "$work/x.tflite"

# A PyTorch network has a scaling of its own, which is called otherwise than the one for raw input.
classes() { "$semtinel" predict "$1" "$work/images" --classes a,b,c,d,e --quiet | cut -d, -f1,2; }
"$semtinel" export "$model" -o "$work/pth.tflite" --size 32 --quiet && classes "$work/pth.tflite" >"$work/told" || fail "export"
for kind in tflite onnx pb; do
    expect 0 "raw-pth.$kind" "$semtinel" export "$model" -o "$work/raw-pth.$kind" --raw-input --size 32
    cmp -s "$work/told" <(classes "$work/raw-pth.$kind") || fail "raw-pth.$kind decides otherwise"
done

# A layer kept in float is so as a whole, also where it is split in two.
"$semtinel" quantize "$work/run" --calibrate "$work/images" --scheme int8-float-io --keep-float stem -o "$work/float-io.tflite" --quiet || fail "quantize"
for layer in stem stem.gate; do
    expect 0 " $layer  *CONV_2D  *1 x 16 x 16 x 16  *float32 " "$semtinel" info "$work/float-io.tflite"
done
expect 0 " stem.swish  *MUL .* int8 " "$semtinel" info "$work/float-io.tflite"

# Without semtinel's metadata a .tflite is fed what its scaling asks for, as on import: pixels to a file that scales them.
guess() { "$semtinel" predict "$1" "$work/images" --classes "$(seq -s, 10)" --quiet; }
strip() { LC_ALL=C sed 's/semtinel/somebody/g; s/"classes"/"klasses"/; s/"preprocess"/"preprozess"/' "$1" >"$2"; }
"$semtinel" quantize "$work/run" --calibrate "$work/images" --scheme int8-float-io -o "$work/float-io.tflite" --quiet || fail "quantize"
# Its class names can be written, though an int8 network cannot be exported once more; none are made up for a file without.
expect 0 "class names" "$semtinel" export "$work/float-io.tflite" -o "$work/int8.labels.txt"
"$semtinel" export "$work/run" -o "$work/float.labels.txt" --quiet || fail "export"
cmp -s "$work/int8.labels.txt" "$work/float.labels.txt" || fail "other class names: $(cat "$work/int8.labels.txt")"
expect 1 "float-io.tflite: .*only float networks can be imported" "$semtinel" export "$work/float-io.tflite" -o "$work/int8.labels.txt" -o "$work/int8.onnx"
strip "$work/float-io.tflite" "$work/nameless.tflite"
expect 1 "the model has no class names" "$semtinel" export "$work/nameless.tflite" -o "$work/no.labels.txt"
[ -e "$work/no.labels.txt" ] && fail "class names of a file that has none"
for file in pixels/model.tflite pixels/model-float16.tflite float-io.tflite; do
    guess "$work/$file" >"$work/told" && strip "$work/$file" "$work/stripped.tflite" || fail "$file"
    "$semtinel" info --brief "$work/stripped.tflite" | grep -q preprocess && fail "$file still holds its preprocessing"
    guess "$work/stripped.tflite" >"$work/guessed" || fail "predict with $file, stripped"
    cmp -s "$work/told" "$work/guessed" || fail "$file: without metadata it decides otherwise"
done

# Padding as PyTorch's, which a .tflite holds as SAME behind larger kernels, is none of Keras's there either.
"$semtinel" train "$work/images" -o "$work/symmetric" --init none --mix-synth 0 --width 0.25 --size 32 --epochs 1 --padding symmetric \
    --quiet && "$semtinel" export "$work/symmetric" -o "$work/symmetric.tflite" --quiet || fail "train"
for from in symmetric symmetric.tflite; do
    expect 1 "pads as PyTorch does" "$semtinel" export "$work/$from" -o "$work/symmetric.h5"
done

# Files of a network for 32 pixels, whose last trunks are single pixels like their gates: at another size, with Keras's gates, and as a .h5
# that knows its size though it was imported.
"$semtinel" export "$work/run" -o "$work/tiny.onnx" -o "$work/tiny.tflite" -o "$work/tiny.pb" --quiet || fail "export"
for kind in onnx tflite pb; do
    expect 0 "input  *32 x 32 x 1" bash -c '"$0" export "$1" -o "$2" && "$0" info --brief "$2"' "$semtinel" "$work/tiny.$kind" "$work/tiny.h5"
    "$semtinel" info --brief "$work/tiny.h5" | grep -q assumed && fail "a .h5 made of a .$kind does not know its size"
    expect 0 "100.0%.*pooled features" "$semtinel" train "$work/images" -o "$work/init-$kind" --init "$work/tiny.$kind" --mix-synth 0 \
        --width 0.25 --size 48 --epochs 1
done

# Nothing is left behind by failures.
[ -z "$(find "$work" -name '*.tmp.*')" ] || fail "temporary files are left"
finish
