"""Softmax cross-entropy from logits: one loss for each example. The caller takes the mean over the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array, is_plain, kind
from convlens.ops._windows import check, check_same_dtype, check_shape
from convlens.ops.activations import softmax_forward

__all__ = ["softmax_cross_entropy_backward", "softmax_cross_entropy_forward"]

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
