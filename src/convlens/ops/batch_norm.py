"""Batch normalisation: each channel gets mean 0 and variance 1, then a trained scale and offset."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convlens.arrays import FLOATS, Array, is_plain, kind
from convlens.ops._windows import check_same_dtype, check_shape

__all__ = [
    "BatchStatistics",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_training_backward",
    "batch_norm_training_forward",
]

_EXAMPLES = 128  # the most examples that are added in x's own dtype; their sums are added in float64
_BYTES = 1 << 21  # of the products that are held at once


class BatchStatistics(NamedTuple):
    """What `batch_norm_training_backward` needs: x_hat as x, and mean, variance and 1 / sqrt(variance + epsilon) (c,)

    mean and variance are those of the batch; the variance divides by the number of values, as in Keras.
    """

    x_hat: Array
    mean: Array
    variance: Array
    inverse: Array


def _check(op: str, x: Array, **vectors: Array) -> None:
    if not is_plain(x) or x.dtype not in FLOATS:
        raise ValueError(f"{op} needs x as an array of float32 or float64; got {kind(x)}")
    if x.ndim < 2 or x.size == 0:
        raise ValueError(f"{op} needs x (n, …, c) with at least one number along each axis; got {x.shape}")
    check_same_dtype(op, "x", x, **vectors)
    for name, vector in vectors.items():
        check_shape(op, name, vector, x.shape[-1:])


def _channel_sums(x: Array, times: Array | None = None) -> Array:
    """x (n, …, c) -> the sum of x, or of x times `times`, over all axes but the last, in float64

    The order of the additions depends only on the shape. At most 128 numbers are added in the dtype of x. The products
    are computed a few examples at a time, so they take little memory.
    """
    total = np.zeros(x.shape[-1])
    step = max(1, min(_EXAMPLES, _BYTES // x[0].nbytes))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        if times is not None:
            part = part * times[start : start + step]
        sums = part.reshape(len(part), -1).sum(axis=0)
        total += sums.reshape(-1, x.shape[-1]).sum(axis=0, dtype=np.float64)
    return total


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, *, epsilon: float = 1e-3
) -> Array:
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta for each channel: prediction, with known statistics

    x (n, …, c), gamma, beta, mean, variance (c,) -> y as x. Ioffe and Szegedy 2015, "Batch normalization".
    """
    _check("batch_norm", x, gamma=gamma, beta=beta, mean=mean, variance=variance)
    y: Array = x - mean
    y *= gamma / np.sqrt(variance + epsilon)
    y += beta
    return y


def batch_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, *, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """Return the gradients of sum(dy * y) for y = batch_norm_forward(x, …), with respect to x, gamma and beta.

    dx = dy gamma / s,  dgamma = sum dy (x - mean) / s,  dbeta = sum dy,  with s = sqrt(variance + epsilon)

    dy, x (n, …, c), gamma, mean, variance (c,) -> dx as x, dgamma (c,), dbeta (c,). The statistics are constants.
    """
    _check("batch_norm_backward", x, gamma=gamma, mean=mean, variance=variance)
    check_same_dtype("batch_norm_backward", "x", x, dy=dy)
    check_shape("batch_norm_backward", "dy", dy, x.shape)
    inverse = 1 / np.sqrt(variance + epsilon)
    dgamma = _channel_sums(dy, x - mean) * inverse
    return dy * (gamma * inverse), dgamma.astype(x.dtype), _channel_sums(dy).astype(x.dtype)


def batch_norm_training_forward(
    x: Array, gamma: Array, beta: Array, *, epsilon: float = 1e-3
) -> tuple[Array, BatchStatistics]:
    """y = gamma x_hat + beta with x_hat = (x - mean) / sqrt(variance + epsilon): the batch's own mean and variance

    x (n, …, c), gamma, beta (c,) -> y as x, and what the backward needs. Mean and variance of a channel are over all
    its n … values. The variance is the mean of (x - mean)², so nothing is lost where the mean is large.
    """
    _check("batch_norm_training", x, gamma=gamma, beta=beta)
    count = x.size // x.shape[-1]
    mean = (_channel_sums(x) / count).astype(x.dtype)
    x_hat: Array = x - mean
    variance = _channel_sums(x_hat, x_hat) / count
    inverse = (1 / np.sqrt(variance + epsilon)).astype(x.dtype)
    x_hat *= inverse
    y: Array = x_hat * gamma
    y += beta
    return y, BatchStatistics(x_hat, mean, variance.astype(x.dtype), inverse)


def batch_norm_training_backward(dy: Array, saved: BatchStatistics, gamma: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of sum(dy * y) for y = batch_norm_training_forward(x, gamma, beta).

    dx = gamma / s (dy - mean dy - x_hat mean(dy x_hat)),  dgamma = sum dy x_hat,  dbeta = sum dy

    dy (n, …, c), gamma (c,) -> dx as dy, dgamma (c,), dbeta (c,). s = sqrt(variance + epsilon)
    """
    x_hat = saved.x_hat
    check_same_dtype("batch_norm_training_backward", "dy", dy, gamma=gamma, x_hat=x_hat)
    check_shape("batch_norm_training_backward", "dy", dy, x_hat.shape)
    count = dy.size // dy.shape[-1]
    dgamma, dbeta = _channel_sums(dy, x_hat), _channel_sums(dy)
    dx: Array = x_hat * (-dgamma / count).astype(dy.dtype)
    dx += dy
    dx -= (dbeta / count).astype(dy.dtype)
    dx *= gamma * saved.inverse
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)
