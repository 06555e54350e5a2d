#!/usr/bin/python3
"""Runs float .tflite files with PyTorch, operator by operator: the outside witness of tests/format/test_tflite.c.

usage: make_tflite_golden.py WEIGHTS_FOLDER OUT_FOLDER
Needs Debian's python3-torch and python3-numpy. Writes OUT/NAME.f32, the network's output (little-endian float32) for
the pixels p(y, x, c) = (7 x + 13 y + 29 c + x y mod 31) mod 256, given as 0..255 or 0..1 as the network wants.
"""
import os, struct, sys
import numpy as np, torch, torch.nn.functional as F

CODES = {0: "ADD", 1: "AVERAGE_POOL_2D", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 18: "MUL", 22: "RESHAPE", 40: "MEAN",
         41: "SUB", 117: "HARD_SWISH"}

class File:
    """The few tables of the schema that these files use."""
    def __init__(self, path):
        d = self.d = open(path, "rb").read()
        root = self.ref(0)
        codes = []
        for o in self.items(self.field(root, 1)):
            t = self.ref(o); a, b = self.field(t, 0), self.field(t, 3)
            codes.append(max(d[a] if a else 0, self.i32(b) if b else 0))
        buffers = [self.ref(o) for o in self.items(self.field(root, 4))]
        graph = self.ref(self.items(self.field(root, 2))[0])
        self.constants, self.ops = {}, []
        for i, o in enumerate(self.items(self.field(graph, 0))):
            t = self.ref(o); b = self.field(t, 2)
            data = self.field(buffers[self.i32(b)], 0) if b else 0
            if data:
                at = self.ref(data); raw = d[at + 4:at + 4 + self.i32(at)]
                kind = self.field(t, 1)
                self.constants[i] = torch.tensor(np.frombuffer(raw, "<i4" if kind and d[kind] == 2 else "<f4")
                                                 .reshape(self.ints(self.field(t, 0))))
        self.input, self.output = self.ints(self.field(graph, 1))[0], self.ints(self.field(graph, 2))[0]
        for o in self.items(self.field(graph, 3)):
            t = self.ref(o); code = self.field(t, 0); options = self.field(t, 4)
            options = self.ref(options) if options else 0
            byte = lambda n, t=options: d[self.field(t, n)] if t and self.field(t, n) else 0
            word = lambda n, t=options: self.i32(self.field(t, n)) if t and self.field(t, n) else 0
            name = CODES[codes[self.i32(code) if code else 0]]
            if name == "CONV_2D": padding, stride, act = byte(0), word(2), byte(3)
            elif name == "DEPTHWISE_CONV_2D": padding, stride, act = byte(0), word(2), byte(4)
            else: padding, stride, act = 0, 0, byte(0) if name in ("ADD", "MUL", "SUB") else 0
            self.ops.append((name, self.ints(self.field(t, 1)), self.ints(self.field(t, 2)), padding, stride, act))
    def i32(self, o): return struct.unpack_from("<i", self.d, o)[0]
    def ref(self, o): return o + struct.unpack_from("<I", self.d, o)[0]
    def field(self, t, n):
        v = t - self.i32(t)
        size, = struct.unpack_from("<H", self.d, v)
        o = struct.unpack_from("<H", self.d, v + 4 + 2 * n)[0] if 4 + 2 * n < size else 0
        return t + o if o else 0
    def items(self, o):
        if not o: return []
        p = self.ref(o); return [p + 4 + 4 * i for i in range(self.i32(p))]
    def ints(self, o): return [self.i32(p) for p in self.items(o)]

def run(f, x):
    v = dict(f.constants); v[f.input] = x
    for name, inputs, outputs, padding, stride, act in f.ops:
        a = v[inputs[0]]; b = v[inputs[1]] if len(inputs) > 1 else None
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            depthwise = name[0] == "D"
            w = b.permute(3, 0, 1, 2) if depthwise else b.permute(0, 3, 1, 2)
            y = a.permute(0, 3, 1, 2)
            pads = []
            for side, k in ((y.shape[3], w.shape[3]), (y.shape[2], w.shape[2])):
                total = max((-(-side // stride) - 1) * stride + k - side, 0) if padding == 0 else 0
                pads += [total // 2, total - total // 2]
            y = F.conv2d(F.pad(y, pads), w.contiguous(), v[inputs[2]], stride, groups=y.shape[1] if depthwise else 1)
            y = y.permute(0, 2, 3, 1)
        elif name == "MEAN": y = a.mean((1, 2), keepdim=True)
        elif name == "AVERAGE_POOL_2D": y = a.mean((1, 2), keepdim=True)
        elif name == "RESHAPE": y = a
        elif name == "HARD_SWISH": y = F.hardswish(a)
        elif name == "ADD": y = a + b
        elif name == "SUB": y = a - b
        elif name == "MUL": y = a * b
        if act == 1: y = F.relu(y)
        elif act == 3: y = F.relu6(y)
        elif act: raise SystemExit(f"activation {act}")
        v[outputs[0]] = y
    return v[f.output]

def main():
    weights, out = sys.argv[1:]
    y, x, c = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
    p = torch.tensor(((7 * x + 13 * y + 29 * c + x * y % 31) % 256).astype("f4"))[None]
    for name, scale in (("imagenet-mobilenetv3-small-notop", 1), ("imagenet-mobilenetv3-small-075", 255)):
        result = run(File(os.path.join(weights, name + ".tflite")), p / scale).numpy().ravel()
        result.astype("<f4").tofile(os.path.join(out, name + ".f32"))
        print(name, len(result), result[:4])

main()
