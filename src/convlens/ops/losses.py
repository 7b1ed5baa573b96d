"""Losses, one number for each example. The caller takes the mean over the batch.

Cross-entropies are computed from logits: softmax for one class of many, sigmoid for each class by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array, is_plain, kind
from convlens.ops._windows import check, check_same_dtype, check_shape
from convlens.ops.activations import sigmoid_forward, softmax_forward

__all__ = [
    "sigmoid_cross_entropy_backward",
    "sigmoid_cross_entropy_forward",
    "soft_cross_entropy_backward",
    "soft_cross_entropy_forward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "squared_error_backward",
    "squared_error_forward",
]

Labels = NDArray[np.integer]


def check_labels(labels: Labels, n: int, classes: int) -> None:
    """Raise ValueError unless labels are n integers from 0 to classes - 1."""
    if not is_plain(labels) or labels.dtype.kind not in "iu" or labels.shape != (n,):
        got = f"{labels.dtype} {labels.shape}" if is_plain(labels) else kind(labels)
        raise ValueError(f"labels must be {n} integers, one for each example; got {got}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}; got {labels.min()} to {labels.max()}")


def softmax_cross_entropy_forward(logits: Array, labels: Labels) -> Array:
    """loss[n] = log(sum_k exp(logits[n,k])) - logits[n, labels[n]]

    logits (n, classes) float, labels (n,) integers from 0 to classes - 1 -> loss (n,)
    """
    check("softmax_cross_entropy", "logits", logits, "n classes")
    check_labels(labels, *logits.shape)
    shifted = logits - logits.max(axis=1, keepdims=True)
    loss: Array = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return loss


def softmax_cross_entropy_backward(dy: Array, logits: Array, labels: Labels) -> Array:
    """dlogits[n,k] = dy[n] * (softmax(logits)[n,k] - [k == labels[n]])

    dy (n,), logits (n, classes), labels (n,) -> dlogits as logits
    """
    check("softmax_cross_entropy_backward", "logits", logits, "n classes")
    check_same_dtype("softmax_cross_entropy_backward", "logits", logits, dy=dy)
    check_shape("softmax_cross_entropy_backward", "dy", dy, logits.shape[:1])
    check_labels(labels, *logits.shape)
    dlogits = softmax_forward(logits)
    dlogits[np.arange(len(labels)), labels] -= 1
    dlogits *= dy[:, None]
    return dlogits


def soft_cross_entropy_forward(logits: Array, targets: Array) -> Array:
    """loss[n] = sum_k targets[n,k] * (log(sum_j exp(logits[n,j])) - logits[n,k])

    logits, targets (n, classes) float -> loss (n,). A row of targets is a distribution over the classes: one-hot, or
    smoothed.
    """
    _check_targets("soft_cross_entropy", logits, targets)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted
    loss: Array = (targets * logs).sum(axis=1)
    return loss


def soft_cross_entropy_backward(dy: Array, logits: Array, targets: Array) -> Array:
    """dlogits[n,k] = dy[n] * (softmax(logits)[n,k] * sum_j targets[n,j] - targets[n,k])

    dy (n,), logits, targets (n, classes) -> dlogits as logits
    """
    _check_targets("soft_cross_entropy_backward", logits, targets, dy)
    dlogits = softmax_forward(logits)
    dlogits *= targets.sum(axis=1, keepdims=True)
    dlogits -= targets
    dlogits *= dy[:, None]
    return dlogits


def sigmoid_cross_entropy_forward(logits: Array, targets: Array) -> Array:
    """loss[n] = mean_k -(t log(p) + (1 - t) log(1 - p)) with t = targets[n,k], p = sigmoid(logits[n,k])

    logits, targets (n, classes) float -> loss (n,). It is computed as max(z, 0) - z t + log(1 + exp(-|z|)), z = logits.
    """
    _check_targets("sigmoid_cross_entropy", logits, targets)
    each = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    loss: Array = each.mean(axis=1)
    return loss


def sigmoid_cross_entropy_backward(dy: Array, logits: Array, targets: Array) -> Array:
    """dlogits[n,k] = dy[n] / classes * (sigmoid(logits)[n,k] - targets[n,k])

    dy (n,), logits, targets (n, classes) -> dlogits as logits
    """
    _check_targets("sigmoid_cross_entropy_backward", logits, targets, dy)
    dlogits = sigmoid_forward(logits)
    dlogits -= targets
    dlogits *= dy[:, None] / logits.shape[1]
    return dlogits


def squared_error_forward(y: Array, targets: Array) -> Array:
    """loss[n] = mean_k (y[n,k] - targets[n,k])²

    y, targets (n, classes) float -> loss (n,)
    """
    _check_targets("squared_error", y, targets)
    loss: Array = np.square(y - targets).mean(axis=1)
    return loss


def squared_error_backward(dy: Array, y: Array, targets: Array) -> Array:
    """The gradient of y: dy[n] * 2 / classes * (y[n,k] - targets[n,k])

    dy (n,), y, targets (n, classes) -> as y
    """
    _check_targets("squared_error_backward", y, targets, dy)
    found: Array = (y - targets) * (dy[:, None] * 2 / y.shape[1])
    return found


def _check_targets(op: str, logits: Array, targets: Array, dy: Array | None = None) -> None:
    """Raise ValueError unless logits and targets (n, classes), and dy (n,) if given, have one dtype."""
    check(op, "logits", logits, "n classes")
    check_same_dtype(op, "logits", logits, targets=targets)
    check_shape(op, "targets", targets, logits.shape)
    if dy is not None:
        check_same_dtype(op, "logits", logits, dy=dy)
        check_shape(op, "dy", dy, logits.shape[:1])
