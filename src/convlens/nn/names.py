"""The rule for the names of networks and layers, which are printed, stored, and parts of names in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

__all__ = ["LONGEST", "check_name", "inner_names"]

LONGEST = 200  # letters of a name


def check_name(name: object, what: str) -> None:
    """Raise ValueError unless `name` is a text in one line, not empty, without "/", of at most LONGEST letters."""
    if not isinstance(name, str) or not name.strip() or "/" in name or not name.isprintable():
        raise ValueError(
            f"the name of {what} must be a text in one line, not empty and without '/'; got {_short(name)}"
        )
    if len(name) > LONGEST:
        raise ValueError(
            f"the name of {what} must have at most {LONGEST} letters; got {len(name):,} letters, {_short(name)}"
        )


def inner_names(layers: Iterable[object]) -> Iterator[object]:
    """Yield the names of the layers that layers such as Add hold, at any depth."""
    for layer in layers:
        for field in fields(layer) if is_dataclass(layer) else ():
            value = getattr(layer, field.name)
            inside = [each for each in (value if isinstance(value, tuple) else (value,)) if is_dataclass(each)]
            yield from (name for each in inside if (name := getattr(each, "name", None)) is not None)
            yield from inner_names(inside)


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:60]}…"
