"""Names of Keras that convlens does not have. Each is a class that says what to use in its place when it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["absent", "names_of"]


def absent(name: str, instead: str) -> type:
    """Return a class of this name that cannot be made: calling it raises TypeError with the sentence `instead`.

    So `from convlens.callbacks import TensorBoard` works, and `TensorBoard("logs")` says what convlens has.
    """

    def refuse(self: object, *values: Any, **options: Any) -> None:
        raise TypeError(f"convlens has no {name}: {instead}")

    return type(name, (), {"__init__": refuse, "__doc__": f"Not in convlens: {instead}"})


def names_of(module: str, missing: Mapping[str, str]) -> Callable[[str], type]:
    """Return a `__getattr__` for a module: the absent names, and AttributeError for all others."""

    def found(name: str) -> type:
        if name in missing:
            return absent(name, missing[name])
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return found
