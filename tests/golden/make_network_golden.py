#!/usr/bin/python3
"""Writes tests/golden/network.safetensors: one training step of MobileNetV3-Small and ten steps of Adam, by PyTorch.

The independent witness of tests/model/test_network.c. PyTorch computes in double precision, so that every difference is
ours. To keep the file small the network has width 0.25 on 64 x 64 grey images, and the initial weights and images are not
stored: both sides make them from the same hash of (name, element); see hashed(). Adam's epsilon is 1e-4: some gradients
are exactly zero (the beta of a projection's batch norm, when the next layer's batch norm removes it), and with 1e-8 Adam
would turn the rounding errors in their place into full steps.

    /usr/bin/python3 tests/golden/make_network_golden.py tests/golden/network.safetensors

Needs Debian's python3-torch and python3-numpy. Layouts in the file are semtinel's: OHWI convolution, [kh][kw][c]
depthwise, [out][in] dense.
"""
import json, struct, sys, zlib
import numpy as np, torch, torch.nn.functional as F

BATCH, SIZE, CLASSES, WIDTH, SMOOTHING, STEPS, RATE, EPSILON = 6, 64, 5, 0.25, 0.1, 10, 1e-3, 1e-4
CLASS_WEIGHT = [1.0, 0.5, 2.0, 1.5, 0.75]
# kernel, expansion, output channels, squeeze-excite, hard-swish, stride (Howard et al. 2019, table 2)
BLOCKS = [(3, 1, 16, 1, 0, 2), (3, 72 / 16, 24, 0, 0, 2), (3, 88 / 24, 24, 0, 0, 1), (5, 4, 40, 1, 1, 2), (5, 6, 40, 1, 1, 1),
          (5, 6, 40, 1, 1, 1), (5, 3, 48, 1, 1, 1), (5, 3, 48, 1, 1, 1), (5, 6, 96, 1, 1, 2), (5, 6, 96, 1, 1, 1),
          (5, 6, 96, 1, 1, 1)]
torch.set_default_dtype(torch.float64)


def hashed(name, count):
    """Numbers in [-1, 1): the same in test_network.c."""
    x = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B9) + np.uint64(zlib.crc32(name.encode()))) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) / 2.0**23 - 1


def divisible(v):
    q = max(8, int(v + 4) // 8 * 8)
    return q + 8 if q < 0.9 * v else q


params, stats = {}, {}


def param(name, shape):
    """shape is semtinel's; the scale of the numbers depends on the kind of param."""
    u = hashed(name, int(np.prod(shape))).astype(np.float32)
    kind = name.rsplit(".", 1)[1]
    if kind == "gamma":
        v = 1 + np.float32(0.25) * u
    elif kind in ("beta", "bias"):
        v = np.float32(0.25) * u
    else:
        area = shape[0] * shape[1] if len(shape) == 3 else np.prod(shape[1:])
        v = u * np.float32(np.sqrt(6.0 / area))
    params[name] = torch.tensor(v.astype(np.float64).reshape(shape), requires_grad=True)
    return params[name]


def pad_same(x, k, stride):
    t = max(k - stride, 0) if x.shape[-1] % stride == 0 else k - 1
    return F.pad(x, (t // 2, t - t // 2, t // 2, t - t // 2))


def get(name, shape):
    return params[name] if name in params else param(name, shape)


def norm(x, name, training):
    c = x.shape[1]
    if name not in stats:
        stats[name] = [torch.zeros(c), torch.ones(c)]
    mean, var = stats[name]
    return F.batch_norm(x, mean, var, get(name + ".gamma", (c,)), get(name + ".beta", (c,)), training, 0.1, 1e-3)


def conv(x, name, out, k, stride, bias=False):
    w = get(name + ".weight", (out, k, k, x.shape[1])).permute(0, 3, 1, 2)
    return F.conv2d(pad_same(x, k, stride) if k > 1 else x, w, get(name + ".bias", (out,)) if bias else None, stride)


def depthwise(x, name, k, stride):
    c = x.shape[1]
    w = get(name + ".weight", (k, k, c)).permute(2, 0, 1)[:, None]
    return F.conv2d(pad_same(x, k, stride), w, None, stride, groups=c)


def network(x, training):
    x = F.hardswish(norm(conv(x, "stem", 16, 3, 2), "stem.bn", training))
    for i, (k, e, o, se, hs, stride) in enumerate(BLOCKS):
        n, act, c = f"block{i}", F.hardswish if hs else F.relu, x.shape[1]
        exp, out, h = divisible(e * c), divisible(o * WIDTH), x
        if i:
            h = act(norm(conv(h, n + ".expand", exp, 1, 1), n + ".expand.bn", training))
        h = act(norm(depthwise(h, n + ".depthwise", k, stride), n + ".depthwise.bn", training))
        if se:
            width = h.shape[1]
            g = F.relu(conv(h.mean((2, 3), keepdim=True), n + ".se.reduce", divisible(width * 0.25), 1, 1, True))
            h = h * F.hardsigmoid(conv(g, n + ".se.expand", width, 1, 1, True))
        h = norm(conv(h, n + ".project", out, 1, 1), n + ".project.bn", training)
        x = x + h if stride == 1 and c == out else h
    x = F.hardswish(norm(conv(x, "last", divisible(6 * x.shape[1]), 1, 1), "last.bn", training)).mean((2, 3))
    return F.linear(x, get("classifier.weight", (CLASSES, x.shape[1])), get("classifier.bias", (CLASSES,)))


def main():
    x = torch.tensor(hashed("images", BATCH * SIZE * SIZE).astype(np.float32).astype(np.float64)).reshape(BATCH, 1, SIZE, SIZE)
    y = torch.tensor([0, 1, 2, 3, 4, 2])
    weight = torch.tensor(CLASS_WEIGHT)
    out, optimizer = {}, None
    for step in range(STEPS):
        logits = network(x, True)
        loss = F.cross_entropy(logits, y, weight, label_smoothing=SMOOTHING)
        if optimizer is None:
            optimizer = torch.optim.Adam(params.values(), RATE, eps=EPSILON)
            out["logits"], out["loss"] = logits, loss[None]
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            for name, p in params.items():
                out["gradient/" + name] = p.grad.clone()
        optimizer.step()
    for name, p in params.items():
        out["after/" + name] = p
    for name, (mean, var) in stats.items():
        out["after/" + name + ".mean"], out["after/" + name + ".variance"] = mean, var
    out["after/loss"] = loss[None]
    with torch.no_grad():
        out["after/inference"] = network(x, False)
    header, blob = {}, b""
    for name, t in out.items():
        data = t.detach().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[1], "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + blob)
    print(len(params), "params,", sum(p.numel() for p in params.values()), "numbers,", len(text) + 8 + len(blob), "bytes, loss", out["loss"].item(), "->", loss.item())


main()
