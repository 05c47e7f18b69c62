#!/usr/bin/env python3
"""Golden values for brain extraction, from the package's own TorchScript models and no code of ours.

    python3 tests/golden/make_deepbet.py deepbet-1.0.2-py3-none-any.whl           write tests/golden/deepbet.json
    python3 tests/golden/make_deepbet.py deepbet-1.0.2-py3-none-any.whl --check   compare with a fresh run

Needs torch and numpy. For each model of the wheel (SHA-256 checked): parameters of each part, the name of
each storage, and the probability of brain for a 64^3 input by formula (`number` of make_resnet3d, times
0.5, plus a ball), 96 values evenly spread.
"""
import hashlib, io, json, pathlib, sys, zipfile
import numpy as np
import torch

SHA256 = "1999e2ea00ec48f6233b95b96f3901a962d3f70431c63aeb985e8a49a198473c"
MODELS = ["data/models/bbox_model.pt", "data/models/model.pt"]
FILE = pathlib.Path(__file__).with_name("deepbet.json")
SIDE, COUNT = 64, 96


def number(name, count):
    """Element i of a tensor of this name, -1 to 1."""
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) & (2**64 - 1)
    mask = np.uint64(0xFFFFFFFF)
    u = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(h & 0xFFFFFFFF)) & mask
    u ^= u >> np.uint64(16)
    u = (u * np.uint64(0x45D9F3B)) & mask
    u ^= u >> np.uint64(16)
    return u.astype(np.float64) / 2**31 - 1


def volume():
    noise = number("deepbet", SIDE**3).reshape(SIDE, SIDE, SIDE) * 0.05
    at = np.arange(SIDE) - (SIDE - 1) / 2
    r = np.sqrt(at[:, None, None] ** 2 + (1.3 * at[None, :, None]) ** 2 + (at[None, None, :] + 4) ** 2)
    shell = np.where((r > 24) & (r < 27), 0.9, 0.0)
    return (0.35 + np.where(r < 22, 0.35, 0.0) + shell + noise).astype(np.float32)


def golden(wheel):
    data = wheel.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{wheel} is another file")
    archive, out = zipfile.ZipFile(io.BytesIO(data)), []
    for name in MODELS:
        raw = archive.read(name)
        model = torch.jit.load(io.BytesIO(raw), map_location="cpu").eval()
        inner, state = zipfile.ZipFile(io.BytesIO(raw)), model.state_dict()
        storages = {n.rsplit("/", 1)[1]: inner.read(n) for n in inner.namelist() if "/data/" in n}
        rows, parts = [], {}
        for key, value in state.items():
            bytes_ = value.contiguous().numpy().tobytes()
            entry = next(i for i, stored in storages.items() if stored == bytes_)
            rows.append([int(entry), key, list(value.shape)])
            part = key.split(".")[0]
            parts[part] = parts.get(part, 0) + value.numel()
        with torch.no_grad():
            seen = model(torch.from_numpy(volume())[None, None])[0, 1].flatten().numpy()
        step = len(seen) // COUNT
        values = [round(float(v), 7) for v in seen[::step][:COUNT]]
        out.append({"model": name, "parts": parts, "storages": rows, "step": step, "values": values})
    return out


if __name__ == "__main__":
    new = golden(pathlib.Path(sys.argv[1]))
    if "--check" in sys.argv:
        old = json.loads(FILE.read_text())
        off = max(abs(a - b) for o, n in zip(old, new) for a, b in zip(o["values"], n["values"]))
        same = all(o["storages"] == n["storages"] and o["parts"] == n["parts"] for o, n in zip(old, new))
        print(f"tables equal: {same}, largest difference {off:.1e}")
        sys.exit(not same or off > 1e-5)
    FILE.write_text(json.dumps(new, separators=(",", ":")) + "\n")
    print(f"{FILE}: torch {torch.__version__}")
