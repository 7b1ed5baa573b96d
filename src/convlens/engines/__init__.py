"""Who does the arithmetic. An engine is a module with the kernels of `Engine`; `get_engine` finds it by name.

Kernels get padded, validated arrays of one dtype, float32 or float64, and write all of their last argument, which the
caller allocates. They know nothing of padding rules, bias or validation: `convlens.ops` does, once for all engines.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from convlens.geometry import Pair

Array = NDArray[Any]


class Engine(Protocol):
    """The kernels. Letters: n examples, h w input, kh kw kernel, oh ow output, ci co channels in and out."""

    name: str

    def conv2d(self, xp: Array, w: Array, stride: Pair, y: Array) -> None:
        """xp (n, h, w, ci), w (kh, kw, ci, co) -> y (n, oh, ow, co)"""

    def conv2d_dx(self, dy: Array, w: Array, stride: Pair, dxp: Array) -> None:
        """dy (n, oh, ow, co), w (kh, kw, ci, co) -> dxp (n, h, w, ci)"""

    def conv2d_dw(self, dy: Array, xp: Array, stride: Pair, dw: Array) -> None:
        """dy (n, oh, ow, co), xp (n, h, w, ci) -> dw (kh, kw, ci, co)"""

    def max_pool2d(self, xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
        """xp (n, h, w, c) -> y (n, oh, ow, c)"""

    def max_pool2d_dx(self, dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
        """dy, y (n, oh, ow, c), xp (n, h, w, c), ties "first" or "all" -> dxp (n, h, w, c)"""

    def sum_pool2d(self, xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
        """xp (n, h, w, c) -> y (n, oh, ow, c), the sum over each window"""

    def sum_pool2d_dx(self, dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
        """dy (n, oh, ow, c) -> dxp (n, h, w, c)"""


ENGINES = {"numpy": "convlens.engines.numpy_engine"}


def get_engine(name: str) -> Engine:
    """The engine of that name; "auto" is the fastest one installed.

    >>> get_engine("auto").name
    'numpy'
    """
    if name == "auto":
        name = "numpy"
    if name not in ENGINES:
        raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}; got {name!r}")
    return cast(Engine, importlib.import_module(ENGINES[name]))
