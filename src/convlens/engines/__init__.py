"""Engines do the arithmetic. An engine is a module with the kernels of `Engine`; `get_engine` finds it by name.

Kernels get padded, validated arrays of the same dtype, float32 or float64. They fill the array of their result
completely; the caller allocates it. Padding rules and validation are not part of a kernel: `convlens.ops` does both,
once for all engines.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from convlens.arrays import Array
from convlens.engines.padding import NO_PADS
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair

if TYPE_CHECKING:
    import numpy as np


class Engine(Protocol):
    """The kernels of an engine

    A kernel is a function of an engine; only in kh, kw is it the kernel of a convolution or the window of a pool.
    Letters: n examples; h, w rows and columns of the input; kh, kw of the kernel; oh, ow of the output; ci, co input
    and output channels.
    """

    name: str
    least_part: int  # the fewest examples for which the caller should give a part of a batch its own thread

    def conv2d(self, x: Array, w: Array, b: Array, stride: Pair, y: Array, pads: Pads = NO_PADS) -> None:
        """x (n, h, w, ci), to which `pads` adds a frame, w (kh, kw, ci, co), b (co,) -> y (n, oh, ow, co)"""

    def conv2d_dx(self, dy: Array, w: Array, stride: Pair, dx: Array, pads: Pads = NO_PADS) -> None:
        """dy (n, oh, ow, co), w (kh, kw, ci, co) -> dx (n, h, w, ci), of the x to which `pads` adds a frame"""

    def conv2d_dw(self, dy: Array, x: Array, stride: Pair, dw: Array, pads: Pads = NO_PADS) -> None:
        """dy (n, oh, ow, co), x (n, h, w, ci), to which `pads` adds a frame -> dw (kh, kw, ci, co)"""

    def max_pool2d(self, xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
        """xp (n, h, w, c) -> y (n, oh, ow, c)"""

    def max_pool2d_dx(self, dy: Array, xp: Array, y: Array, kernel: Pair, stride: Pair, ties: str, dxp: Array) -> None:
        """dy, y (n, oh, ow, c), xp (n, h, w, c), ties "first" or "all" -> dxp (n, h, w, c)"""

    def sum_pool2d(self, xp: Array, kernel: Pair, stride: Pair, y: Array) -> None:
        """xp (n, h, w, c) -> y (n, oh, ow, c), the sum over each window"""

    def sum_pool2d_dx(self, dy: Array, kernel: Pair, stride: Pair, dxp: Array) -> None:
        """dy (n, oh, ow, c) -> dxp (n, h, w, c)"""

    def adam(
        self, w: Array, m: Array, v: Array, g: Array, rate: float, beta_1: float, beta_2: float, epsilon: float
    ) -> None:
        """w, m, v (size,) are changed in place, given the gradient g (size,): see `convlens.nn.optimizers.Adam`"""

    def fused_pass(self, specs: Sequence[Spec], flat: Array, state: Array) -> FusedPass | str:
        """Return a fused pass of these operations, or why there is none; "" from an engine that has no fused passes.

        flat holds the trained weights of all operations in order, state their running statistics.
        """


class FusedPass(Protocol):
    """All operations of a network in one call. Each call reads the current weights. Any thread may call.

    about: how it computes, in words. ways: the same for each operation
    """

    about: str
    ways: Sequence[str]

    def forward(self, x: Array, softmax: bool = False) -> Array:
        """x (n, h, w, c) -> logits (n, classes), or if `softmax` their softmax"""

    def loss_gradient(
        self,
        x: Array,
        labels: Array,
        weight: float,
        gradient: Array,
        threads: int,
        rng: np.random.Generator | None,
        state: Array | None,
        slopes: Callable[[Array], tuple[Array, Array]] | None,
    ) -> tuple[Array, Array]:
        """x, labels (n,) -> loss (n,), logits (n, classes); `gradient` gets the gradient of weight * sum(loss)

        slopes: logits -> loss (n,), dlogits (n, classes), for another loss than the cross-entropy. rng: for training;
        `state`, a vector like the running statistics, then gets those of the batch.
        """


ENGINES = {
    "numpy": "convlens.engines.numpy_engine",
    "numba": "convlens.engines.compiled.engine",
    "browser": "convlens.engines.browser.engine",
}


def get_engine(name: str) -> Engine:
    """Return the engine of that name; "auto" is numba if Numba is installed and works, else numpy.

    Any other name is never replaced by another engine: ValueError for an unknown name, ImportError for "numba" if Numba
    is not installed or does not load, and for "browser" without Playwright or Chromium.

    >>> get_engine("numpy").name
    'numpy'
    """
    if not isinstance(name, str) or (name != "auto" and name not in ENGINES):
        raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}; got {name!r}")
    if name == "auto":
        name = "numba" if _has_numba() and _numba_loads() else "numpy"
    if name == "numba" and not _has_numba():
        raise ImportError("the engine numba needs Numba: pip install 'convlens[fast]'")
    if name == "browser":
        _check_browser()
    return cast(Engine, importlib.import_module(ENGINES[name]))


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def _check_browser() -> None:
    """ImportError if the engine browser lacks something."""
    if importlib.util.find_spec("playwright") is None:
        raise ImportError("the engine browser needs Playwright: pip install 'convlens[browser]'")
    if importlib.import_module("convlens.engines.browser.chromium").executable() is None:
        raise ImportError("the engine browser needs Chromium: apt install chromium, or its path in CONVLENS_CHROMIUM")


@functools.cache
def _numba_loads() -> bool:
    """Return whether the installed Numba can be loaded; warn once if not."""
    try:
        importlib.import_module(ENGINES["numba"])
    except ImportError as error:
        warnings.warn(f"auto uses the engine numpy, since numba does not load: {error}", RuntimeWarning, stacklevel=3)
        return False
    return True
