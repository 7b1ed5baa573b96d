"""Check a backward function against finite differences of its forward function, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array, is_plain, kind


class GradientError(AssertionError):
    """The backward is not the gradient of the forward.

    rule: the rule that is broken: "count" (the number of gradients), "shape", "finite" or "value".
    argument: the index of the argument whose gradient is wrong; None for "count".
    got, wanted: what was found and what is right. "count": numbers of gradients. "shape": shapes. "finite": how many
    numbers are not finite, and 0. "value": slopes along the random direction.
    """

    def __init__(
        self, text: str, rule: str = "", argument: int | None = None, got: Any = None, wanted: Any = None
    ) -> None:
        super().__init__(text)
        self.rule, self.argument, self.got, self.wanted = rule, argument, got, wanted


def check_vjp(
    forward: Callable[..., Array],
    backward: Callable[..., Any],
    args: Sequence[Array],
    *,
    rng: np.random.Generator,
    step: float = 1e-3,
    rtol: float = 1e-6,
    directions: int = 3,
) -> None:
    """Raise GradientError unless backward(dy, *args) is the vector-Jacobian product of y = forward(*args).

    The check draws a random cotangent dy, and for each argument x random directions v of length 1. It compares:

        sum(dx * v) = d/dt sum(dy * forward(x + t v)) at t = 0

    The right side is a central difference of sixth order. Its error is about step**6, so the check finds a gradient
    that is off by 0.01 %. dy and v must be random: if both are all ones, many wrong gradients give the right sum.

    forward: arrays -> one array. backward: dy and the same arrays -> one gradient, or a tuple of gradients for the
    first arguments in order, None for an argument that has no gradient. args: float64 arrays at a point where forward
    is smooth (no ties in a maximum, no number within `step` of the kink of a ReLU).

    Raises ValueError if args are not float64 arrays, rng is not a Generator, or forward does not return an array.
    """
    for k, arg in enumerate(args):
        if not is_plain(arg) or arg.dtype != np.float64:
            raise ValueError(f"check_vjp needs float64 arrays; got args[{k}] {kind(arg)}")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator; got {type(rng).__name__}")
    y = forward(*args)
    if not isinstance(y, np.ndarray):
        raise ValueError(f"forward must return an array; got {type(y).__name__}")
    dy = rng.standard_normal(y.shape)
    gradients = backward(dy, *args)
    if not isinstance(gradients, tuple | list):
        gradients = (gradients,)
    if all(dx is None for dx in gradients) or len(gradients) > len(args):
        got = sum(dx is not None for dx in gradients)
        text = f"backward must return from 1 to {len(args)} gradients, one for each argument; got {got}"
        raise GradientError(text, "count", None, got, len(args))
    for k, dx in enumerate(gradients):
        if dx is None:
            continue
        if dx.shape != args[k].shape:
            text = f"gradient {k} must have the shape of args[{k}], {args[k].shape}; got {dx.shape}"
            raise GradientError(text, "shape", k, dx.shape, args[k].shape)
        if bad := np.count_nonzero(~np.isfinite(dx)):
            text = f"gradient {k} must be finite; got {bad} NaN or infinite numbers"
            raise GradientError(text, "finite", k, int(bad), 0)
        for _ in range(directions):
            v = rng.standard_normal(dx.shape)
            v /= np.linalg.norm(v)
            slope = _slope(forward, dy, args, k, v, step)
            found = float(np.sum(dx * v))
            scale = max(abs(slope), float(np.linalg.norm(dx)) / np.sqrt(dx.size), 1e-12)
            if not abs(found - slope) <= rtol * scale + 1e-10 * float(np.abs(dy * y).sum()):
                text = (
                    f"gradient {k} is wrong: along a random direction it gives {found:.9g}, "
                    f"finite differences give {slope:.9g}"
                )
                raise GradientError(text, "value", k, found, slope)


def _slope(forward: Callable[..., Array], dy: Array, args: Sequence[Array], k: int, v: Array, step: float) -> float:
    def along(t: float) -> float:
        moved = [*args[:k], args[k] + t * step * v, *args[k + 1 :]]
        return float(np.sum(dy * forward(*moved)))

    differences = [along(t) - along(-t) for t in (1, 2, 3)]
    return (45 * differences[0] - 9 * differences[1] + differences[2]) / (60 * step)
