#!/usr/bin/python3
"""PyTorch's training steps of MobileNetV3-Small, for bench/train_vs_torch.sh: one JSON object on stdout.

torchvision's network (three channels, layer of 1024 units), channels-last, which is PyTorch's fastest layout on a CPU,
random images, cross-entropy, Adam. Needs Debian's python3-torch and python3-torchvision.
"""
import argparse, json, resource, time
import torch, torchvision


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--steps", type=int, default=15)
    a = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    before = peak()
    net = torchvision.models.mobilenet_v3_small(num_classes=10).to(memory_format=torch.channels_last)
    x = torch.randn(a.batch, 3, a.size, a.size).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (a.batch,))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    loss_of = torch.nn.CrossEntropyLoss()
    net.train()
    times = []
    for i in range(3 + a.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    times = sorted(times[3:])
    print(json.dumps({"threads": a.threads, "images_per_second": a.batch / times[len(times) // 2],
                      "images_per_second_fastest": a.batch / times[0], "bytes_before": before, "peak_bytes": peak()}))


main()
