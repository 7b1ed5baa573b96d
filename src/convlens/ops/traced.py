"""Reverse-mode differentiation of a function of arrays, for losses that people write themselves.

`Traced` is an array that notes the operations on it: `value`, and for each array that it was computed from a function
from the incoming gradient to the gradient of that array. `value_and_gradient` goes back through them. Baydin et al.
2018, "Automatic differentiation in machine learning: a survey", section 3.2. The networks themselves do not need it:
each layer has its own backward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from convlens.arrays import Array

__all__ = ["Traced", "plain", "unbroadcast", "value_and_gradient"]

Back = Callable[[Array], Array]

# NumPy's functions that a Traced array understands, and their names in `convlens.ops.functions`
_UFUNCS = {
    **{name: name for name in ("add", "subtract", "multiply", "power", "maximum", "minimum", "negative", "exp", "log")},
    **{
        name: name for name in ("log1p", "sqrt", "square", "tanh", "sin", "cos", "sign", "matmul", "absolute", "divide")
    },
    **{name: name for name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")},
}


def plain(x: Any) -> Array:
    """Return the numbers of an array, traced or not."""
    return x.value if isinstance(x, Traced) else np.asarray(x)


def unbroadcast(dy: Array, shape: tuple[int, ...]) -> Array:
    """dy of a broadcast result -> the gradient of an operand of `shape`: the sum over the axes that were stretched"""
    dy = dy.sum(axis=tuple(range(dy.ndim - len(shape))))
    stretched = tuple(k for k, size in enumerate(shape) if size == 1 and dy.shape[k] != 1)
    return dy.sum(axis=stretched, keepdims=True) if stretched else dy


class Traced:
    """An array whose operations are noted. Operators and `convlens.ops` functions of it give traced arrays."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}  # by name, from `convlens.ops.functions`
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Array, parents: tuple[tuple[Traced, Back], ...] = ()) -> None:
        self.value, self.parents = value, parents

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array"""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes"""
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers"""
        return self.value.dtype

    def numpy(self) -> Array:
        """Return the numbers, without their past."""
        return self.value

    def __len__(self) -> int:
        return len(self.value)

    def __array__(self, *args: Any, **words: Any) -> Array:
        raise TypeError(
            "this NumPy function has no gradient here: write the loss with convlens.ops (Keras's names: mean, square, "
            "log, …) or with + - * /"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **words: Any) -> Any:
        if method == "__call__" and ufunc.__name__ in _UFUNCS and not words:
            return _function(_UFUNCS[ufunc.__name__])(*inputs)
        raise TypeError(f"np.{ufunc.__name__} has no gradient here; convlens.ops has the functions that have one")

    def __array_function__(self, function: Any, types: Any, args: Any, words: Any) -> Any:
        return _function(function.__name__)(*args, **words)

    def __getitem__(self, key: Any) -> Traced:
        def back(dy: Array) -> Array:
            dx = np.zeros_like(self.value, dtype=dy.dtype)
            np.add.at(dx, key, dy)
            return dx

        return Traced(self.value[key], ((self, back),))

    def __neg__(self) -> Any:
        return _function("negative")(self)

    def __abs__(self) -> Any:
        return _function("absolute")(self)

    def __pow__(self, other: Any) -> Any:
        return _function("power")(self, other)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the sum over an axis, or over all."""
        return _function("sum")(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the mean over an axis, or over all."""
        return _function("mean")(self, axis, keepdims)


def _function(name: str) -> Callable[..., Any]:
    if name not in Traced.functions:
        raise TypeError(f"{name} has no gradient here; convlens.ops has the functions that have one")
    return Traced.functions[name]


def _operator(name: str, swapped: bool = False) -> Callable[[Traced, Any], Any]:
    if swapped:
        return lambda self, other: _function(name)(other, self)
    return lambda self, other: _function(name)(self, other)


for _name, _of in (
    ("add", "add"),
    ("sub", "subtract"),
    ("mul", "multiply"),
    ("truediv", "divide"),
    ("matmul", "matmul"),
):
    setattr(Traced, f"__{_name}__", _operator(_of))
    setattr(Traced, f"__r{_name}__", _operator(_of, swapped=True))
for _name, _of in (("gt", "greater"), ("ge", "greater_equal"), ("lt", "less"), ("le", "less_equal"), ("eq", "equal")):
    setattr(Traced, f"__{_name}__", _operator(_of))


def value_and_gradient(function: Callable[[Traced], Any], x: Array, seed: Callable[[Array], Array]) -> Array:
    """Return the gradient of sum(seed(y) * y) for y = function(x). seed: from y to the incoming gradient of its shape

    Raises TypeError if y was not computed from x by functions that have a gradient.
    """
    start = Traced(x)
    end = function(start)
    if not isinstance(end, Traced):
        raise TypeError(
            f"a loss must be computed from y_pred with convlens.ops; got {type(end).__name__}, which has no gradient"
        )
    gradients: dict[int, Array] = {id(end): seed(end.value)}
    for node in _backwards(end):
        dy = gradients.pop(id(node))
        if node is start:
            return np.asarray(dy, x.dtype)
        for parent, back in node.parents:
            found = back(dy)
            known = gradients.get(id(parent))
            gradients[id(parent)] = found if known is None else known + found
    return np.zeros_like(x)


def _backwards(end: Traced) -> list[Traced]:
    """Return all arrays that `end` was computed from, each after those computed from it."""
    order: list[Traced] = []
    seen: set[int] = set()
    waiting: list[tuple[Traced, bool]] = [(end, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((node, True))
            waiting += [(parent, False) for parent, _ in node.parents]
    return order[::-1]
