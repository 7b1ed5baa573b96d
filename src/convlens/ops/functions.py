"""Functions of arrays with Keras's names, `keras.ops.mean`: they take NumPy's arrays and traced ones.

Each gives what NumPy gives. Of a `Traced` array it gives a traced one, so that a loss written with them has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convlens.ops.traced import Back, Traced, plain, unbroadcast

_NAMES_OF_TYPES = {"int": "int64", "float": "float32", "bool": "bool"}


def _made(value: Any, *parents: tuple[Any, Back]) -> Any:
    traced = tuple((x, back) for x, back in parents if isinstance(x, Traced))
    return Traced(np.asarray(value), traced) if traced else value


def _unary(forward: Callable[[Any], Any], slope: Callable[[Any, Any], Any], name: str) -> Callable[[Any], Any]:
    """Return a function of each number. slope(x, y): its derivative"""

    def function(x: Any) -> Any:
        value = _float(plain(x))
        y = forward(value)
        return _made(y, (x, lambda dy: dy * slope(value, y)))

    function.__name__, function.__doc__ = name, f"{name} of each number"
    return function


def _float(x: Any) -> Any:
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def _binary(
    forward: Callable[[Any, Any], Any],
    left: Callable[[Any, Any, Any], Any],
    right: Callable[[Any, Any, Any], Any],
    name: str,
) -> Callable[[Any, Any], Any]:
    """Return a function of two arrays that are broadcast. left, right: (dy, a, b) -> the gradient of a, of b"""

    def function(x1: Any, x2: Any) -> Any:
        a, b = _like(plain(x1), plain(x2)), _like(plain(x2), plain(x1))
        y = forward(a, b)
        return _made(
            y,
            (x1, lambda dy: unbroadcast(left(dy, a, b), a.shape)),
            (x2, lambda dy: unbroadcast(right(dy, a, b), b.shape)),
        )

    function.__name__, function.__doc__ = name, f"{name} of two arrays, number by number"
    return function


def _like(x: Any, other: Any) -> Any:
    """A number alone takes the type of the other array, so that float32 stays float32."""
    return x.astype(other.dtype) if x.ndim == 0 and other.ndim and other.dtype.kind == "f" else x


def _without(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function whose result does not depend on small changes, so that it has no gradient."""

    def plainly(*args: Any, **words: Any) -> Any:
        return function(*(plain(each) if isinstance(each, Traced) else each for each in args), **words)

    plainly.__name__, plainly.__doc__ = name, f"{name}, without a gradient"
    return plainly


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


exp = _unary(np.exp, lambda x, y: y, "exp")
log = _unary(np.log, lambda x, y: 1 / x, "log")
log1p = _unary(np.log1p, lambda x, y: 1 / (1 + x), "log1p")
expm1 = _unary(np.expm1, lambda x, y: y + 1, "expm1")
sqrt = _unary(np.sqrt, lambda x, y: 0.5 / y, "sqrt")
square = _unary(np.square, lambda x, y: 2 * x, "square")
absolute = _unary(np.abs, lambda x, y: np.sign(x), "absolute")
negative = _unary(np.negative, lambda x, y: -1, "negative")
tanh = _unary(np.tanh, lambda x, y: 1 - y * y, "tanh")
sin = _unary(np.sin, lambda x, y: np.cos(x), "sin")
cos = _unary(np.cos, lambda x, y: -np.sin(x), "cos")
sigmoid = _unary(_sigmoid, lambda x, y: y * (1 - y), "sigmoid")
relu = _unary(lambda x: np.maximum(x, 0), lambda x, y: x > 0, "relu")
softplus = _unary(lambda x: np.logaddexp(0, x), lambda x, y: _sigmoid(x), "softplus")
reciprocal = _unary(np.reciprocal, lambda x, y: -y * y, "reciprocal")
rsqrt = _unary(lambda x: 1 / np.sqrt(x), lambda x, y: -0.5 * y / x, "rsqrt")

add = _binary(np.add, lambda dy, a, b: dy, lambda dy, a, b: dy, "add")
subtract = _binary(np.subtract, lambda dy, a, b: dy, lambda dy, a, b: -dy, "subtract")
multiply = _binary(np.multiply, lambda dy, a, b: dy * b, lambda dy, a, b: dy * a, "multiply")
divide = _binary(np.divide, lambda dy, a, b: dy / b, lambda dy, a, b: -dy * a / (b * b), "divide")
maximum = _binary(np.maximum, lambda dy, a, b: dy * (a >= b), lambda dy, a, b: dy * (a < b), "maximum")
minimum = _binary(np.minimum, lambda dy, a, b: dy * (a <= b), lambda dy, a, b: dy * (a > b), "minimum")


def _log_of(dy: Any, a: Any, b: Any) -> Any:
    return dy * np.power(a, b) * np.log(np.where(a > 0, a, 1))


power = _binary(np.power, lambda dy, a, b: dy * b * np.power(a, b - 1), _log_of, "power")

sign = _without(np.sign, "sign")
floor, ceil, round = (_without(each, each.__name__) for each in (np.floor, np.ceil, np.round))
greater, greater_equal = _without(np.greater, "greater"), _without(np.greater_equal, "greater_equal")
less, less_equal = _without(np.less, "less"), _without(np.less_equal, "less_equal")
equal, not_equal = _without(np.equal, "equal"), _without(np.not_equal, "not_equal")
logical_and, logical_or = _without(np.logical_and, "logical_and"), _without(np.logical_or, "logical_or")
logical_not, isnan = _without(np.logical_not, "logical_not"), _without(np.isnan, "isnan")
argmax, argmin = _without(np.argmax, "argmax"), _without(np.argmin, "argmin")
zeros_like, ones_like = _without(np.zeros_like, "zeros_like"), _without(np.ones_like, "ones_like")
any, all = _without(np.any, "any"), _without(np.all, "all")


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over an axis, several axes, or all"""
    value = plain(x)

    def back(dy: Any) -> Any:
        wide = dy if keepdims or axis is None else np.expand_dims(dy, axis)
        return np.broadcast_to(wide, value.shape)

    return _made(value.sum(axis=axis, keepdims=keepdims), (x, back))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over an axis, several axes, or all"""
    value = _float(plain(x))
    found = value.mean(axis=axis, keepdims=keepdims)
    count = value.size // (found.size or 1)
    if not isinstance(x, Traced):
        return found
    return divide(sum(x, axis, keepdims), float(count))


def _extreme(forward: Callable[..., Any], name: str) -> Callable[..., Any]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        value = plain(x)
        wide = forward(value, axis=axis, keepdims=True)

        def back(dy: Any) -> Any:
            here = value == wide
            share = here / here.sum(axis=axis, keepdims=True)
            return share * (dy if keepdims or axis is None else np.expand_dims(dy, axis))

        return _made(forward(value, axis=axis, keepdims=keepdims), (x, back))

    function.__name__, function.__doc__ = name, f"The {name} over an axis, several axes, or all"
    return function


max, min = _extreme(np.max, "max"), _extreme(np.min, "min")


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance over an axis, several axes, or all"""
    return mean(square(subtract(x, mean(x, axis, True))), axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation over an axis, several axes, or all"""
    return sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x)))"""
    most = plain(x).max(axis=axis, keepdims=True)
    found = log(sum(exp(subtract(x, most)), axis, True))
    wide = add(found, most)
    return wide if keepdims else squeeze(wide, axis)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x))"""
    e = exp(subtract(x, plain(x).max(axis=axis, keepdims=True)))
    return divide(e, sum(e, axis, True))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x))"""
    return subtract(x, logsumexp(x, axis, True))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x))"""
    return negative(softplus(negative(x)))


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x moved into x_min … x_max; the gradient is 0 where it was outside"""
    return minimum(maximum(x, x_min), x_max)


def where(condition: Any, x1: Any, x2: Any) -> Any:
    """x1 where the condition is true, else x2"""
    c, a, b = plain(condition), _like(plain(x1), plain(x2)), _like(plain(x2), plain(x1))
    return _made(
        np.where(c, a, b),
        (x1, lambda dy: unbroadcast(np.where(c, dy, 0), a.shape)),
        (x2, lambda dy: unbroadcast(np.where(c, 0, dy), b.shape)),
    )


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes"""
    a, b = plain(x1), plain(x2)
    return _made(
        a @ b,
        (x1, lambda dy: unbroadcast(dy @ np.swapaxes(b, -1, -2), a.shape)),
        (x2, lambda dy: unbroadcast(np.swapaxes(a, -1, -2) @ dy, b.shape)),
    )


def cast(x: Any, dtype: Any) -> Any:
    """x in another type"""
    value = plain(x)
    found = value.astype(_NAMES_OF_TYPES.get(dtype, dtype))
    return _made(found, (x, lambda dy: dy.astype(value.dtype))) if found.dtype.kind == "f" else found


def _moved(forward: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that only gives the numbers another shape, the last axis fastest."""

    def function(x: Any, *args: Any, **words: Any) -> Any:
        value = plain(x)
        return _made(forward(value, *args, **words), (x, lambda dy: np.reshape(dy, value.shape)))

    function.__name__, function.__doc__ = name, f"{name}, with the gradient in the shape of x"
    return function


reshape, expand_dims = _moved(np.reshape, "reshape"), _moved(np.expand_dims, "expand_dims")
squeeze, ravel = _moved(np.squeeze, "squeeze"), _moved(np.ravel, "ravel")


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, by default the opposite one"""
    back = None if axes is None else np.argsort(axes)
    return _made(np.transpose(plain(x), axes), (x, lambda dy: np.transpose(dy, back)))


def concatenate(xs: Any, axis: int = -1) -> Any:
    """Arrays one after the other along an axis"""
    values = [plain(x) for x in xs]
    ends = np.cumsum([value.shape[axis] for value in values])
    parts = [(x, lambda dy, k=k: np.split(dy, ends[:-1], axis)[k]) for k, x in enumerate(xs)]
    return _made(np.concatenate(values, axis), *parts)


def stack(xs: Any, axis: int = 0) -> Any:
    """Arrays one beside the other along a new axis"""
    return concatenate([expand_dims(x, axis) for x in xs], axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The length sqrt(sum(x²)); ord 1: sum(|x|)"""
    if ord not in (None, 1, 2):
        raise ValueError(f"ord must be None, 1 or 2; got {ord!r}")
    return sum(absolute(x), axis, keepdims) if ord == 1 else sqrt(sum(square(x), axis, keepdims))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = "float32") -> Any:
    """Rows of 0 with a 1 at the integers x"""
    found = np.eye(num_classes, dtype=dtype)[plain(x).astype(np.int64)]
    return np.moveaxis(found, -1, axis)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """x as an array; a traced array stays as it is"""
    if isinstance(x, Traced):
        return x if dtype is None else cast(x, dtype)
    found = np.asarray(x, dtype)
    return found.astype(np.float32) if dtype is None and not hasattr(x, "dtype") and found.dtype == float else found


def convert_to_numpy(x: Any) -> Any:
    """x as a NumPy array"""
    return plain(x)


def stop_gradient(variable: Any) -> Any:
    """x without its past, so that no gradient goes through it"""
    return plain(variable)


def shape(x: Any) -> tuple[int, ...]:
    """The shape of x"""
    return plain(x).shape


def zeros(shape: Any, dtype: Any = "float32") -> Any:
    """Zeros"""
    return np.zeros(shape, dtype or "float32")


def ones(shape: Any, dtype: Any = "float32") -> Any:
    """Ones"""
    return np.ones(shape, dtype or "float32")


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one number"""
    return np.full(shape, fill_value, dtype or "float32")


def arange(*args: Any, dtype: Any = None) -> Any:
    """Numbers in equal steps, as `np.arange`"""
    return np.arange(*args, dtype=dtype)


abs, true_divide, amax, amin = absolute, divide, max, min
array = convert_to_tensor
FUNCTIONS = sorted(
    name
    for name, found in list(globals().items())
    if callable(found) and name[0] != "_" and name.islower() and name not in ("plain", "unbroadcast")
)
Traced.functions.update({name: globals()[name] for name in FUNCTIONS})
