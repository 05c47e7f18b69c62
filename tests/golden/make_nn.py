#!/usr/bin/env python3
"""Golden values for src/nn and src/models/medsegdiff, from PyTorch and numpy and no code of ours.

    python3 tests/golden/make_nn.py           write tests/golden/nn.safetensors
    python3 tests/golden/make_nn.py --check   compare the committed file with a fresh run

Needs torch and numpy (any recent version; those used are in the file's `__metadata__`, with the
seed). All tensors are F64, row-major; inputs are values that f32 holds exactly. Images are
[N, C, H, W]. `dy` is a fixed uneven weight on the output: the loss is sum(y * dy), and `dx`, `dw`,
`db`, `dweight`, `dbias`... are its gradients for the input of that name.

Keys, `<case>.<name>`:

conv_k3_s1_p1, conv_k3_s2_p1, conv_k3_s2_p1_even, conv_k3_s1_p0, conv_k1_s1_p0, conv_k1_s2_p0,
conv_k2_s2_p0, conv_k7_s2_p3, conv_k5_s1_p2_one (1 channel)
    x, w [Co, Ci, k, k], b, y, dy, dx, dw, db.  Cross-correlation (no flip), zero padding on all
    sides, as torch.nn.functional.conv2d. Sizes are odd and unequal (5 x 4, 5 x 7, ..) unless `_even`.
gn, gn_silu
    x, weight, bias, y, dy, dx, dweight, dbias.  Group norm with 4 groups, eps 1e-5, biased variance;
    gn_silu: silu(gn(x)).
gn_film_silu
    the same with scale, shift [N, C]:  silu(gn(x) * (1 + scale) + shift), and dscale, dshift.
layer_norm
    x [2, 5, 12], weight, bias, y, dy, dx, dweight, dbias.  Over the last axis, eps 1e-5.
softmax
    x [3, 4, 9], y, dy, dx.  Over the last axis.
silu, gelu (the erf form), gelu_tanh
    x, y, dy, dx.
nearest2
    x, y, dy, dx.  Nearest neighbour, twice the height and width.
attention
    q, k, v [2, 6, 8], y, dy, dq, dk, dv.  softmax(q kᵀ / √8) v.
fft2, fft2_square
    x [n, d] with n = h·w tokens, token index = row·w + column; h, w (I64 [1]); re, im [n, d]:
    numpy.fft.fft2 over the h x w grid for each channel (no scaling, exponent -2πi).
usa
    f_c [2, 3, 7, 6], sigma [1], center [2], conv_w [1, 3, 1, 1], conv_b [1], f_d [2, 4, 7, 6], kernel [5, 5], f_anc, gate
    [2, 1, 7, 6], y, dy, and the gradients df_c, dsigma, dcenter, dconv_w, dconv_b, df_d.
    Paper, equation 4.  kernel[i, j] = exp(-((i-2-cy)² + (j-2-cx)²) / (2 sigma²)) / sum, center =
    (cy, cx) in pixels from the middle tap; f_anc = max(f_c ⋆ kernel, f_c), cross-correlation per channel, zero
    padding 2; gate = sigmoid(conv1x1(f_anc)); y = gate * f_d + f_d.
affinity, affinity_one (g = 1), affinity_square
    c, e [n, d], wq, wk [d, m] (applied as c @ wq), g [n, n] in (0, 1), h, w (I64 [1]), a [n, n], dy, dc, de, dwq,
    dwk, dg.   a = Re F⁻¹(g * ((F(c) wq) (F(e) wk)ᵀ)):  F is fft2 above, the transpose is plain (not conjugate),
    the inverse (1/n each) goes over both axes, each as an h x w grid. No 1/√d, no softmax.
    With g = 1 this is (c wq)(e wk)ᵀ.
"""
import argparse, json, math, pathlib, platform, struct, sys
import numpy as np
import torch
import torch.nn.functional as F

SEED = 20240229
FILE = pathlib.Path(__file__).with_name("nn.safetensors")
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)


class Maker:
    def __init__(self):
        self.rng, self.out = np.random.default_rng(SEED), {}

    def draw(self, *shape, scale=1.0, shift=0.0):
        value = (self.rng.standard_normal(shape) * scale + shift).astype(np.float32)
        return torch.from_numpy(value.astype(np.float64)).requires_grad_()

    def put(self, case, **tensors):
        for name, value in tensors.items():
            if isinstance(value, int):
                value = np.array([value], dtype=np.int64)
            elif torch.is_tensor(value):
                value = value.detach().numpy()
            assert np.isfinite(value).all()
            self.out[f"{case}.{name}"] = np.ascontiguousarray(value)

    def case(self, case, function, result="y", extra=(), **inputs):
        """Runs `function(**inputs)`, stores inputs, result and gradients."""
        answer = function(**inputs)
        answer = answer if isinstance(answer, dict) else {result: answer}
        dy = torch.sin(0.37 * torch.arange(1, answer[result].numel() + 1, dtype=torch.float64) + 0.1)
        dy = dy.reshape(answer[result].shape)
        grads = torch.autograd.grad((answer[result] * dy).sum(), list(inputs.values()))
        self.put(case, **inputs, **answer, dy=dy, **{f"d{k}": g for k, g in zip(inputs, grads)}, **dict(extra))


def fft_tokens(x, h, w):
    return torch.fft.fft2(x.reshape(h, w, -1).to(torch.complex128), dim=(0, 1)).reshape(h * w, -1)


def affinity(h, w):
    n = h * w

    def f(c, e, wq, wk, g):
        m = (fft_tokens(c, h, w) @ wq.to(torch.complex128)) @ (fft_tokens(e, h, w) @ wk.to(torch.complex128)).T
        return torch.fft.ifftn((g * m).reshape(h, w, h, w), dim=(0, 1, 2, 3)).reshape(n, n).real

    return f


def usa(f_c, sigma, center, conv_w, conv_b, f_d):
    i = torch.arange(5, dtype=torch.float64) - 2
    k = torch.exp(-((i[:, None] - center[0]) ** 2 + (i[None] - center[1]) ** 2) / (2 * sigma**2))
    k = k / k.sum()
    channels = f_c.shape[1]
    blurred = F.conv2d(f_c, k.expand(channels, 1, 5, 5), padding=2, groups=channels)
    f_anc = torch.maximum(blurred, f_c)
    gate = torch.sigmoid(F.conv2d(f_anc, conv_w, conv_b))
    return {"kernel": k, "f_anc": f_anc, "gate": gate, "y": gate * f_d + f_d}


def make():
    m = Maker()
    for name, k, s, p, (n, ci, co, h, w) in [
        ("conv_k3_s1_p1", 3, 1, 1, (2, 2, 3, 5, 4)),
        ("conv_k3_s2_p1", 3, 2, 1, (2, 2, 3, 5, 7)),
        ("conv_k3_s2_p1_even", 3, 2, 1, (2, 2, 3, 6, 4)),
        ("conv_k3_s1_p0", 3, 1, 0, (2, 2, 3, 5, 4)),
        ("conv_k1_s1_p0", 1, 1, 0, (2, 5, 4, 4, 5)),
        ("conv_k1_s2_p0", 1, 2, 0, (1, 5, 4, 5, 7)),
        ("conv_k2_s2_p0", 2, 2, 0, (2, 2, 3, 4, 6)),
        ("conv_k7_s2_p3", 7, 2, 3, (1, 2, 2, 9, 7)),
        ("conv_k5_s1_p2_one", 5, 1, 2, (2, 1, 1, 6, 5)),
    ]:
        conv = lambda x, w, b, s=s, p=p: F.conv2d(x, w, b, stride=s, padding=p)
        m.case(name, conv, x=m.draw(n, ci, h, w), w=m.draw(co, ci, k, k, scale=0.4), b=m.draw(co))

    norm = lambda x, weight, bias: F.group_norm(x, 4, weight, bias, eps=1e-5)
    for name, f in [("gn", norm), ("gn_silu", lambda **a: F.silu(norm(**a)))]:
        x = m.draw(2, 8, 4, 3, scale=2.0, shift=0.7)
        m.case(name, f, x=x, weight=m.draw(8, shift=1.0, scale=0.3), bias=m.draw(8))
    film = lambda x, weight, bias, scale, shift: F.silu(
        norm(x, weight, bias) * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    )
    x = m.draw(2, 8, 3, 5, scale=2.0, shift=-0.4)
    m.case("gn_film_silu", film, x=x, weight=m.draw(8, shift=1.0, scale=0.3), bias=m.draw(8), scale=m.draw(2, 8, scale=0.5), shift=m.draw(2, 8))

    layer_norm = lambda x, weight, bias: F.layer_norm(x, (12,), weight, bias, eps=1e-5)
    m.case("layer_norm", layer_norm, x=m.draw(2, 5, 12, scale=3.0, shift=1.0), weight=m.draw(12, shift=1.0, scale=0.3), bias=m.draw(12))
    m.case("softmax", lambda x: F.softmax(x, -1), x=m.draw(3, 4, 9, scale=4.0))
    m.case("silu", lambda x: F.silu(x), x=m.draw(4, 10, scale=3.0))
    m.case("gelu", lambda x: F.gelu(x), x=m.draw(4, 10, scale=3.0))
    m.case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x=m.draw(4, 10, scale=3.0))
    nearest = lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    m.case("nearest2", nearest, x=m.draw(2, 3, 3, 4))
    attention = lambda q, k, v: F.softmax(q @ k.transpose(1, 2) / math.sqrt(8), -1) @ v
    m.case("attention", attention, q=m.draw(2, 6, 8), k=m.draw(2, 6, 8), v=m.draw(2, 6, 8))

    for name, h, w in [("fft2", 3, 5), ("fft2_square", 4, 4)]:
        x = m.draw(h * w, 3)
        y = np.fft.fft2(x.detach().numpy().reshape(h, w, 3), axes=(0, 1)).reshape(h * w, 3)
        m.put(name, x=x, re=y.real, im=y.imag, h=h, w=w)

    center = torch.tensor([0.25, -0.5], dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor([0.875], dtype=torch.float64, requires_grad=True)
    m.case("usa", usa, f_c=m.draw(2, 3, 7, 6), sigma=sigma, center=center, conv_w=m.draw(1, 3, 1, 1, scale=0.5), conv_b=m.draw(1), f_d=m.draw(2, 4, 7, 6))

    for name, h, w in [("affinity", 2, 5), ("affinity_one", 3, 2), ("affinity_square", 3, 3)]:
        n, d = h * w, 4
        g = torch.sigmoid(m.draw(n, n)).detach().to(torch.float32).to(torch.float64).requires_grad_()
        if name == "affinity_one":
            g = torch.ones(n, n, dtype=torch.float64, requires_grad=True)
        inputs = dict(c=m.draw(n, d), e=m.draw(n, d), wq=m.draw(d, d, scale=0.4), wk=m.draw(d, d, scale=0.4), g=g)
        m.case(name, affinity(h, w), result="a", extra={"h": h, "w": w}, **inputs)
        if name == "affinity_one":
            c, e, wq, wk, _ = inputs.values()
            assert torch.allclose(torch.from_numpy(m.out["affinity_one.a"]), (c @ wq) @ (e @ wk).T, atol=1e-12)
    return m.out


def write(tensors):
    note = {
        "made_by": f"tests/golden/{FILE.stem.join(('make_', '.py'))}",
        "seed": str(SEED),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
    header, offset = {"__metadata__": note}, 0
    for name, value in tensors.items():
        dtype = {"float64": "F64", "int64": "I64"}[value.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    FILE.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.astype(v.dtype.newbyteorder("<")).tobytes() for v in tensors.values()))


def read():
    data = FILE.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__")
    kind = {"F64": "<f8", "I64": "<i8"}
    return {k: np.frombuffer(body[slice(*h["data_offsets"])], kind[h["dtype"]]).reshape(h["shape"]) for k, h in header.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="compare instead of writing; exit status 1 if different")
    check, fresh = p.parse_args().check, make()
    if check:
        old, bad = read(), []
        for k in sorted(old.keys() | fresh.keys()):
            a, b = old.get(k), fresh.get(k)
            if a is None or b is None or a.shape != b.shape or not np.allclose(a, b, rtol=1e-9, atol=1e-11):
                bad.append(k)
        print(f"{FILE.name}: {'as made' if not bad else 'DIFFERENT in ' + ', '.join(bad)}")
        sys.exit(bool(bad))
    write(fresh)
    print(f"wrote {FILE}: {len(fresh)} tensors, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
