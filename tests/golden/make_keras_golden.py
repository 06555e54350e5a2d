#!/usr/bin/python3
"""Writes tests/golden/format/keras.h5: Keras's layout of a weight file as h5py writes it, with what Keras's own files
hold: layers without weights, lists spread over several attributes, texts of fixed and of variable length, groups of
more than eight names, object headers in several blocks.

Needs Debian's python3-h5py. Run from anywhere: tests/golden/make_keras_golden.py
"""
import os

import h5py
import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "format", "keras.h5")


def main():
    with h5py.File(OUT, "w") as f:
        top = f.create_group("model_weights")
        f.attrs["model_config"] = "{}"
        layers = ["input_1"] + ["layer_%d/part" % i for i in range(9)] + ["half", "wide"]
        for i, piece in enumerate(np.array_split(np.array([s.encode() for s in layers]), 3)):
            top.attrs["layer_names%d" % i] = piece
        top.attrs["backend"] = b"tensorflow"
        top.attrs["keras_version"] = "2.15.0"
        for n, layer in enumerate(layers):
            g = top.create_group(layer)
            names = [] if n == 0 else [layer + "/kernel:0", layer + "/bias:0"]
            if n % 2:
                g.attrs.create("weight_names", [s.encode() for s in names], dtype=h5py.string_dtype())
            else:
                g.attrs["weight_names"] = [s.encode() for s in names]
            for name in names:
                kind = {"half": np.float16, "wide": np.float64}.get(layer, np.float32)
                shape = (3, 3, 1, 2) if "kernel" in name else (2,)
                g.create_dataset(name, data=(np.arange(np.prod(shape)) / 4 + n).astype(kind).reshape(shape))
        for i in range(12):  # further attributes: the root's header goes on elsewhere
            f.attrs["note_%d" % i] = "x" * 40


main()
