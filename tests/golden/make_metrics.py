#!/usr/bin/python3
"""Writes metrics.json: labelled predictions and the metrics that numpy finds for them, straight from the definitions.

usage: make_metrics.py > metrics.json   (Debian's python3-numpy)
"""
import json
import numpy as np

rng = np.random.default_rng(7)
n, k = 240, 6
weight = np.array([.35, .25, .2, .12, .08, 0.])  # class 5 has no images
truth = rng.choice(k, n, p=weight)
logits = rng.normal(size=(n, k)) * 1.3
logits[np.arange(n), truth] += 2.0
logits[:, 4] -= 2.5  # hardly ever predicted
p = np.exp(logits - logits.max(1, keepdims=True))
p = (p / p.sum(1, keepdims=True)).astype(np.float32)
pred = p.argmax(1)

C = np.zeros((k, k), int)
for t, q in zip(truth, pred):
    C[t, q] += 1
support, predicted, hit = C.sum(1), C.sum(0), np.diag(C)
zero = lambda a, b: np.divide(a, b, out=np.zeros(len(a)), where=b > 0)
precision, recall = zero(hit, predicted), zero(hit, support)
f1 = zero(2 * precision * recall, precision + recall)
used = (support + predicted) > 0
conf, right = p.max(1).astype(float), pred == truth
edges = np.linspace(0, 1, 16)
ece = 0.
for lo, hi in zip(edges[:-1], edges[1:]):
    m = (conf > lo) & (conf <= hi)
    if m.any():
        ece += m.mean() * abs(right[m].mean() - conf[m].mean())
top2 = np.mean([t in np.argsort(-row)[:2] for t, row in zip(truth, p)])

# percentile bootstrap with numpy's own random numbers: agrees with ours only within its Monte Carlo error
acc, mf1 = [], []
for _ in range(20000):
    i = rng.integers(0, n, n)
    t, q = truth[i], pred[i]
    c = np.zeros((k, k), int)
    np.add.at(c, (t, q), 1)
    s = c.sum(1) + c.sum(0)
    acc.append(np.diag(c).sum() / n)
    mf1.append(zero(2 * np.diag(c), s)[s > 0].mean())

print(json.dumps({
    "classes": k, "truth": truth.tolist(), "predicted": pred.tolist(),
    "true_probability": [float(x) for x in p[np.arange(n), truth]], "confidence": [float(x) for x in p.max(1)],
    "in_top2": [bool(t in np.argsort(-row)[:2]) for t, row in zip(truth, p)],
    "confusion": C.tolist(), "accuracy": right.mean(),
    "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(),
    "macro": [precision[used].mean(), recall[used].mean(), f1[used].mean()],
    "weighted": [(precision * support).sum() / n, (recall * support).sum() / n, (f1 * support).sum() / n],
    "log_loss": float(-np.log(p[np.arange(n), truth].astype(float)).mean()), "top2": float(top2), "ece": float(ece),
    "accuracy_95": np.percentile(acc, [2.5, 97.5]).tolist(), "macro_f1_95": np.percentile(mf1, [2.5, 97.5]).tolist(),
}))
