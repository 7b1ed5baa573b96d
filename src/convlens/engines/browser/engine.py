"""The kernels in JavaScript: each call goes to a headless Chromium, the arrays as base64."""

from __future__ import annotations

import functools
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence

import numpy as np

from convlens.arrays import Array
from convlens.engines.browser.chromium import Chromium
from convlens.engines.padding import NO_PADS, framed, pad, put_inside
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair

name = "browser"
least_part = sys.maxsize  # no part gets a thread: one thread owns Chromium, so the calls wait for each other

_MOST = 1 << 24  # bytes of the larger array that one call takes


def conv2d(x: Array, w: Array, b: Array, stride: Pair, y: Array, pads: Pads = NO_PADS) -> None:
    """y[n,i,j,o] = b[o] + sum_abc xp[n, i*sh+a, j*sw+b, c] * w[a,b,c,o], where xp is x with its frame"""
    xp = pad(x, pads)
    for part in _parts(xp, y):
        _fill("conv2d", xp[part], w, b, stride, y[part])


def conv2d_dx(dy: Array, w: Array, stride: Pair, dx: Array, pads: Pads = NO_PADS) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,o] * w[a,b,c,o] over all windows that see that cell, and o"""
    dxp = framed(dx, pads)
    for part in _parts(dy, dxp):
        _fill("conv2d_dx", dy[part], w, stride, dxp[part])
    put_inside(dxp, pads, dx)


def conv2d_dw(dy: Array, x: Array, stride: Pair, dw: Array, pads: Pads = NO_PADS) -> None:
    """dw[a,b,c,o] = sum_nij xp[n, i*sh+a, j*sw+b, c] * dy[n,i,j,o], where xp is x with its frame"""
    xp = pad(x, pads)
    dw[...] = 0
    of_part = np.empty(dw.shape, dw.dtype)
    for part in _parts(dy, xp):
        _fill("conv2d_dw", dy[part], xp[part], stride, of_part)
        dw += of_part


def max_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = max_ab xp[n, i*sh+a, j*sw+b, c]"""
    for part in _parts(xp, y):
        _fill("max_pool2d", xp[part], kernel, stride, y[part])


def max_pool2d_dx(dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
    """dxp += dy where xp equals the maximum y of its window: at the first such cell, or at all such cells"""
    for part in _parts(dy, xp):
        _fill("max_pool2d_dx", dy[part], xp[part], y[part], kernel, stride, ties, dxp[part])


def sum_pool2d(xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
    """y[n,i,j,c] = sum_ab xp[n, i*sh+a, j*sw+b, c]"""
    for part in _parts(xp, y):
        _fill("sum_pool2d", xp[part], kernel, stride, y[part])


def sum_pool2d_dx(dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
    """dxp[n, i*sh+a, j*sw+b, c] = the sum of dy[n,i,j,c] over all windows that see that cell"""
    for part in _parts(dy, dxp):
        _fill("sum_pool2d_dx", dy[part], kernel, stride, dxp[part])


def adam(w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= rate m / (sqrt(v) + epsilon)"""
    numbers = map(float, (rate, beta_1, beta_2, epsilon))
    _call("adam", [*map(_sent, (w, m, v, g)), *numbers], {0: w, 1: m, 2: v})


def fused_pass(specs: Sequence[Spec], flat: Array, state: Array) -> str:
    """Return "": a pass of this engine goes layer by layer."""
    return ""


def _parts(one: Array, other: Array) -> Iterator[slice]:
    """Yield slices of the examples: the larger array has at most _MOST bytes in each, or one example."""
    size = max(1, _MOST * len(one) // max(one.nbytes, other.nbytes, 1))
    return (slice(k, k + size) for k in range(0, len(one), size))


def _fill(kernel: str, *arguments: Array | Pair | str) -> None:
    """Call a kernel that fills its last argument."""
    *given, into = arguments
    assert isinstance(into, np.ndarray)
    sent = [_sent(value) if isinstance(value, np.ndarray) else value for value in given]
    _call(kernel, [*sent, _sent(into, empty=True)], {len(sent): into})


def _call(kernel: str, sent: Sequence[object], into: dict[int, Array]) -> None:
    """Call a kernel, and write its results into the arrays: those at the places `into` among the arguments."""
    results = _chromium(os.getpid()).call(kernel, sent, list(into))
    for array, text in zip(into.values(), results, strict=True):
        array[...] = np.frombuffer(b64decode(text), array.dtype).reshape(array.shape)


def _sent(array: Array, empty: bool = False) -> dict[str, object]:
    """Return the array as js/call.js takes it; without its numbers, if they are to be written."""
    data = "" if empty else b64encode(array.tobytes()).decode()
    return {"shape": list(array.shape), "dtype": array.dtype.name, "data": data}


@functools.cache
def _chromium(process: int) -> Chromium:
    """Return the Chromium of this process: a process that was forked gets one of its own."""
    return Chromium()
