"""Is that a step of Adam? Weights before and after, against the gradient that convlens computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convlens.arrays import Array
from convlens.checker.lenets.bench import failed
from convlens.checker.lenets.expected import LAYERS, RATE, adam_steps
from convlens.checker.lenets.mistakes import Likely, step_mistake

__all__ = ["first_step", "second_step"]

# What float32 may do to a gradient, in parts of the largest number in its array; to a weight; to 1 - 0.999
_NOISE = 1e-5
_ROUNDING = 3e-7
_ONE_LESS = 2e-5


def _wrong(before: Array, after: Array, gradient: Array, epsilon: float, rate: float = RATE) -> Array:
    """Which weights did not move as the first step of Adam moves them, for any gradient that rounding may give"""
    noise = _NOISE * float(np.abs(gradient).max()) + 1e-9
    low, high = (adam_steps([gradient + side * noise], epsilon, rate) for side in (-1, 1))
    slack = _ROUNDING * np.maximum(np.abs(before), 0.1) + _ONE_LESS * rate
    moved = before - after
    with np.errstate(all="ignore"):
        right: Array = (moved >= low - slack) & (moved <= high + slack)
    return ~right


def first_step(
    before: Sequence[Array],
    after: Sequence[Array],
    gradient: Sequence[Array],
    epsilon: float,
    optimizers: Sequence[str],
    reveal: bool,
) -> None:
    """Failed unless all weights moved so"""
    wrong = [_wrong(a, b, g, epsilon) for a, b, g in zip(before, after, gradient, strict=True)]
    if not any(array.any() for array in wrong):
        return

    if not all(np.isfinite(array).all() for array in after):
        raise failed("after one step of training, weights are not finite", "optimizer_other")

    def agrees(rate: float, other: float) -> bool:
        return not any(_wrong(a, b, g, other, rate).any() for a, b, g in zip(before, after, gradient, strict=True))

    moved = [a - b for a, b in zip(before, after, strict=True)]
    with np.errstate(all="ignore"):
        likely = step_mistake(moved, gradient, agrees)
    told = _told(optimizers)
    if likely is None or (likely.mistake == "optimizer_rate" and told.mistake == "optimizer_not_adam"):
        likely = told
    k = next(k for k, array in enumerate(wrong) if array.any())
    at = tuple(int(i) for i in np.argwhere(wrong[k])[0])
    part = "bias" if k % 2 else "kernel"
    message = f"{LAYERS[k // 2]}: one step moves {part}{list(at)} by {0 - moved[k][at]:.6g}"
    if reveal:
        message += f"; expected {-adam_steps([gradient[k]], epsilon)[at]:.6g}"
    raise failed(message, likely.mistake, (), likely.what)


def _told(optimizers: Sequence[str]) -> Likely:
    """By what the guest says of its optimizer"""
    if optimizers and not any(name.endswith("Adam") for name in optimizers):
        return Likely("optimizer_not_adam", ", ".join(optimizers))
    return Likely("optimizer_other")


def second_step(
    before: Sequence[Array], after: Sequence[Array], gradients: Sequence[Sequence[Array]], epsilon: float
) -> None:
    """Failed unless the weights that clearly have a gradient moved as in a second step, whose momenta mix both"""
    for k, (a, b, first, second) in enumerate(zip(before, after, *gradients, strict=True)):
        size = np.maximum(np.abs(first), np.abs(second))
        clear = size > 0.01 * size.max()
        with np.errstate(all="ignore"):
            off = np.abs((a - b) - adam_steps([first, second], epsilon))
        if not (off[clear] <= 0.02 * RATE).all():
            message = f"{LAYERS[k // 2]}: the second step of training is not Adam's, though the first one is"
            raise failed(message, "optimizer_other")
