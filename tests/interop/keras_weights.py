#!/usr/bin/python3
"""Compares a Keras .h5 with the checkpoint that it was made from, tensor by tensor, through h5py; then writes the same
weights as Keras 3 does. usage: keras_weights.py MODEL.safetensors WEIGHTS.h5 KERAS3.h5"""
import json
import re
import struct
import sys

import h5py
import numpy as np


def checkpoint(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        base = f.tell()
        tensors = {}
        for name, t in header.items():
            if name != "__metadata__":
                assert t["dtype"] == "F32", name
                begin, end = t["data_offsets"]
                f.seek(base + begin)
                tensors[name] = np.frombuffer(f.read(end - begin), "<f4").reshape(t["shape"])
        return tensors, header["__metadata__"]


def keras_layer(name):
    """stem -> Conv, block3.se.reduce -> expanded_conv_3/squeeze_excite/Conv"""
    top = {"stem": "Conv", "last": "Conv_1", "head": "Conv_2", "classifier": "Logits"}
    inner = {"se.reduce": "squeeze_excite/Conv", "se.expand": "squeeze_excite/Conv_1"}
    found = re.fullmatch(r"block(\d+)\.(.+)", name)
    if not found:
        return top[name]
    block = "expanded_conv" + ("" if found[1] == "0" else "_" + found[1])
    return block + "/" + inner.get(found[2], found[2])


def expected(tensors):
    """Keras's path of each tensor and its value in Keras's layout."""
    parts = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance", "bias": "bias"}
    result = {}
    for name, value in tensors.items():
        owner, part = name.rsplit(".", 1)
        norm = owner.endswith(".bn")
        layer = keras_layer(owner[:-3] if norm else owner) + ("/BatchNorm" if norm else "")
        if part != "weight":
            key = parts[part]
        elif ".depthwise" in name:  # height, width, channels (and 1)
            key, value = "depthwise_kernel", value.reshape(*value.shape[-3:], 1)
        elif value.ndim == 2:  # a dense layer is a 1 x 1 convolution in Keras
            key, value = "kernel", value.T[None, None]
        else:  # out, height, width, in
            key, value = "kernel", value.transpose(1, 2, 3, 0)
        result[layer, key] = value
    return result


def main():
    tensors, metadata = checkpoint(sys.argv[1])
    tensors = {k: v for k, v in tensors.items() if not k.startswith("state.")}
    want = expected(tensors)
    seen = {}
    with h5py.File(sys.argv[2], "r") as f:
        assert f.attrs["backend"] == b"tensorflow"
        about = json.loads(f.attrs["semtinel"])
        assert about["classes"] == json.loads(metadata["classes"])
        for layer in f.attrs["layer_names"]:
            layer = layer.decode()
            for weight in f[layer].attrs["weight_names"]:
                key = weight.decode().rsplit("/", 1)[1].split(":")[0]
                seen[layer, key] = f[layer][weight.decode()][()]
    assert list(seen) and seen.keys() == want.keys(), seen.keys() ^ want.keys()
    for key, value in want.items():
        assert seen[key].dtype == np.float32 and np.array_equal(seen[key], value), key

    with h5py.File(sys.argv[3], "w") as f:
        layers = {}
        for (layer, key), value in seen.items():
            new = layer.lower().replace("/batchnorm", "_bn").replace("/", "_")
            layers.setdefault(new, []).append((new + "/" + key, value))
        top = f.create_group("model_weights")
        top.attrs["layer_names"] = [b"input_layer"] + [n.encode() for n in layers]
        top.attrs["backend"] = b"jax"
        top.attrs["keras_version"] = b"3.3.3"
        top.create_group("input_layer").attrs["weight_names"] = []
        for layer in sorted(layers):
            g = top.create_group(layer)
            g.attrs["weight_names"] = [n.encode() for n, _ in layers[layer]]
            for name, value in layers[layer]:
                g.create_dataset(name, data=value)
    print("%d tensors" % len(seen))


main()
