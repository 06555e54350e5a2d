#!/usr/bin/python3
"""Writes optim.txt: weights after steps of PyTorch's optimisers, and the rates of its schedules.

Needs Debian's python3-torch (1.13). usage: tests/golden/make_optim_golden.py > tests/golden/optim.txt
Weights and gradients come from a small integer generator that tests/train/test_optimizer.c repeats.
A line is: NAME value value ...
"""
import torch

COUNTS = [5, 3, 9]      # sizes of the three tensors; the second one takes no weight decay
STEPS = 12


class Numbers:
    """x -> (1103515245 x + 12345) mod 2^31; a value is (x >> 8) / 2^22 - 1, exact in float32."""
    def __init__(self, seed):
        self.x = seed

    def tensor(self, count):
        values = []
        for _ in range(count):
            self.x = (1103515245 * self.x + 12345) % 2 ** 31
            values.append((self.x >> 8) / 2 ** 22 - 1)
        return torch.tensor(values, dtype=torch.float32)


def line(name, values):
    print(name, " ".join("%.9g" % float(v) for v in values))


def optimiser(name, make, clip=0.0, rest=False, rates=None):
    numbers = Numbers(7)
    weights = [torch.nn.Parameter(numbers.tensor(n)) for n in COUNTS]
    groups = [{"params": [weights[0], weights[2]]}, {"params": [weights[1]], "weight_decay": 0.0}]
    opt = make(groups)
    for step in range(STEPS):
        for w in weights:
            w.grad = numbers.tensor(len(w))
        if rest and step < 4:  # the first tensor is frozen for four steps
            weights[0].grad = None
        if clip:
            torch.nn.utils.clip_grad_norm_(weights, clip)
        if rates:
            for g in opt.param_groups:
                g["lr"] = rates[step]
        opt.step()
        line("%s.%d" % (name, step), torch.cat([w.detach() for w in weights]))


optimiser("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1))
optimiser("adamw_clip", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.99), eps=1e-3), clip=0.5)
optimiser("adamw_rest", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1), rest=True)
optimiser("adam", lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.05))
optimiser("sgd", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.02))
optimiser("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.02))
optimiser("sgd_plain", lambda p: torch.optim.SGD(p, lr=0.05))


def schedule(name, make, total, momentum=False):
    w = torch.nn.Parameter(torch.zeros(1))
    opt = torch.optim.SGD([w], lr=0.01, momentum=0.9)
    sch = make(opt)
    rates, momenta = [], []
    for _ in range(total):
        rates.append(opt.param_groups[0]["lr"])
        momenta.append(opt.param_groups[0]["momentum"])
        opt.step()
        sch.step()
    line(name, rates)
    if momentum:
        line(name + "_momentum", momenta)


L = torch.optim.lr_scheduler
schedule("one_cycle", lambda o: L.OneCycleLR(o, 0.01, total_steps=40, pct_start=0.3, cycle_momentum=True), 40, True)
schedule("one_cycle_fast", lambda o: L.OneCycleLR(o, 0.002, total_steps=17, pct_start=0.2, div_factor=10,
                                                  final_div_factor=100, cycle_momentum=False), 17)
# linear warm-up from rate / 25 over 8 steps, then CosineAnnealingLR over the other 32
schedule("cosine", lambda o: L.SequentialLR(o, [L.LinearLR(o, 1 / 25, 1.0, 8), L.CosineAnnealingLR(
    o, 32, eta_min=0.01 / 25 / 1e4)], [8]), 40)

LOSSES = [1.0, 0.8, 0.79, 0.81, 0.79, 0.79, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.69999, 0.6]
w = torch.nn.Parameter(torch.zeros(1))
opt = torch.optim.SGD([w], lr=0.01)
sch = L.ReduceLROnPlateau(opt, factor=0.5, patience=2, threshold=1e-4, min_lr=0.0)
rates = []
for loss in LOSSES:
    sch.step(loss)
    rates.append(opt.param_groups[0]["lr"])
line("plateau", rates)

# averages of weights: exponential, and the plain mean
model = torch.nn.Linear(4, 1, bias=False)
ema = torch.optim.swa_utils.AveragedModel(model, avg_fn=lambda a, m, n: 0.9 * a + 0.1 * m)
swa = torch.optim.swa_utils.AveragedModel(model)
numbers = Numbers(11)
for _ in range(6):
    model.weight.data = numbers.tensor(4)[None]
    ema.update_parameters(model)
    swa.update_parameters(model)
line("ema", ema.module.weight.data[0])
line("swa", swa.module.weight.data[0])
