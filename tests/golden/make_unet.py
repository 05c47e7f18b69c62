#!/usr/bin/env python3
"""Golden values for src/models/unet and src/train/elastic.rs, from PyTorch and elasticdeform and no
code of ours.

    python3 tests/golden/make_unet.py           write tests/golden/unet.safetensors
    python3 tests/golden/make_unet.py --check   compare the committed file with a fresh run

Needs torch, elasticdeform 0.5.1 and the numpy below 2 that it was built for. All tensors are F32, row-major; images are [N, C, H, W].

Keys, `<padding>-<norm>-<up>.<name>` for padding valid (side 60, output 20) or same (side 16), norm
none, batch, group or instance, up transpose or nearest-conv: a U-Net of width 4, depth 2, 2 input
channels, 2 logits. `w.<parameter>` are its weights under our names (batch norm with `mean` and
`variance`, evaluation mode), `x` an image, `y` its logits. The skip comes first in the concatenation.

elastic
    grid [2, 3, 3]: displacements of rows, then of columns, in pixels; image [40, 56]; deformed
    [40, 56] = elasticdeform.deform_grid(image, grid, order=1, mode="mirror"); place [2, 40, 56]: the
    rows and columns of the source of each pixel, got by deforming the coordinates themselves
    (order=1; only the pixels whose source lies inside are exact).
    labels [40, 56] of 0, 1, 2, and deformed_labels with order=0.
"""
import argparse, json, pathlib, struct, sys
import numpy as np
import torch
import torch.nn.functional as F

FILE = pathlib.Path(__file__).with_name("unet.safetensors")
SEED = 20150518
WIDTH, DEPTH = 4, 2


def network(x, padding, norm, up, weights):
    draw = torch.Generator().manual_seed(SEED)

    def take(name, *shape, scale=None):
        fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        std = (2 / fan) ** 0.5 if scale is None else scale
        weights[name] = torch.randn(*shape, generator=draw) * std
        return weights[name]

    def unit(x, stage, i, channels):
        bias = take(f"{stage}.conv{i}.bias", channels, scale=0.1) if norm == "none" else None
        weight = take(f"{stage}.conv{i}.weight", channels, x.shape[1], 3, 3)
        y = F.conv2d(x, weight, bias, padding=1 if padding == "same" else 0)
        if norm != "none":
            name = f"{stage}.norm{i}"
            gamma = take(f"{name}.weight", channels, scale=0.3) + 1
            weights[f"{name}.weight"] = gamma
            beta = take(f"{name}.bias", channels, scale=0.3)
            if norm == "batch":
                mean = take(f"{name}.mean", channels, scale=0.3)
                var = take(f"{name}.variance", channels, scale=0.3).abs() + 0.5
                weights[f"{name}.variance"] = var
                y = F.batch_norm(y, mean, var, gamma, beta, False, 0, 1e-5)
            else:
                groups = 2 if norm == "group" else channels
                y = F.group_norm(y, groups, gamma, beta, 1e-5)
                weights[f"{name}.weight"], weights[f"{name}.bias"] = gamma[None], beta[None]
        return F.relu(y)

    skips = []
    for stage in range(DEPTH + 1):
        if stage:
            x = F.max_pool2d(x, 2)
        for i in range(2):
            x = unit(x, f"enc{stage}", i, WIDTH << stage)
        skips.append(x)
    for stage in reversed(range(DEPTH)):
        channels = WIDTH << stage
        bias = take(f"up{stage}.bias", channels, scale=0.1)
        if up == "transpose":
            x = F.conv_transpose2d(x, take(f"up{stage}.weight", 2 * channels, channels, 2, 2), bias, stride=2)
        else:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.conv2d(x, take(f"up{stage}.weight", channels, 2 * channels, 3, 3), bias, padding=1)
        skip = skips[stage]
        cut = (skip.shape[2] - x.shape[2]) // 2
        skip = skip[:, :, cut:skip.shape[2] - cut, cut:skip.shape[3] - cut]
        x = torch.cat([skip, x], 1)
        for i in range(2):
            x = unit(x, f"dec{stage}", i, channels)
    return F.conv2d(x, take("out.weight", 2, WIDTH, 1, 1), take("out.bias", 2, scale=0.1))


def make():
    out = {}
    for padding, side in [("valid", 60), ("same", 16)]:
        for norm in ["none", "batch", "group", "instance"]:
            for up in ["transpose", "nearest-conv"]:
                x = torch.randn(2, 2, side, side, generator=torch.Generator().manual_seed(1))
                weights = {}
                y = network(x, padding, norm, up, weights)
                case = f"{padding}-{norm}-{up}"
                out[f"{case}.x"], out[f"{case}.y"] = x.numpy(), y.numpy()
                for name, value in weights.items():
                    out[f"{case}.w.{name}"] = value.numpy()
    import elasticdeform
    rng = np.random.default_rng(SEED)
    grid = rng.normal(0, 3, (2, 3, 3))
    rows, columns = np.mgrid[0:40, 0:56].astype(float)
    image = np.sin(rows / 5) + np.cos(columns / 7 + rows / 11)
    labels = ((rows // 9 + columns // 11) % 3).astype(float)
    deform = lambda x, order: elasticdeform.deform_grid(x, grid, order=order, mode="mirror")
    out["elastic.grid"], out["elastic.image"] = grid, image
    out["elastic.deformed"] = deform(image, 1)
    out["elastic.place"] = np.stack([deform(rows, 1), deform(columns, 1)])
    out["elastic.labels"], out["elastic.deformed_labels"] = labels, deform(labels, 0)
    return {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in out.items()}


def write(tensors):
    header, offset = {"__metadata__": {"torch": torch.__version__, "numpy": np.__version__, "seed": str(SEED)}}, 0
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
        offset += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    FILE.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensors[n].tobytes() for n in sorted(tensors)))


def read():
    data = FILE.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__")
    body = data[8 + n:]
    return {k: np.frombuffer(body[slice(*v["data_offsets"])], np.float32).reshape(v["shape"]) for k, v in header.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    tensors = make()
    if parser.parse_args().check:
        known = read()
        assert known.keys() == tensors.keys(), "other keys"
        worst = max(float(np.abs(known[k] - tensors[k]).max()) for k in known)
        print(f"largest difference {worst:.2e}")
        sys.exit(worst > 1e-4)
    write(tensors)
    print(f"{FILE.name}: {len(tensors)} tensors, {FILE.stat().st_size} bytes")
