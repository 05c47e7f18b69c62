"""MedSegDiff-V2 in PyTorch, for timings beside ours: bench-train, bench-infer, bench-steps."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH, MULTIPLIERS, STEM, GROUPS, TIME, BLOCKS, FILTER = 24, [1, 2, 3, 4], 2, 8, 128, 4, (6, 16)
IMAGE, CLASSES = 3, 2
silu = F.silu


def paper():
    """From now on the preset `paper`; ours does not see the image in its first convolution, this one does."""
    global WIDTH, MULTIPLIERS, STEM, GROUPS, TIME, FILTER
    WIDTH, MULTIPLIERS, STEM, GROUPS, TIME, FILTER = 64, [1, 2, 3, 4, 6], 1, 32, 256, (6, 32)


class Res(nn.Module):
    def __init__(self, i, o, timed):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(GROUPS, i), nn.Conv2d(i, o, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(GROUPS, o), nn.Conv2d(o, o, 3, padding=1)
        self.t = nn.Linear(TIME, 2 * o) if timed else None
        self.k = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x, t):
        h = self.n2(self.c1(silu(self.n1(x))))
        if self.t is not None:
            scale, shift = self.t(t)[:, :, None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        return self.k(x) + self.c2(silu(h))

class UNet(nn.Module):
    """Encoder and decoder; the deepest feature passes through `between`."""

    def __init__(self, i, timed):
        super().__init__()
        self.first = nn.Conv2d(i, WIDTH, 3, padding=1)
        self.down, self.strided, self.up, c = nn.ModuleList(), nn.ModuleList(), nn.ModuleList(), WIDTH
        for level, m in enumerate(MULTIPLIERS):
            self.down.append(Res(c, WIDTH * m, timed))
            c = WIDTH * m
            last = level + 1 == len(MULTIPLIERS)
            self.strided.append(nn.Identity() if last else nn.Conv2d(c, c, 3, 2, 1))
        self.middle = Res(c, c, timed)
        for m in reversed(MULTIPLIERS):
            self.up.append(Res(c + WIDTH * m, WIDTH * m, timed))
            c = WIDTH * m
        self.norm, self.head = nn.GroupNorm(GROUPS, c), nn.Conv2d(c, CLASSES * STEM**2, 3, padding=1)

    def forward(self, x, t=None, gate=None, between=lambda deepest: deepest):
        h, skips = self.first(x), []
        if gate is not None:
            h = h * gate
        for block, strided in zip(self.down, self.strided):
            h = block(h, t)
            skips.append(h)
            h = strided(h)
        deepest = self.middle(h, t)
        h = between(deepest)
        for level, block in enumerate(self.up):
            if level:
                h = F.interpolate(h, scale_factor=2)
            h = block(torch.cat([h, skips[-1 - level]], 1), t)
        return F.pixel_shuffle(self.head(silu(self.norm(h))), STEM), h, deepest


def network(size):
    """The network for squares of `size` pixels."""
    grid = size // STEM // 2 ** (len(MULTIPLIERS) - 1)
    n, d = grid * grid, WIDTH * MULTIPLIERS[-1]
    one = torch.fft.fft(torch.eye(grid))
    dft = torch.kron(one, one)
    inverse = dft.conj() / n
    frequency = torch.fft.fftfreq(grid) * 2
    tokens = torch.stack(torch.meshgrid(frequency, frequency, indexing="ij"), -1).reshape(n, 2)
    pairs = torch.cat([tokens[:, None].expand(n, n, 2), tokens[None].expand(n, n, 2)], -1).reshape(n * n, 4)

    class Filter(nn.Module):
        def __init__(self):
            super().__init__()
            r, w = FILTER
            self.l = nn.ModuleList(nn.Linear(w if i else 4, w) for i in range(r))
            self.t = nn.ModuleList(nn.Linear(TIME, 2 * w) for _ in range(r))
            self.n, self.o = nn.ModuleList(nn.LayerNorm(w) for _ in range(r)), nn.Linear(w, 1)

        def forward(self, t):
            x = pairs[None]
            for l, m, norm in zip(self.l, self.t, self.n):
                scale, shift = m(t)[:, None].chunk(2, -1)
                x = silu(norm(l(x)) * (1 + scale) + shift)
            return torch.sigmoid(self.o(x)[..., 0] + 2).reshape(-1, n, n)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(d, d, bias=False) for _ in range(3))
            self.nq, self.nk, self.nf = (nn.LayerNorm(d) for _ in range(3))
            self.w, self.o, self.g = nn.Linear(d, 2 * d), nn.Linear(2 * d, d), Filter()

        def forward(self, q, k, v, g):
            a = (self.q(self.nq(q)) @ self.k(self.nk(k)).transpose(1, 2)).to(torch.cfloat)
            a = (inverse @ (g * (dft @ a @ dft.T)) @ inverse.T).real / (math.sqrt(d) * n)
            f = a @ self.v((self.nq if v is q else self.nk)(v))
            return q + self.o(silu(self.w(self.nf(f + q))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            s = STEM * STEM
            self.condition, self.denoiser = UNet(IMAGE * s, False), UNet((CLASSES + IMAGE) * s, True)
            self.time = nn.Sequential(nn.Linear(64, TIME), nn.SiLU(), nn.Linear(TIME, TIME), nn.SiLU())
            self.sigma, self.centre, self.gate = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(2)), nn.Conv2d(WIDTH, 1, 1)
            self.ci, self.ni = nn.Linear(d, d), nn.Linear(d, d)
            self.position = nn.Parameter(torch.randn(1, n, d) * 0.02)
            self.blocks = nn.ModuleList(Attention() for _ in range(2 * BLOCKS))

        def look(self, image):
            """What an image says for all steps: its pixels, the direct mask's logits, gate, deepest feature."""
            image = F.pixel_unshuffle(image, STEM)
            logits, f, deepest = self.condition(image)
            taps = torch.arange(-2, 3.0)
            axes = [torch.exp(-0.5 * ((taps - c) / (self.sigma.exp() + 1e-3)) ** 2) for c in self.centre]
            kernel = torch.outer(*(a / a.sum() for a in axes))[None, None]
            smooth = F.conv2d(f.flatten(0, 1)[:, None], kernel, padding=2).reshape(f.shape)
            return image, logits, 1 + torch.sigmoid(self.gate(torch.maximum(smooth, f))), deepest

        def context(self, times):
            """What diffusion times say for all images: their embedding, and the filter of each module."""
            angles = times[:, None] * torch.exp(-math.log(1e4) * torch.arange(32) / 32)
            t = self.time(torch.cat([angles.cos(), angles.sin()], 1))
            return t, [block.g(t) for block in self.blocks]

        def denoise(self, x, seen, context, index):
            """`index` is the time of each mask of `x`."""
            image, _, gate, deepest = seen
            t, filters = context

            def between(e):
                as_tokens = lambda v: v.flatten(2).transpose(1, 2)
                c, k = self.ci(as_tokens(deepest)) + self.position, self.ni(as_tokens(e)) + self.position
                for i in range(0, len(self.blocks), 2):
                    mixed = self.blocks[i](c, k, c, filters[i][index])
                    c = self.blocks[i + 1](mixed, k, k, filters[i + 1][index])
                return e + c.transpose(1, 2).reshape(e.shape)

            return self.denoiser(torch.cat([F.pixel_unshuffle(x, STEM), image], 1), t[index], gate, between)[0]

    return Net()
