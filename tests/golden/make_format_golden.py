#!/usr/bin/python3
"""Writes the files of tests/golden/format: a narrow torchvision network as .pth and .onnx, and its logits.

Needs Debian's python3-torch, python3-torchvision and python3-numpy. Run from anywhere: tests/golden/make_format_golden.py
"""
import os

import numpy as np
import torch
import torchvision

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "format")


def main():
    os.makedirs(OUT, exist_ok=True)
    torch.manual_seed(3)
    net = torchvision.models.mobilenet_v3_small(num_classes=5, width_mult=0.125)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.uniform_(-0.2, 0.2)
            m.running_var.uniform_(0.5, 2)
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.uniform_(-0.3, 0.3)
    # Both files hold what half precision can hold, so one set of logits serves both.
    for p in list(net.parameters()) + list(net.buffers()):
        if p.dtype == torch.float32:
            p.data = p.data.half().float()
    net.eval()
    image = torch.rand(2, 3, 128, 128)
    image = (image * 255).round() / 255
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    half = {k: v.half() if v.dtype == torch.float32 else v for k, v in net.state_dict().items()}
    torch.save(half, os.path.join(OUT, "torchvision.pth"))
    torch.onnx.export(net, torch.zeros(1, 3, 128, 128), os.path.join(OUT, "torchvision.onnx"), opset_version=14)
    with torch.no_grad():
        logits = net((image - mean) / deviation)
    # Pixels, N x H x W x C, as bytes; logits as float32.
    (image * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy().tofile(os.path.join(OUT, "images.u8"))
    logits.numpy().astype(np.float32).tofile(os.path.join(OUT, "logits.f32"))


main()
