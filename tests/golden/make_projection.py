"""Golden filtered backprojection for src/projection, by scikit-image.

    python tests/golden/make_projection.py [--check]

Needs numpy, scikit-image, safetensors (made with the versions in the file's header). The sinogram of
a Shepp-Logan phantom of 127 x 127 over 180 degrees, rounded to half precision, and what `iradon` with
its ramp filter makes of it."""

import sys
from pathlib import Path

import numpy as np
import skimage
from safetensors.numpy import load_file, save_file
from skimage.data import shepp_logan_phantom
from skimage.transform import iradon, radon, resize

OUT = Path(__file__).parent / "projection.safetensors"
SIDE, VIEWS = 127, 180


def make():
    angles = np.arange(VIEWS) * 180.0 / VIEWS
    phantom = resize(shepp_logan_phantom(), (SIDE, SIDE), anti_aliasing=True)
    sinogram = radon(phantom, theta=angles, circle=True).astype(np.float16)
    back = iradon(sinogram.astype(np.float64), theta=angles, filter_name="ramp", circle=True)
    return {"sinogram": sinogram.T.copy(), "iradon": back.astype(np.float16)}


made = make()
if "--check" in sys.argv:
    kept = load_file(OUT)
    for name, value in made.items():
        assert np.abs(value.astype(float) - kept[name].astype(float)).max() < 2e-3, name
    print("the same")
else:
    save_file(made, OUT, {"numpy": np.__version__, "scikit-image": skimage.__version__})
    print(OUT, OUT.stat().st_size)
