#!/usr/bin/env python3
"""Golden values for src/models/resnet3d, from OpenMMLab's own code and torchvision's.

    python3 tests/golden/make_resnet3d.py MMACTION   write tests/golden/resnet3d.json

MMACTION is a folder that holds mmaction2 1.2.0's `mmaction/models/backbones/resnet3d.py` (unpack the
wheel); it is executed alone, with `mmaction.registry` replaced. Needs mmcv-lite 2.2.0, mmengine
0.10.7, torch, numpy, and torchvision for one case.

Weights and inputs are not stored: both sides compute element i of the tensor `name` from a hash of
the name and i (`number`), scaled by what the tensor is for (`fill`), rounded to f32; sums are in f64.

  counts[]   kwargs; parameters; entries of the state dict; SHA-256 of its sorted lines "name shape"
  stages[]   kwargs; input shape; of each stage: shape, and every k-th value, k = count / 48
"""
import hashlib, importlib.util, json, math, pathlib, sys, types
import numpy as np
import torch
from mmengine.registry import Registry

FILE = pathlib.Path(__file__).with_name("resnet3d.json")
torch.set_num_threads(1)


def load(folder):
    registry = types.ModuleType("mmaction.registry")
    registry.MODELS = Registry("models")
    sys.modules["mmaction"] = types.ModuleType("mmaction")
    sys.modules["mmaction.registry"] = registry
    path = pathlib.Path(folder) / "mmaction/models/backbones/resnet3d.py"
    spec = importlib.util.spec_from_file_location("resnet3d", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ResNet3d


def number(name, count):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) % 2**64
    u = (np.arange(count, dtype=np.uint64) * 2654435761 + h % 2**32) & 0xFFFFFFFF
    u ^= u >> 16
    u = (u * 0x45D9F3B) & 0xFFFFFFFF
    u ^= u >> 16
    return u.astype(np.float64) / 2**31 - 1


def fill(name, shape):
    v = number(name, math.prod(shape))
    if len(shape) == 5:
        v = v * math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("running_var"):
        v = 1 + 0.3 * v
    elif name.endswith("bn.weight"):
        v = 1 + 0.2 * v
    else:
        v = 0.1 * v
    return torch.from_numpy(v.astype(np.float32).reshape(shape))


def filled(model, rename=lambda n: n):
    state = model.state_dict()
    for name, value in state.items():
        if value.dtype.is_floating_point:
            state[name] = fill(rename(name), tuple(value.shape))
    model.load_state_dict(state)
    model.double()
    model.eval()
    return model


def seen(outputs):
    out = []
    for y in outputs:
        v = y.detach().flatten().numpy()
        out.append({"shape": list(y.shape), "values": [float(x) for x in v[:: max(1, len(v) // 48)][:48]]})
    return out


def volume(shape):
    return torch.from_numpy((number("input", math.prod(shape)).astype(np.float32) * np.float32(1.7)).astype(np.float64).reshape(shape))


NON_LOCAL = ((0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), (0, 0, 0))
I3D = ((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0))
SUB = dict(sub_sample=True, use_scale=True, norm_cfg=dict(type="BN3d"), mode="embedded_gaussian")

COUNTS = [dict(depth=d, inflate_style=s, conv1_kernel=(k, 7, 7)) for d in (18, 34, 50, 101, 152) for s in ("3x1x1", "3x3x3") for k in (3, 5)]
COUNTS += [
    dict(depth=18, in_channels=1),
    dict(depth=50, inflate=(0, 0, 1, 1), conv1_kernel=(1, 7, 7)),
    dict(depth=50, inflate=I3D, conv1_kernel=(5, 7, 7)),
    dict(depth=50, non_local=NON_LOCAL, non_local_cfg=SUB),
]
SMALL = dict(base_channels=8, conv1_kernel=(3, 7, 7), out_indices=(0, 1, 2, 3))
STAGES = [
    (dict(depth=18), (2, 3, 8, 33, 34)),
    (dict(depth=18, with_pool2=False, spatial_strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)), (1, 3, 4, 33, 30)),
    (dict(depth=50), (1, 3, 8, 32, 35)),
    (dict(depth=50, inflate_style="3x3x3", with_pool2=False), (1, 3, 5, 32, 33)),
    (dict(depth=50, style="caffe", temporal_strides=(1, 2, 1, 1)), (1, 3, 9, 32, 33)),
    (dict(depth=50, conv1_kernel=(5, 7, 7), conv1_stride_t=2, pool1_stride_t=2, with_pool2=False), (1, 3, 16, 40, 32)),
    (dict(depth=50, conv1_kernel=(1, 7, 7), inflate=(0, 0, 1, 1), with_pool1=False), (1, 3, 6, 24, 24)),
    (dict(depth=50, inflate=I3D, conv1_kernel=(5, 7, 7)), (1, 3, 8, 32, 32)),
    (dict(depth=50, spatial_strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)), (1, 3, 4, 40, 40)),
    (dict(depth=50, non_local=NON_LOCAL, non_local_cfg=SUB), (1, 3, 4, 36, 32)),
    (dict(depth=50, non_local=NON_LOCAL, non_local_cfg=dict(use_scale=False, norm_cfg=dict(type="BN3d"), mode="embedded_gaussian")), (1, 3, 4, 36, 32)),
    (dict(depth=34, in_channels=1, num_stages=3, spatial_strides=(1, 2, 2), temporal_strides=(1, 2, 2), dilations=(1, 1, 1), inflate=(1, 1, 1), out_indices=(0, 1, 2), with_pool2=False), (1, 1, 9, 33, 32)),
]


def plain(kwargs):
    kwargs = {k: v for k, v in kwargs.items() if k not in ("non_local", "non_local_cfg", "out_indices")} | (
        {"non_local": {"blocks": kwargs["non_local"], "sub_sample": kwargs["non_local_cfg"].get("sub_sample", False), "use_scale": kwargs["non_local_cfg"]["use_scale"]}}
        if "non_local" in kwargs else {}
    )
    flags = lambda v: [flags(x) if isinstance(x, tuple) else bool(x) for x in v]
    if "inflate" in kwargs:
        kwargs["inflate"] = flags(kwargs["inflate"])
    if "non_local" in kwargs:
        kwargs["non_local"]["blocks"] = flags(kwargs["non_local"]["blocks"])
    return kwargs


def main():
    ResNet3d = load(sys.argv[1])
    out = {"counts": [], "stages": []}
    for kwargs in COUNTS:
        model = ResNet3d(pretrained=None, **kwargs)
        state = model.state_dict()
        lines = sorted(f"{n} {'x'.join(map(str, v.shape))}" for n, v in state.items())
        out["counts"].append({
            "encoder": plain(kwargs),
            "parameters": sum(p.numel() for p in model.parameters()),
            "entries": len(state),
            "names": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        })
    for kwargs, shape in STAGES:
        kwargs = {**SMALL, **kwargs}
        model = filled(ResNet3d(pretrained=None, **kwargs))
        out["stages"].append({"encoder": plain(kwargs), "input": shape, "outputs": seen(model(volume(shape)))})
    import torchvision

    r3d = torchvision.models.video.r3d_18(weights=None)
    parts = {"stem.0": "conv1.conv", "stem.1": "conv1.bn"}

    def ours(name):
        for a, b in parts.items():
            name = name.replace(a, b)
        for i in (1, 2):
            name = name.replace(f"conv{i}.0.", f"conv{i}.conv.").replace(f"conv{i}.1.", f"conv{i}.bn.")
        return name.replace("downsample.0", "downsample.conv").replace("downsample.1", "downsample.bn")

    filled(r3d, ours)
    x, outputs = volume((1, 3, 8, 24, 20)), []
    x = r3d.stem(x)
    for layer in (r3d.layer1, r3d.layer2, r3d.layer3, r3d.layer4):
        x = layer(x)
        outputs.append(x)
    encoder = dict(depth=18, with_pool1=False, with_pool2=False, temporal_strides=(1, 2, 2, 2))
    out["stages"].append({"encoder": encoder, "input": (1, 3, 8, 24, 20), "outputs": seen(outputs)})
    FILE.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(f"wrote {FILE}: {FILE.stat().st_size} bytes")


main()
