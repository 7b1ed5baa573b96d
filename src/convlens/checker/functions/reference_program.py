"""Programs of tasks 0 to 3 as the course teaches them, for the time that a file of this kind takes.

They run in the sandbox like a submitted file, so they use nothing but NumPy: one step for each place of the window,
over all images and channels at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["conv_backward", "conv_forward", "pool_backward", "pool_forward"]

_Array = NDArray[Any]
_Pair = tuple[int, int]


def _places(size: _Pair, kernel: _Pair, stride: _Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Yield each row and column of the output, with the rows and columns of its window."""
    (kh, kw), (sh, sw) = kernel, stride
    for i in range((size[0] - kh) // sh + 1):
        for j in range((size[1] - kw) // sw + 1):
            yield i, j, slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)


def _margins(size: _Pair, kernel: _Pair, padding: str, stride: _Pair) -> _Pair:
    """Return the rows and columns of zeros on each side."""
    if padding == "valid":
        return 0, 0
    top, left = (((n - 1) * s + k - n + 1) // 2 for n, k, s in zip(size, kernel, stride, strict=True))
    return top, left


def _padded(images: _Array, margins: _Pair) -> _Array:
    top, left = margins
    return np.pad(images, ((0, 0), (top, top), (left, left), (0, 0)))


def conv_forward(
    images: _Array,
    kernels: _Array,
    biases: _Array,
    activation: Callable[[_Array], _Array],
    padding: str = "same",
    stride: _Pair = (1, 1),
) -> _Array:
    """Return the activation of the convolution of images (m, h, w, c) with kernels (kh, kw, c, c_new)."""
    kh, kw, _, c_new = kernels.shape
    m, h, w, _ = images.shape
    padded = _padded(images, _margins((h, w), (kh, kw), padding, stride))
    _, high, wide, _ = padded.shape
    out = np.zeros((m, (high - kh) // stride[0] + 1, (wide - kw) // stride[1] + 1, c_new))
    for i, j, rows, columns in _places((high, wide), (kh, kw), stride):
        window = padded[:, rows, columns]
        for k in range(c_new):
            out[:, i, j, k] = np.sum(window * kernels[..., k], axis=(1, 2, 3))
    return activation(out + biases)


def pool_forward(images: _Array, kernel_shape: _Pair, stride: _Pair = (1, 1), mode: str = "max") -> _Array:
    """Return the largest or the mean number of each window, for images (m, h, w, c)."""
    m, h, w, c = images.shape
    (kh, kw), (sh, sw) = kernel_shape, stride
    out = np.zeros((m, (h - kh) // sh + 1, (w - kw) // sw + 1, c))
    reduce = np.max if mode == "max" else np.mean
    for i, j, rows, columns in _places((h, w), kernel_shape, stride):
        out[:, i, j] = reduce(images[:, rows, columns], axis=(1, 2))
    return out


def conv_backward(
    outer: _Array, images: _Array, kernels: _Array, biases: _Array, padding: str = "same", stride: _Pair = (1, 1)
) -> tuple[_Array, _Array, _Array]:
    """Return the gradients of the images, the kernels and the biases."""
    kh, kw, _, c_new = kernels.shape
    m, h, w, _ = images.shape
    top, left = _margins((h, w), (kh, kw), padding, stride)
    padded = _padded(images, (top, left))
    gradient, kernel_gradient = np.zeros(padded.shape), np.zeros(kernels.shape)
    for i, j, rows, columns in _places(padded.shape[1:3], (kh, kw), stride):
        for e in range(m):
            for k in range(c_new):
                gradient[e, rows, columns] += kernels[..., k] * outer[e, i, j, k]
                kernel_gradient[..., k] += padded[e, rows, columns] * outer[e, i, j, k]
    return gradient[:, top : top + h, left : left + w], kernel_gradient, outer.sum(axis=(0, 1, 2), keepdims=True)


def pool_backward(
    outer: _Array, images: _Array, kernel_shape: _Pair, stride: _Pair = (1, 1), mode: str = "max"
) -> _Array:
    """Return the gradient of the images: to the largest numbers of each window, or equally to all."""
    gradient = np.zeros(images.shape)
    for i, j, rows, columns in _places(images.shape[1:3], kernel_shape, stride):
        part = outer[:, i : i + 1, j : j + 1]
        if mode == "max":
            window = images[:, rows, columns]
            gradient[:, rows, columns] += part * (window == window.max(axis=(1, 2), keepdims=True))
        else:
            gradient[:, rows, columns] += part / (kernel_shape[0] * kernel_shape[1])
    return gradient
