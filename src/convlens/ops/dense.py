"""The fully connected layer's product and its gradients."""

from __future__ import annotations

from convlens.arrays import Array
from convlens.ops._windows import check, check_same_dtype, check_shape

__all__ = ["dense_backward", "dense_forward"]


def dense_forward(x: Array, w: Array, b: Array) -> Array:
    """y = x w + b

    x (n, in), w (in, out), b (out,) -> y (n, out), all of the same dtype, float32 or float64
    """
    check("dense", "x", x, "n in")
    check("dense", "w", w, "in out")
    check_same_dtype("dense", "x", x, w=w, b=b)
    if x.shape[1] != len(w):
        raise ValueError(f"dense needs equal in; got x {x.shape}, w {w.shape}")
    check_shape("dense", "b", b, w.shape[1:])
    y = x @ w
    y += b
    return y


def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of sum(dy * y) for y = dense_forward(x, w, b), with respect to x, w and b.

    dx = dy w^T,  dw = x^T dy,  db[o] = sum_n dy[n,o]

    dy (n, out), x (n, in), w (in, out) -> dx (n, in), dw (in, out), db (out,)
    """
    check_same_dtype("dense_backward", "x", x, w=w, dy=dy)
    check_shape("dense_backward", "dy", dy, (len(x), w.shape[1]))
    dx = (w @ dy.T).T  # equal to dy @ w.T, but BLAS reads w in its own order and is 1.5 times as fast
    return dx, x.T @ dy, dy.sum(axis=0)
