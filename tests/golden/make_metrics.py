"""Writes metrics.json: figures of members against readers by numpy and scipy, which share no code with
src/metrics. Run with numpy and scipy: python3 tests/golden/make_metrics.py"""

import json
import pathlib

import numpy as np
from scipy.optimize import linear_sum_assignment

SIDE = 12
rng = np.random.default_rng(5)


def iou(a, b):
    either = (a | b).sum()
    return 1.0 if either == 0 else (a & b).sum() / either


def disc():
    y, x = np.mgrid[:SIDE, :SIDE]
    cy, cx, r = rng.uniform(4, 7), rng.uniform(4, 7), rng.uniform(1.5, 4.5)
    return (y - cy) ** 2 + (x - cx) ** 2 <= r * r


def family(n, empty):
    return [np.zeros((SIDE, SIDE), bool) if rng.random() < empty else disc() for _ in range(n)]


def ged(a, b):
    def mean(p, q):
        return np.mean([[1 - iou(x, y) for y in q] for x in p])

    return 2 * mean(a, b) - mean(a, a) - mean(b, b)


def matched(a, b):
    n = np.lcm(len(a), len(b))
    repeat = lambda f: [f[i % len(f)] for i in range(n)]
    table = np.array([[iou(x, y) for y in repeat(b)] for x in repeat(a)])
    rows, columns = linear_sum_assignment(-table)
    return table[rows, columns].mean()


def found(score, errors, shares):
    """Expected share of errors among the first pixels, over orders of pixels of equal score."""
    total = []
    values = np.unique(score)[::-1]
    for share in shares:
        left, got = share * score.size, 0.0
        for v in values:
            same = score == v
            take = min(left, same.sum())
            got += errors[same].sum() * take / same.sum()
            left -= take
        total.append(got / errors.sum())
    return total


cases = []
for members, readers, empty in [(4, 4, 0), (6, 4, 0.3), (16, 4, 0.2), (5, 3, 0.5), (10, 2, 0)]:
    a, b = family(members, empty), family(readers, empty)
    count = np.sum(a, axis=0) / members
    score = np.round(count * (1 - count), 6).astype(np.float32)
    errors = (count >= 0.5) != (2 * np.sum(b, axis=0) >= readers)
    errors[0, 0] |= not errors.any()
    shares = [0.01, 0.05, 0.1, 0.25, 0.6]
    text = lambda f: ["".join("1" if v else "0" for v in m.ravel()) for m in f]
    cases.append(
        {
            "members": text(a),
            "readers": text(b),
            "ged": ged(a, b),
            "matched_iou": matched(a, b),
            "score": [float(v) for v in score.ravel()],
            "errors": text([errors])[0],
            "shares": shares,
            "found": found(score, errors, shares),
        }
    )
out = pathlib.Path(__file__).with_name("metrics.json")
out.write_text(json.dumps(cases))
