"""Load a course file by its path and compare its results with the oracle on a fixed list of cases."""

import importlib.util
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tests.support import oracle
from tests.support.places import COURSEWORK

FOLDER = COURSEWORK
FILES = {
    "conv_forward": "0-conv_forward.py",
    "pool_forward": "1-pool_forward.py",
    "conv_backward": "2-conv_backward.py",
    "pool_backward": "3-pool_backward.py",
}
# n, h, w, ci, co, kernel, stride, padding. Nothing is square; total padding odd and even, unused rows, 1x1, whole image
CONVOLUTIONS = [
    (2, 5, 7, 2, 3, (3, 2), (1, 1), "same"),
    (3, 6, 4, 1, 2, (2, 3), (2, 1), "same"),
    (2, 4, 5, 2, 1, (4, 2), (1, 3), "same"),
    (2, 5, 4, 3, 2, (1, 1), (1, 1), "same"),
    (3, 4, 5, 2, 2, (1, 1), (2, 3), "same"),
    (2, 7, 9, 2, 3, (3, 2), (3, 4), "valid"),
    (2, 5, 6, 1, 2, (2, 3), (1, 1), "valid"),
    (3, 3, 4, 2, 3, (3, 4), (2, 1), "valid"),
]
# n, h, w, c, kernel, stride
POOLINGS = [
    (2, 6, 8, 2, (2, 2), (2, 2)),
    (3, 7, 9, 2, (2, 3), (2, 4)),
    (2, 6, 5, 3, (3, 2), (1, 1)),
    (2, 8, 6, 1, (2, 3), (3, 1)),
    (2, 5, 4, 2, (1, 1), (2, 1)),
    (3, 4, 5, 2, (4, 5), (1, 2)),
]


def load(path):
    """Import and return the file at `path`. Its name need not be a Python identifier."""
    spec = importlib.util.spec_from_file_location(f"course_{Path(path).stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def from_text(source, name="mutant"):
    """Return a module made from its source text."""
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def relu(z):
    """ReLU in place: an activation may change its argument."""
    z[z < 0] = 0
    return z


def result_type(*arrays):
    """The dtype that the course files promise: the common dtype of the inputs, float64 for integers."""
    dtype = np.result_type(*arrays)
    return dtype if np.issubdtype(dtype, np.inexact) else np.dtype(float)


def numbers(rng, shape, dtype):
    """Random numbers of any dtype. Integers are small, so that windows have several maxima."""
    if np.issubdtype(dtype, np.inexact):
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0 if np.dtype(dtype).kind == "u" else -2, 3, shape, dtype)


def compare(got, want, dtype):
    """Raise AssertionError unless `got` has the shape and the values of `want`, and the dtype `dtype`."""
    assert got.shape == want.shape, f"shape {got.shape}, not {want.shape}"
    assert got.dtype == dtype, f"dtype {got.dtype}, not {dtype}"
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def untouched(function):
    """Wrap a function: the wrapped one raises AssertionError if the function changes one of its arrays."""

    def call(*arguments, **named):
        arrays = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        before = [array.copy() for array in arrays]
        result = function(*arguments, **named)
        assert all(map(np.array_equal, arrays, before)), "an input was changed"
        return result

    return call


def conv_arrays(rng, n, h, w, ci, co, kernel, dtype=float):
    """A_prev, W and b."""
    return (
        numbers(rng, (n, h, w, ci), dtype),
        numbers(rng, (*kernel, ci, co), dtype),
        numbers(rng, (1, 1, 1, co), dtype),
    )


def window_counts(shape, kernel, stride, padding):
    """The output sizes that dZ may have: with our pads and, for "same", with equal pads, rounded down or up."""
    counts = [oracle.output_size(shape, kernel, stride, oracle.course_pads(shape, kernel, stride, padding))]
    if padding == "same":
        totals = [(size - 1) * s + k - size for size, k, s in zip(shape[1:3], kernel, stride, strict=True)]
        for round_up in (0, 1):
            halves = [(total + round_up) // 2 for total in totals]
            counts.append(oracle.output_size(shape, kernel, stride, [(half, half) for half in halves]))
    return counts


def pads_for(shape, kernel, stride, padding, count):
    """Our top and left pads, and the smallest bottom and right pads for `count` windows."""
    start = [before for before, _ in oracle.course_pads(shape, kernel, stride, padding)]
    return [
        (before, (n - 1) * s + k - before - size)
        for before, n, size, k, s in zip(start, count, shape[1:3], kernel, stride, strict=True)
    ]


def check_conv_forward(function, rng, dtype, case):
    """Compare with the oracle's convolution followed by the activation."""
    n, h, w, ci, co, kernel, stride, padding = case
    x, weights, b = conv_arrays(rng, n, h, w, ci, co, kernel, dtype)
    got = function(x, weights, b, relu, padding, stride)
    pads = oracle.course_pads(x.shape, kernel, stride, padding)
    compare(got, relu(oracle.conv_forward(x, weights, b, pads, stride)), result_type(x, weights, b))


def check_conv_backward(function, rng, dtype, case):
    """Compare with the oracle's three gradients, for every output size that dZ may have."""
    n, h, w, ci, co, kernel, stride, padding = case
    x, weights, b = conv_arrays(rng, n, h, w, ci, co, kernel, dtype)
    for count in window_counts(x.shape, kernel, stride, padding):
        dz = numbers(rng, (n, *count, co), dtype)
        dx, dw, db = oracle.conv_backward(dz, x, weights, pads_for(x.shape, kernel, stride, padding, count), stride)
        got = function(dz, x, weights, b, padding, stride)
        for gradient, want in zip(got, (dx, dw, db.reshape(b.shape)), strict=True):
            compare(gradient, want, result_type(dz, x, weights, b))


def check_pool_forward(function, rng, dtype, case):
    """Compare with the oracle's pooling in both modes."""
    n, h, w, c, kernel, stride = case
    x = numbers(rng, (n, h, w, c), dtype)
    for mode in ("max", "avg"):
        compare(function(x, kernel, stride, mode), oracle.pool_forward(x, kernel, stride, mode), result_type(x))


def check_pool_backward(function, rng, dtype, case):
    """Compare with the oracle's pooling backward in both modes; every maximum of a window gets the gradient."""
    n, h, w, c, kernel, stride = case
    x = numbers(rng, (n, h, w, c), dtype)
    dy = numbers(rng, (n, *oracle.output_size(x.shape, kernel, stride, oracle.NO_PADS), c), dtype)
    for mode in ("max", "avg"):
        want = oracle.pool_backward(dy, x, kernel, stride, mode, "all")
        compare(function(dy, x, kernel, stride, mode), want, result_type(dy, x))


CHECKS: dict[str, tuple[Callable[..., None], Sequence[tuple[Any, ...]]]] = {
    "conv_forward": (check_conv_forward, CONVOLUTIONS),
    "pool_forward": (check_pool_forward, POOLINGS),
    "conv_backward": (check_conv_backward, CONVOLUTIONS),
    "pool_backward": (check_pool_backward, POOLINGS),
}


def verify(module):
    """Check the course function in `module` on all its cases; return a sentence for each case that fails.

    Each case is run on floats and on integers, in one block of examples and in blocks of one.
    """
    name = next(name for name in CHECKS if hasattr(module, name))
    check, cases = CHECKS[name]
    function = untouched(getattr(module, name))
    wrong = []
    whole = module.BLOCK
    for block in (whole, 1):
        module.BLOCK = block
        for case in cases:
            for dtype in (np.float64, np.int64):
                try:
                    check(function, np.random.default_rng(0), dtype, case)
                except Exception as error:
                    wrong.append(f"{name} {case} {np.dtype(dtype)}, block {block}: {error!r}")
    module.BLOCK = whole
    return wrong
