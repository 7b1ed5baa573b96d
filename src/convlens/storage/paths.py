"""Arguments that are paths."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["as_path"]


def as_path(name: str, value: object) -> Path:
    """Return a path of text or of `pathlib`; TypeError, which calls the argument `name`, for anything else.

    >>> as_path("path", "runs").name
    'runs'
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path, as text or as pathlib.Path; got {type(value).__name__}")
    return Path(value)
