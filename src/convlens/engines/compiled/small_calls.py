"""The calls of the layers that compute each number from those near it: dropout, activations, scales, padding, LRN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import lrn, moves, pointwise
from convlens.engines.compiled.activation import DEFAULTS, GIVEN, activate, activate_dx
from convlens.engines.compiled.block_calls import past
from convlens.engines.compiled.example_calls import Calls
from convlens.engines.compiled.kernel import Slot
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.value import Value, places
from convlens.engines.specs import Activation, Affine, Dropout, Elu, LocalResponseNorm, Pad, ThresholdRelu
from convlens.machine.memory import aligned


def dropout_calls(spec: Dropout, value: Value, out: Value, n: int, key: Slot, dtype: np.dtype[Any]) -> Calls:
    """Return the calls of a dropout. key: the number from which it draws"""
    h, w, c = value.x.rows, value.x.columns, spec.shape[-1] if value.channels else value.x.planes
    size = c if spec.channels else h * w * c
    steps = {"of_row": 0, "of_column": 0} if spec.channels else {"of_row": w * c, "of_column": c}
    wide = BYTES // dtype.itemsize
    steps |= {"of_plane": wide, "of_lane": 1} if value.channels else {"of_plane": 1, "of_lane": size}
    factor = np.array([1 / (1 - spec.rate)], dtype)
    mask = {"first": Slot("first"), "keys": key, "scale": factor, "threshold": int(spec.rate * 2**32)}
    mask |= {"per": value.per(n), "size": size, "of_example": size, **steps}
    return [pointwise.drop(x=value.x, y=out.x, **mask)], [pointwise.drop(x=out.dx, y=value.dx, **mask)]


def pad_calls(spec: Pad, value: Value, out: Value) -> Calls:
    """Return the calls of zeros around each image."""
    (top, _), (left, _) = spec.pads
    x = value.x
    y, dy = (past(each.origin, top * each.pitch + left * each.lanes) for each in (out.x, out.dx))
    return [pointwise.copy(x=x, y=y, y_plane=out.x.plane, y_pitch=out.x.pitch, more=0)], [
        pointwise.copy(
            x=dy, x_planes=x.planes, x_rows=x.rows, x_run=x.run, x_plane=out.dx.plane, x_pitch=out.dx.pitch,
            y=value.dx, more=0,
        )
    ]  # fmt: skip


def _activation_calls(spec: Any, value: Value, out: Value, n: int, dtype: np.dtype[Any]) -> Calls:
    if isinstance(spec, Elu):
        name, given = "elu", [spec.alpha]
    elif isinstance(spec, ThresholdRelu):
        most = np.inf if spec.max_value is None else spec.max_value
        name, given = "threshold_relu", [spec.negative_slope, spec.threshold, most]
    elif spec.function == "softmax":
        return _softmax_calls(spec, value, out, n)
    else:
        name, given = spec.function, list(DEFAULTS.get(spec.function, ()))
    numbers = np.array([*given, *[0.0] * (GIVEN - len(given))], dtype)
    return [activate(name)(x=value.x, given=numbers, y=out.x)], [
        activate_dx(name)(dy=out.dx, x=value.x, y=out.x, given=numbers, dx=value.dx)
    ]


def _softmax_calls(spec: Activation, value: Value, out: Value, n: int) -> Calls:
    (x, x_e), (dx, dx_e) = (places(value, each, n) for each in (value.x, value.dx))
    (y, y_e), (dy, dy_e) = (places(out, each, n) for each in (out.x, out.dx))
    given = {"y": out.x, "y_at": y, "y_example": y_e, "count": x.size, "c": spec.shape[-1], "examples": n}
    ahead = moves.softmax(x=value.x, x_at=x, x_example=x_e, **given)
    back = moves.softmax_dx(
        dy=out.dx, dy_at=dy, dy_example=dy_e, dx=value.dx, dx_at=dx, dx_example=dx_e, **given
    )  # fmt: skip
    return [ahead], [back]


def _spread(value: Value, n: int, numbers: Sequence[float], dtype: np.dtype[Any]) -> Array:
    """Return numbers of the channels, or one for all, as vectors (per, vector)."""
    per, wide = value.per(n), BYTES // dtype.itemsize
    found = aligned(per * wide, dtype)
    if len(numbers) == 1:
        found[...] = numbers[0]
    elif value.channels:
        found[: len(numbers)] = numbers
    else:
        found.reshape(per, wide)[...] = np.array(numbers)[:, None]
    return found


def _affine_calls(spec: Affine, value: Value, out: Value, n: int, dtype: np.dtype[Any]) -> Calls:
    per, (a, b, zeros) = (
        value.per(n),
        (_spread(value, n, numbers, dtype) for numbers in (spec.factor, spec.offset, (0.0,))),
    )
    return [pointwise.scale(x=value.x, a=a, mean=zeros, b=b, per=per, y=out.x, relu=0)], [
        pointwise.scale_dx(dy=out.dx, x=value.x, a=a, mean=zeros, b=zeros, c=zeros, per=per, dx=value.dx)
    ]


def _lrn_calls(spec: LocalResponseNorm, value: Value, out: Value, n: int, dtype: np.dtype[Any]) -> Calls:
    per, wide = value.per(n), BYTES // dtype.itemsize
    numbers = np.array([spec.k, spec.alpha, spec.beta], dtype)
    squares, through = (aligned(per * wide + spec.size, dtype) for _ in range(2))
    given = {"numbers": numbers, "size": spec.size, "squares": squares, "per": per, "channels": spec.shape[-1]}
    given["scales"] = aligned(wide, dtype)
    return [lrn.normalise(x=value.x, y=out.x, **given)], [
        lrn.normalise_dx(dy=out.dx, x=value.x, dx=value.dx, through=through, **given)
    ]


CALLS: dict[type, Callable[[Any, Value, Value, int, np.dtype[Any]], Calls]] = {
    Activation: _activation_calls,
    Affine: _affine_calls,
    Elu: _activation_calls,
    LocalResponseNorm: _lrn_calls,
    ThresholdRelu: _activation_calls,
}
