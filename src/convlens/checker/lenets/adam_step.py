"""Check a training step: is it a step of Adam? If not, what kind of step is it?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from convlens.arrays import Array
from convlens.checker.lenets.expected import RATE, adam_steps
from convlens.checker.lenets.mistakes import Likely
from convlens.checker.lenets.outcomes import failed
from convlens.checker.lenets.variables import LAYERS

__all__ = ["check_first_step", "check_second_step"]

# The first step of Adam is rate * g / (|g| + epsilon), nearly the rate times the sign of the gradient g. So a rounding
# error in a small g matters, and a step counts as right if it is right for any gradient within the rounding error.
_NOISE = 1e-5  # the error of a float32 gradient, relative to the largest number of its array; measured: up to 1e-6
_LEAST_NOISE = 1e-9  # the absolute error of a gradient, for an array of zeros
_ROUNDING = 3e-7  # the error of a float32 weight and its step, relative to the weight: five roundings of 6e-8
_LEAST_WEIGHT = 0.1  # smaller weights count as 0.1, because they were computed from larger numbers
# The error of the step, relative to the rate: 1 - 0.999, computed in float32, has a relative error of 1.3e-5
_STEP_ERROR = 2e-5

# The second step depends on both gradients, so only weights with a large gradient are compared, with a larger tolerance
_SECOND_CLEAR = 0.01  # smallest gradient, relative to the largest one
_SECOND_OFF = 0.02  # largest error of the step, relative to the rate

# To recognize another optimizer
_CLEAR = 0.1  # smallest gradient, relative to the largest one, at which any small epsilon gives the step `rate`
_NOT_NOISE = 1e-3  # smallest gradient, relative to the largest one, that is compared with a multiple of the gradient
_REST = 0.02  # largest difference between a step and a multiple of a direction, relative to the step's length


def check_first_step(
    before: Sequence[Array],
    after: Sequence[Array],
    gradient: Sequence[Array],
    epsilon: float,
    optimizers: Sequence[str],
    reveal: bool,
) -> None:
    """Raise Failed, with the likely mistake, unless all weights moved as in the first step of Adam.

    before, after, gradient: arrays for each weight; epsilon: the framework's default; optimizers: the names that the
    guest reports; reveal: whether the message may state the right step
    """
    wrong = [_wrong(a, b, g, epsilon) for a, b, g in zip(before, after, gradient, strict=True)]
    if not any(array.any() for array in wrong):
        return

    if not all(np.isfinite(array).all() for array in after):
        raise failed("after one step of training, some weights are not finite", "optimizer_other")

    def agrees(rate: float, other: float) -> bool:
        return not any(_wrong(a, b, g, other, rate).any() for a, b, g in zip(before, after, gradient, strict=True))

    moved = [a - b for a, b in zip(before, after, strict=True)]
    with np.errstate(all="ignore"):
        likely = _step_mistake(moved, gradient, agrees)
    by_name = _by_name(optimizers)
    if likely is None or (likely.mistake == "optimizer_rate" and by_name.mistake == "optimizer_not_adam"):
        likely = by_name
    k = next(k for k, array in enumerate(wrong) if array.any())
    at = tuple(int(i) for i in np.argwhere(wrong[k])[0])
    part = "bias" if k % 2 else "kernel"
    message = f"{LAYERS[k // 2]}: one step moves {part}{list(at)} by {0 - moved[k][at]:.6g}"
    if reveal:
        message += f"; expected {-adam_steps([gradient[k]], epsilon)[at]:.6g}"
    raise failed(message, likely.mistake, (), likely.what)


def check_second_step(
    before: Sequence[Array], after: Sequence[Array], gradients: Sequence[Sequence[Array]], epsilon: float
) -> None:
    """Raise Failed unless the weights with a large gradient moved as in the second step of Adam.

    gradients: the gradient of the first step and that of the second step
    """
    for k, (a, b, first, second) in enumerate(zip(before, after, *gradients, strict=True)):
        size = np.maximum(np.abs(first), np.abs(second))
        clear = size > _SECOND_CLEAR * size.max()
        with np.errstate(all="ignore"):
            off = np.abs((a - b) - adam_steps([first, second], epsilon))
        if not (off[clear] <= _SECOND_OFF * RATE).all():
            message = f"{LAYERS[k // 2]}: the second step of training is not Adam's, although the first one is"
            raise failed(message, "optimizer_other")


def _wrong(before: Array, after: Array, gradient: Array, epsilon: float, rate: float = RATE) -> Array:
    """Return which weights did not move as in the first step of Adam, for any gradient within rounding errors."""
    noise = _NOISE * float(np.abs(gradient).max()) + _LEAST_NOISE
    low, high = (adam_steps([gradient + side * noise], epsilon, rate) for side in (-1, 1))
    slack = _ROUNDING * np.maximum(np.abs(before), _LEAST_WEIGHT) + _STEP_ERROR * rate
    moved = before - after
    with np.errstate(all="ignore"):
        right: Array = (moved >= low - slack) & (moved <= high + slack)
    return ~right


def _by_name(optimizers: Sequence[str]) -> Likely:
    """Return the likely mistake, judged by the names of the optimizers that the guest reports."""
    if optimizers and not any(name.endswith("Adam") for name in optimizers):
        return Likely("optimizer_not_adam", ", ".join(optimizers))
    return Likely("optimizer_other")


def _step_mistake(
    got: Sequence[Array], gradients: Sequence[Array], agrees: Callable[[float, float], bool]
) -> Likely | None:
    """Return the likely mistake behind a step `got` that is not a step of Adam, None if it is unknown.

    gradients: the gradient of the loss for each weight; agrees(rate, epsilon): whether the step is one of Adam with
    these settings
    """
    moved = [bool(step.any()) for step in got]
    if not any(moved):
        return Likely("not_trained")
    if not all(moved):
        frozen = [LAYERS[k // 2] for k, one in enumerate(moved) if not one]
        return Likely("frozen", " and ".join(dict.fromkeys(frozen)))
    for epsilon in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0):
        if agrees(RATE, epsilon):
            return Likely("optimizer_epsilon", f"epsilon {epsilon:g}")
    g, step = (np.concatenate([np.ravel(part) for part in parts]) for parts in (gradients, got))
    if (rate := _multiple(step, g)) is not None:
        return Likely(
            "maximized" if rate < 0 else "optimizer_not_adam", f"plain gradient descent, rate {abs(rate):.2g}"
        )
    signs = adam_steps([g], 1e-8) / RATE  # the first step of Adam: the rate times the gradient's sign
    clear = np.abs(g) > _CLEAR * np.abs(g).max()
    adam = float(f"{float(np.median(step[clear] / signs[clear])):.3g}")
    if adam > 0 and any(agrees(adam, epsilon) for epsilon in (1e-8, 1e-7)):
        return Likely("optimizer_rate", f"rate {adam:g}")
    if (rate := _multiple(step, signs)) is not None:
        if rate < 0:
            return Likely("maximized")
        # TensorFlow's RMSprop starts like Adam with rate / sqrt(1 - rho), where rho is 0.9
        name = "optimizer_not_adam" if math.isclose(rate, RATE / math.sqrt(0.1), rel_tol=0.01) else "optimizer_rate"
        return Likely(name, "RMSprop" if name == "optimizer_not_adam" else f"rate {rate:.2g}")
    # The first steps in TensorFlow: RMSprop's mean of squares starts from 1, Adagrad's sum of squares from 0.1
    for name, other in (("RMSprop", g / np.sqrt(0.9 + 0.1 * g * g)), ("Adagrad", g / np.sqrt(0.1 + g * g))):
        if _multiple(step, other) is not None:
            return Likely("optimizer_not_adam", name)
    return None


def _multiple(step: Array, direction: Array) -> float | None:
    """Return the number r with step = r * direction, within a tolerance, None if there is none."""
    clear = np.abs(direction) > _NOT_NOISE * np.abs(direction).max()
    rate = float(np.median(step[clear] / direction[clear]))
    rest = step[clear] - rate * direction[clear]
    return rate if float(np.linalg.norm(rest)) < _REST * float(np.linalg.norm(step[clear])) else None
