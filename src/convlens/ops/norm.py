"""Local response normalisation: each number is divided by a factor that grows with its neighbouring channels."""

from __future__ import annotations

import math

import numpy as np

from convlens.arrays import Array
from convlens.geometry import check_count
from convlens.ops._windows import blocks, check, check_same_dtype, check_shape

__all__ = ["local_response_norm_backward", "local_response_norm_forward"]


def check_numbers(size: int, k: float, alpha: float, beta: float) -> None:
    """Raise ValueError unless s_i, computed from these arguments, is above 0 for every x."""
    check_count("size", size, 1)
    if not (math.isfinite(k) and k > 0):
        raise ValueError(f"k must be a number above 0; got {k!r}")
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a number of at least 0; got {value!r}")


def _check(op: str, x: Array, size: int, k: float, alpha: float, beta: float) -> None:
    check(op, "x", x, "n h w c")
    check_numbers(size, k, alpha, beta)


def _over_channels(x: Array, before: int, after: int) -> Array:
    """y[..., i] = sum of x[..., j] over the existing channels j from i - before to i + after"""
    y = x.copy()
    c = x.shape[-1]
    for d in range(1, min(before, c - 1) + 1):
        y[..., d:] += x[..., :-d]
    for d in range(1, min(after, c - 1) + 1):
        y[..., :-d] += x[..., d:]
    return y


def _scale(x: Array, size: int, k: float, alpha: float) -> Array:
    """s_i = k + alpha sum_j x_j²"""
    s = _over_channels(x * x, (size - 1) // 2, size // 2)
    s *= alpha
    s += k
    return s


def _power(s: Array, beta: float) -> Array:
    """Return s^-beta; for beta = 0.75 from two square roots, which are much faster than a power."""
    if beta == 0.75:
        root = np.sqrt(s)
        root *= np.sqrt(root)
        return np.divide(1, root, out=root)
    power: Array = s ** s.dtype.type(-beta)
    return power


def local_response_norm_forward(
    x: Array, *, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Array:
    """y_i = x_i / s_i^beta, with s_i = k + alpha sum_j x_j² over the `size` channels j around i

    x (n, h, w, c) -> y of the same shape
    j runs over the existing channels from i - floor((size - 1) / 2) to i + ceil((size - 1) / 2). In the paper `size` is
    odd; for an even size this is ONNX's rule. Krizhevsky et al. 2012, section 3.3; the defaults are the paper's
    numbers. ONNX and PyTorch divide alpha by `size`; TensorFlow has size = 2 depth_radius + 1.
    """
    _check("local_response_norm", x, size, k, alpha, beta)
    y = np.empty_like(x)
    for part in blocks(len(x), 16 * x[0].nbytes):
        np.multiply(x[part], _power(_scale(x[part], size, k, alpha), beta), out=y[part])
    return y


def local_response_norm_backward(
    dy: Array, x: Array, *, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75
) -> Array:
    """dx_i = dy_i / s_i^beta - 2 alpha beta x_i sum_j dy_j x_j / s_j^(beta + 1)

    The sum is over the channels j whose s_j contains x_i. dy, x (n, h, w, c) -> dx of the same shape
    """
    _check("local_response_norm_backward", x, size, k, alpha, beta)
    check_same_dtype("local_response_norm_backward", "x", x, dy=dy)
    check_shape("local_response_norm_backward", "dy", dy, x.shape)
    dx = np.empty_like(x)
    for part in blocks(len(x), 16 * x[0].nbytes):
        s = _scale(x[part], size, k, alpha)
        direct = dy[part] * _power(s, beta)
        through = direct * x[part]
        through /= s
        through = _over_channels(through, size // 2, (size - 1) // 2)
        through *= x[part]
        through *= 2 * alpha * beta
        np.subtract(direct, through, out=dx[part])
    return dx
