#!/bin/bash
# Training steps of the same MobileNetV3-Small (three channels, layer of 1024 units), batch 32 of 128 x 128, Adam included:
# semtinel beside PyTorch. Runs take turns, so that both sides meet the same machine; each side's best run counts, by its
# median step. Memory is the most that a process held, and how much of that came after its libraries were loaded.
#
#   bench/train_vs_torch.sh [BUILD] [ROUNDS]      BUILD: build folder, default build
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../build}
rounds=${2:-3}
python=${PYTHON:-/usr/bin/python3}
results=$(mktemp)
trap 'rm -f "$results"' EXIT

if ! "$python" -c 'import torch, torchvision' 2>/dev/null; then
    echo "train_vs_torch: skipped: $python has no torch and torchvision (Debian: python3-torch python3-torchvision)" >&2
    exit 0
fi
for ((round = 0; round < rounds; round++)); do
    for threads in 1 2; do
        "$build/semtinel" bench --train --json --wide-head --channels 3 --threads $threads | tr -d '\n' | sed "s/^/semtinel $threads /" >>"$results"
        echo >>"$results"
        "$python" "$here/train_vs_torch.py" --threads $threads | sed "s/^/torch $threads /" >>"$results"
    done
done
"$python" - "$results" <<'END'
import json, sys
best = {}
for line in open(sys.argv[1]):
    name, threads, text = line.split(" ", 2)
    r = json.loads(text)
    key = (name, int(threads))
    if key not in best or r["images_per_second"] > best[key]["images_per_second"]:
        best[key] = r
print("threads   semtinel    PyTorch   ratio   memory of the process     of the step")
for threads in (1, 2):
    s, t = best["semtinel", threads], best["torch", threads]
    grown = [r["peak_bytes"] - r["bytes_before"] for r in (s, t)]
    print("%7d  %7.1f/s  %7.1f/s  %5.2fx   %4.0f of %4.0f MB = %4.2f   %4.0f of %4.0f MB = %4.2f" % (
        threads, s["images_per_second"], t["images_per_second"], s["images_per_second"] / t["images_per_second"],
        s["peak_bytes"] / 1e6, t["peak_bytes"] / 1e6, s["peak_bytes"] / t["peak_bytes"],
        grown[0] / 1e6, grown[1] / 1e6, grown[0] / grown[1]))
END
