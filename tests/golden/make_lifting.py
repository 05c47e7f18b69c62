"""Golden line integrals and golden lifting of a car's camera for src/projection, by public code that is run in place.

    python tests/golden/make_lifting.py RENDERERS.py LIFT_SPLAT.py [--check]

RENDERERS.py is `diffdrr/renderers.py` of diffdrr 0.6.1 (MIT); LIFT_SPLAT.py is
`mmseg/models/necks/lift_splat_shoot_transformer.py` of github.com/JiayuZou2020/DiffBEV, commit 527acdb. Nothing of
either is kept here but what it gives. Needs torch, numpy, safetensors (made with the versions in the file's header).

- `volume`, `sources` [5, 3], `targets` [5, 40, 3] in voxels, `integrals` [5, 40]: its Siddon renderer.
- `intrinsics` [2, 3, 3]; `cells` [2, 49, 18, 25]: the cell `z * 100 + x` of each point, -1 where it is dropped; `sums`: of
  the first camera, what lies on each cell that has a point, in order of cells, where point i weighs sin(0.37 i)."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

OUT = Path(__file__).parent / "lifting.safetensors"


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def integrals(path):
    siddon = load("renderers", path).Siddon()
    rng = np.random.default_rng(1)
    volume = rng.random((8, 9, 7), dtype=np.float32)
    sources = rng.normal(size=(5, 3))
    sources = 30 * sources / np.linalg.norm(sources, axis=1, keepdims=True) + [4, 4, 3]
    targets = rng.uniform(-4, 12, size=(5, 40, 3))
    targets += 2 * (targets - sources[:, None])
    s, t = torch.tensor(sources)[:, None].expand(5, 40, 3), torch.tensor(targets)
    lengths = (t - s).norm(dim=2)[:, None]
    image = siddon(torch.tensor(volume).double(), s, t, lengths).squeeze(1)
    return {"volume": volume, "sources": sources, "targets": targets, "integrals": image.numpy()}


def driving(path):
    # What the file wants of its own project.
    for name in ["mmcv", "mmcv.runner", "own", "own.necks", "own.builder"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["mmcv.runner"].BaseModule = torch.nn.Module
    keep = types.SimpleNamespace(register_module=lambda: lambda c: c)
    sys.modules["own.builder"].NECKS = keep
    sys.modules["own"].__path__ = sys.modules["own.necks"].__path__ = []
    module = load("own.necks.lift", path)
    lifted = module.TransformerLiftSplatShoot(bev_feature_channels=1).double()
    intrinsics = np.array(
        [[[633.2, 0, 408.1], [0, 637.9, 245.7], [0, 0, 1]], [[541.7, 3.1, 371.3], [0, 529.3, 290.9], [0, 0, 1]]]
    )
    points = int(np.prod(lifted.frustum.shape[:3]))
    cells = np.full((2, points), -1, np.int16)

    class Spy:
        def apply(x, places, ranks):
            cells[view, x[:, 0].long().numpy()] = (places[:, 2] * 100 + places[:, 0]).numpy()
            return x, places

    sum_up = module.QuickCumsum
    for view in range(2):
        where = lifted.get_geometry(torch.tensor(intrinsics[view : view + 1]))[:, None].flatten(1, 2)
        where = where.view(1, 1, *lifted.frustum.shape)
        module.QuickCumsum = Spy
        ids = torch.arange(points).double().view(*where.shape[:-1], 1)
        lifted.voxel_pooling(where, ids)
        if view == 0:
            module.QuickCumsum = sum_up
            plane = lifted.voxel_pooling(where, torch.sin(0.37 * ids)).flatten()
            there = np.unique(cells[0][cells[0] >= 0]).astype(int)
            sums = plane.detach().numpy()[there]
    shape = tuple(lifted.frustum.shape[:3])
    return {"intrinsics": intrinsics, "cells": cells.reshape(2, *shape), "sums": sums}


torch.set_default_dtype(torch.float64)
renderers, lift_splat = sys.argv[1:3]
made = {n: np.ascontiguousarray(v) for n, v in {**integrals(renderers), **driving(lift_splat)}.items()}
if "--check" in sys.argv:
    kept = load_file(OUT)
    assert kept.keys() == made.keys()
    for name, value in made.items():
        assert np.abs(value.astype(float) - kept[name].astype(float)).max() < 1e-9, name
    print("the same")
else:
    save_file(made, OUT, {"numpy": np.__version__, "torch": torch.__version__.split("+")[0], "diffdrr": "0.6.1"})
    print(OUT.name, OUT.stat().st_size, {n: v.shape for n, v in made.items()})
