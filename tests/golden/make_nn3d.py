#!/usr/bin/env python3
"""Golden values for the operations on volumes in src/nn, from PyTorch and no code of ours.

    python3 tests/golden/make_nn3d.py           write tests/golden/nn3d.safetensors
    python3 tests/golden/make_nn3d.py --check   compare the committed file with a fresh run

Needs torch and numpy. Tensors are F64; `dy` is a fixed uneven weight on the output y, the loss is
sum(y * dy), and dx, dw are its gradients. Volumes are [N, C, D, H, W].

conv_*    torch.nn.functional.conv3d of x and w (no bias); strides, paddings, dilations per axis.
convt_*   torch.nn.functional.conv_transpose3d.
pool_*    torch.nn.functional.max_pool3d; values repeat, so that ties count.
resize    torch.nn.functional.interpolate, trilinear, align_corners=False, to 5 x 4 x 7.
group, instance   group_norm with 2 groups (weight, bias), instance_norm without; eps 1e-5.
"""
import make_nn
import pathlib
import torch
import torch.nn.functional as F

make_nn.FILE = pathlib.Path(__file__).with_name("nn3d.safetensors")

# name: (kernel, stride, padding, dilation, channels in and out, size)
CONV = {
    "conv_3": ((3, 3, 3), 1, 1, 1, (2, 3), (4, 5, 6)),
    "conv_3_wide": ((3, 3, 3), 1, 1, 1, (8, 9), (3, 5, 6)),
    "conv_133_wide": ((1, 3, 3), 1, (0, 1, 1), 1, (8, 8), (3, 5, 4)),
    "conv_311": ((3, 1, 1), 1, (1, 0, 0), 1, (3, 2), (4, 3, 5)),
    "conv_177_s": ((1, 7, 7), (1, 2, 2), (0, 3, 3), 1, (1, 2), (3, 8, 9)),
    "conv_577_s": ((5, 7, 7), (2, 2, 2), (2, 3, 3), 1, (1, 2), (6, 8, 9)),
    "conv_7_s": ((7, 7, 7), 2, 3, 1, (1, 2), (8, 9, 10)),
    "conv_3_strides": ((3, 3, 3), (1, 2, 3), 1, 1, (2, 2), (5, 6, 7)),
    "conv_3_dilated": ((3, 3, 3), 1, (1, 2, 3), (1, 2, 3), (2, 2), (4, 6, 8)),
    "conv_mixed": ((3, 2, 1), (2, 1, 2), (2, 1, 0), (2, 1, 1), (2, 3), (7, 5, 6)),
    "conv_1_s": ((1, 1, 1), 2, 0, 1, (3, 4), (5, 4, 7)),
}
# name: (kernel, stride, padding, output padding, channels in and out, size)
CONVT = {
    "convt_3_s2": ((3, 3, 3), 2, 1, 1, (3, 2), (3, 4, 2)),
    "convt_3_s1": ((3, 3, 3), 1, 1, 0, (2, 3), (3, 4, 5)),
    "convt_2_s2": ((2, 2, 2), 2, 0, 0, (3, 2), (2, 3, 4)),
    "convt_3_flat": ((3, 3, 3), (1, 2, 2), 1, (0, 1, 1), (2, 2), (3, 2, 3)),
}
# name: (kernel, stride, padding, size)
POOL = {
    "pool_133": ((1, 3, 3), (1, 2, 2), (0, 1, 1), (2, 5, 6)),
    "pool_3": ((3, 3, 3), 2, 1, (5, 4, 7)),
    "pool_211": ((2, 1, 1), (2, 1, 1), 0, (5, 3, 2)),
}


def make():
    m = make_nn.Maker()
    for name, (k, s, p, d, (ci, co), size) in CONV.items():
        conv = lambda x, w, s=s, p=p, d=d: F.conv3d(x, w, stride=s, padding=p, dilation=d)
        m.case(name, conv, x=m.draw(2, ci, *size), w=m.draw(co, ci, *k, scale=0.4))
    for name, (k, s, p, o, (ci, co), size) in CONVT.items():
        conv = lambda x, w, s=s, p=p, o=o: F.conv_transpose3d(x, w, stride=s, padding=p, output_padding=o)
        m.case(name, conv, x=m.draw(2, ci, *size), w=m.draw(ci, co, *k, scale=0.4))
    for name, (k, s, p, size) in POOL.items():
        x = torch.round(m.draw(2, 2, *size).detach() * 2).requires_grad_()
        m.case(name, lambda x, k=k, s=s, p=p: F.max_pool3d(x, k, s, p), x=x)
    resize = lambda x: F.interpolate(x, size=(5, 4, 7), mode="trilinear", align_corners=False)
    m.case("resize", resize, x=m.draw(1, 2, 3, 4, 4))
    group = lambda x, weight, bias: F.group_norm(x, 2, weight, bias, eps=1e-5)
    m.case("group", group, x=m.draw(2, 4, 3, 2, 5), weight=m.draw(4, shift=1.0, scale=0.3), bias=m.draw(4))
    m.case("instance", lambda x: F.instance_norm(x, eps=1e-5), x=m.draw(2, 3, 2, 4, 3))
    return m.out


if __name__ == "__main__":
    make_nn.make = make
    make_nn.main()
