#!/usr/bin/env python3
"""Golden values for src/diffusion, written with numpy and no code of ours.

    python3 tests/golden/make_diffusion.py           write tests/golden/diffusion.json
    python3 tests/golden/make_diffusion.py --check   compare the committed file with a fresh run

Formulas are written in another form than in src/diffusion on purpose: posteriors as products of
two Gaussian densities, DDIM as Euler's method in the scaled noise level of the probability-flow
equation, DPM-Solver++ 2M with its multistep coefficients in the finite-difference form of the paper.
No random numbers are used. "made_with" in the file tells the versions.
"""
import argparse, json, math, pathlib, platform, sys
import numpy as np

T = 1000
FILE = pathlib.Path(__file__).with_name("diffusion.json")


def tables(kind):
    if kind == "linear":
        beta = np.linspace(1e-4, 0.02, T, dtype=np.float64)
    else:
        f = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return beta, np.cumprod(1 - beta)


def posterior(late, early):
    """q(x_s | x_t, x_0) ∝ q(x_t | x_s) q(x_s | x_0)."""
    kept = late / early
    if early == 1.0:
        return [1.0, 0.0, 0.0]
    precision = kept / (1 - kept) + 1 / (1 - early)
    return [math.sqrt(early) / (1 - early) / precision, math.sqrt(kept) / (1 - kept) / precision, 1 / precision]


def denoise(x, a):
    """A smooth made-up denoiser: estimate of the clean value at signal level a."""
    return np.tanh(1.3 * x + 0.1 - 0.4 * a)


def ddim(x, levels):
    for a, b in zip(levels[:-1], levels[1:]):
        y, s, r = x / math.sqrt(a), math.sqrt((1 - a) / a), math.sqrt((1 - b) / b)
        slope = (y - denoise(x, a)) / s
        x = (y + (r - s) * slope) * math.sqrt(b)
    return x


def dpmpp(x, levels):
    lam = lambda a: math.log(math.sqrt(a)) - math.log(math.sqrt(1 - a))
    old = None
    for a, b in zip(levels[:-1], levels[1:]):
        d = denoise(x, a)
        if b == 1.0:
            return d
        h = lam(b) - lam(a)
        e = math.exp(-h) - 1
        x = math.sqrt(1 - b) / math.sqrt(1 - a) * x - math.sqrt(b) * e * d
        if old is not None:
            h0 = lam(a) - old[1]
            x = x - 0.5 * math.sqrt(b) * e * (d - old[0]) / (h0 / h)
        old = (d, lam(a))
    return x


def quadratic_times(n):
    """Squares of even parts of the way, in whole numbers; where several fall together, the next ones up."""
    squares = [(T - 1) * j * j // (n * n) for j in range(1, n + 1)]
    up = np.arange(n)
    return (np.maximum.accumulate(np.array(squares) - up) + up)[::-1].tolist()


def mix(z):
    m = (1 << 64) - 1
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & m
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & m
    return z ^ (z >> 31)


def make():
    out = {"made_with": {"python": platform.python_version(), "numpy": np.__version__, "seed": None}}
    times = [0, 1, 2, 10, 100, 250, 500, 750, 998, 999]
    pairs = [[999, 899], [899, 799], [499, 399], [99, 9], [9, None]]
    start = np.array([-1.5, -0.3, 0.0, 0.4, 2.0])
    for kind in ("linear", "cosine"):
        beta, bar = tables(kind)
        seven = [bar[t] for t in quadratic_times(7)] + [1.0]
        out[kind] = {
            "t": times,
            "beta": beta[times].tolist(),
            "alpha_bar": bar[times].tolist(),
            "q_sample": [[math.sqrt(bar[t]), math.sqrt(1 - bar[t])] for t in times],
            "posterior": [posterior(bar[t], bar[t - 1] if t else 1.0) for t in times],
            "jump": {
                "from_to": pairs,
                "posterior": [posterior(bar[t], 1.0 if s is None else bar[s]) for t, s in pairs],
            },
            "ddim_7_steps": {"x": start.tolist(), "y": ddim(start, seven[:-1]).tolist()},
            "dpmpp_7_steps": {"x": start.tolist(), "y": dpmpp(start, seven[:-1]).tolist()},
        }
    out["times"] = {str(n): quadratic_times(n) for n in (1, 2, 3, 5, 10, 100)}
    m = (1 << 64) - 1
    seeds = [[r, k] for r in (0, 1, 2, m) for k in (0, 1, 2, 49)]
    out["member_seed"] = [
        {"run": str(r), "member": k, "seed": str(mix((mix(r) + (k + 1) * 0x9E3779B97F4A7C15) & m))} for r, k in seeds
    ]
    return out


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k != "made_with")
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-14)
    return a == b


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="compare instead of writing; exit status 1 if different")
    if p.parse_args().check:
        ok = same(make(), json.loads(FILE.read_text()))
        print(f"{FILE.name}: {'as made' if ok else 'DIFFERENT'}")
        sys.exit(not ok)
    FILE.write_text(json.dumps(make(), indent=1) + "\n")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
