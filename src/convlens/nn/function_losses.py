"""Losses that are functions of y_true and y_pred: Keras's smaller ones, and functions of one's own.

The gradient comes from `convlens.ops.traced`, so a function must be written with `convlens.ops` (Keras's names) or with
+ - * /.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.nn.losses import TrainingLoss
from convlens.nn.targets import check_given
from convlens.ops import functions as f
from convlens.ops.traced import Traced, plain, value_and_gradient

__all__ = ["FUNCTIONS", "FunctionLoss", "known", "made_of"]


@dataclass(frozen=True)
class FunctionLoss(TrainingLoss):
    """The loss function(y_true, y_pred), one number for each example or one for the batch.

    y_true: the labels in the model's dtype, (n, …), of labels (n,) for one output (n, 1). y_pred (n, classes): what the
    network predicts. A function that gives one number for the batch is taken as a mean over the examples.
    end: the activation after the logits, which `for_end` sets.
    """

    from_logits: bool = True
    reduction: str = "sum_over_batch_size"
    name: str = ""
    function: Callable[..., Any] | None = None
    end: str | None = None

    own_name: ClassVar[str] = "loss"

    def for_end(self, end: str | None, classes: int) -> TrainingLoss:
        """Return the loss of logits for a network whose last layer ends in `end`."""
        return replace(self, end=end)

    def targets(self, y: object, classes: int, dtype: np.dtype[Any]) -> Array:
        """Return the labels as they are, in the dtype; (n,) becomes (n, 1) when there is one output."""
        given = check_given(y).astype(dtype)
        return given[:, None] if given.ndim == 1 and classes == 1 else given

    def forward(self, logits: Array, targets: Array) -> Array:
        """logits (n, classes), targets (n, …) -> loss (n,)"""
        return self._each(plain(self._call(targets, self._end(logits))), len(logits)).astype(logits.dtype)

    def backward(self, dy: Array, logits: Array, targets: Array) -> Array:
        """dy (n,), logits (n, classes), targets (n, …) -> dlogits (n, classes)"""
        y = self._end(logits)

        def seed(value: Array) -> Array:
            if value.ndim == 0:
                return np.asarray(dy.sum(dtype=value.dtype))
            share = dy.reshape(len(dy), *(1,) * (value.ndim - 1)) / (value.size // len(dy))
            return np.broadcast_to(share, value.shape)

        found = value_and_gradient(lambda traced: self._call(targets, traced), y, seed)
        if self.end is None:
            return found
        return ops.softmax_backward(found, y) if self.end == "softmax" else ops.sigmoid_backward(found, y)

    def _end(self, logits: Array) -> Array:
        if self.end is None:
            return logits
        return ops.softmax_forward(logits) if self.end == "softmax" else ops.sigmoid_forward(logits)

    def _call(self, targets: Array, y: Any) -> Any:
        assert self.function is not None
        return self.function(targets, y)

    def _each(self, value: Array, n: int) -> Array:
        if value.ndim == 0:
            return np.full(n, value)
        if len(value) != n:
            raise ValueError(
                f"{self.name} must give one number for each of the {n} examples, or one; got {value.shape}"
            )
        return np.asarray(value.reshape(n, -1).mean(axis=1))

    def _from_probabilities(self, p: Array, targets: Array) -> Array:
        return self._each(plain(self._call(targets, p)), len(p))


def made_of(function: Callable[..., Any]) -> FunctionLoss:
    """Return the loss of a function of one's own, under its name."""
    return FunctionLoss(name=getattr(function, "__name__", type(function).__name__), function=function)


# ---------------------------------------------------------------- Keras's functions


def _true(y_true: Any, y_pred: Any) -> Any:
    """Labels (n,) -> (n, 1) beside predictions (n, 1)"""
    found = y_true if isinstance(y_true, Traced) else np.asarray(y_true)
    if found.ndim == 1 and len(y_pred.shape) == 2 and y_pred.shape[1] == 1:
        found = f.expand_dims(found, -1)
    return f.cast(found, y_pred.dtype)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean |y_pred - y_true| over the outputs"""
    return f.mean(f.absolute(f.subtract(y_pred, _true(y_true, y_pred))), axis=-1)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean (y_pred - y_true)² over the outputs"""
    return f.mean(f.square(f.subtract(y_pred, _true(y_true, y_pred))), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 mean |(y_true - y_pred) / y_true| over the outputs"""
    true = _true(y_true, y_pred)
    return 100 * f.mean(f.absolute(f.divide(f.subtract(true, y_pred), f.maximum(f.absolute(true), 1e-7))), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean (log(1 + y_true) - log(1 + y_pred))² over the outputs"""
    one, other = (f.log(f.add(f.maximum(y, 1e-7), 1.0)) for y in (y_pred, _true(y_true, y_pred)))
    return f.mean(f.square(f.subtract(one, other)), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """e² / 2 where |e| <= delta, else delta (|e| - delta / 2), mean over the outputs. Huber 1964"""
    e = f.absolute(f.subtract(y_pred, _true(y_true, y_pred)))
    return f.mean(f.where(f.less_equal(e, delta), 0.5 * f.square(e), delta * e - 0.5 * delta**2), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean log(cosh(y_pred - y_true)) over the outputs"""
    e = f.subtract(y_pred, _true(y_true, y_pred))
    return f.mean(f.subtract(f.add(e, f.softplus(f.multiply(e, -2.0))), float(np.log(2))), axis=-1)


def _signs(y_true: Any, y_pred: Any) -> Any:
    """Labels of 0 and 1 -> -1 and 1"""
    true = plain(_true(y_true, y_pred))
    return 2 * true - 1 if np.isin(true, (0, 1)).all() else true


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean max(1 - y_true y_pred, 0) over the outputs; y_true of -1 and 1, or of 0 and 1"""
    return f.mean(f.maximum(f.subtract(1.0, f.multiply(y_pred, _signs(y_true, y_pred))), 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean max(1 - y_true y_pred, 0)² over the outputs"""
    return f.mean(f.square(f.maximum(f.subtract(1.0, f.multiply(y_pred, _signs(y_true, y_pred))), 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + the largest wrong output - the right output, 0)"""
    true = _true(y_true, y_pred)
    right = f.sum(f.multiply(y_pred, true), axis=-1)
    wrong = f.max(f.multiply(y_pred, f.subtract(1.0, true)), axis=-1)
    return f.maximum(f.add(f.subtract(wrong, right), 1.0), 0.0)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum y_true log(y_true / y_pred) over the outputs"""
    true = f.clip(_true(y_true, y_pred), 1e-7, 1.0)
    return f.sum(f.multiply(f.log(f.divide(true, f.clip(y_pred, 1e-7, 1.0))), true), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean (y_pred - y_true log(y_pred)) over the outputs"""
    true = _true(y_true, y_pred)
    return f.mean(f.subtract(y_pred, f.multiply(f.log(f.add(y_pred, 1e-7)), true)), axis=-1)


def _unit(x: Any) -> Any:
    """x divided by its length; Keras's bound of 1e-12 for the square"""
    return f.multiply(x, f.rsqrt(f.maximum(f.sum(f.square(x), axis=-1, keepdims=True), 1e-12)))


def cosine_similarity(y_true: Any, y_pred: Any) -> Any:
    """-cos of the angle between y_true and y_pred"""
    return f.negative(f.sum(f.multiply(_unit(y_pred), _unit(_true(y_true, y_pred))), axis=-1))


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """-log of the output of each label; y_true are integers (n,) or (n, 1)"""
    labels = plain(y_true)
    labels = labels[:, 0] if labels.ndim == 2 else labels
    return categorical_crossentropy(f.one_hot(labels, y_pred.shape[-1]), y_pred, from_logits)


def categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """-sum y_true log(y_pred) over the outputs"""
    true = _true(y_true, y_pred)
    true = true * (1 - label_smoothing) + label_smoothing / y_pred.shape[-1] if label_smoothing else true
    if from_logits:
        return f.negative(f.sum(f.multiply(true, f.log_softmax(y_pred)), axis=-1))
    p = f.clip(f.divide(y_pred, f.sum(y_pred, axis=-1, keepdims=True)), 1e-7, 1 - 1e-7)
    return f.negative(f.sum(f.multiply(true, f.log(p)), axis=-1))


def binary_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """mean -(y_true log(y_pred) + (1 - y_true) log(1 - y_pred)) over the outputs"""
    true = _true(y_true, y_pred)
    true = true * (1 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else true
    if from_logits:
        return f.mean(f.subtract(f.softplus(y_pred), f.multiply(true, y_pred)), axis=-1)
    p = f.clip(y_pred, 1e-7, 1 - 1e-7)
    both = f.add(f.multiply(true, f.log(p)), f.multiply(f.subtract(1.0, true), f.log(f.subtract(1.0, p))))
    return f.negative(f.mean(both, axis=-1))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_logarithmic_error,
        huber,
        log_cosh,
        hinge,
        squared_hinge,
        categorical_hinge,
        kl_divergence,
        poisson,
        cosine_similarity,
    )
}
_SHORT = {
    **dict.fromkeys(("mae", "MAE"), mean_absolute_error),
    **dict.fromkeys(("mape", "MAPE"), mean_absolute_percentage_error),
    **dict.fromkeys(("msle", "MSLE"), mean_squared_logarithmic_error),
    **dict.fromkeys(("kld", "KLD", "KLDivergence", "kullback_leibler_divergence"), kl_divergence),
    "logcosh": log_cosh,
}


def known(name: str) -> Callable[..., Any] | None:
    """Return the function of a loss by one of its names in Keras, or None."""
    if name in _SHORT:
        return _SHORT[name]
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")
    return FUNCTIONS.get(snake)
