"""Networks and weights in files. The end of a file's name says the format; `convlens.nn.higher` says who writes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convlens.nn.higher import LOADERS, higher
from convlens.storage.paths import as_path

__all__ = ["by_end", "load_model", "may_write"]


def by_end(filepath: str | os.PathLike[str], places: dict[str, str]) -> Callable[..., Any]:
    """Return the function for the end of the file's name; ValueError if there is none."""
    name = str(as_path("filepath", filepath))
    end = next((end for end in sorted(places, key=len, reverse=True) if name.endswith(end)), None)
    if end is None:
        raise ValueError(f"the name of the file must end in {', '.join(places)}; got {name}")
    return higher(places[end])


def may_write(filepath: str | os.PathLike[str], overwrite: bool) -> Path:
    """Return the path; FileExistsError if it exists and must not be replaced."""
    path = as_path("filepath", filepath)
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(f"{path} exists; overwrite=True replaces it")
    return path


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: object = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    engine: str = "auto",
) -> Any:
    """Return the trained network of a .keras, .h5 or .safetensors file, or of a run's folder.

    custom_objects: none are known, since networks are made of layers of convlens. compile: whether the network is
    compiled as it was when it was saved, with the optimizer's state; a loss or metric of one's own is in no file, so
    such a network needs `compile` again, as does one from .h5. safe_mode: no file can run code. Raises ValueError for
    any other file.
    """
    if custom_objects:
        raise ValueError(
            f"custom_objects are not known: networks are made of layers of convlens; got {custom_objects!r}"
        )
    path = as_path("filepath", filepath)
    end = next((end for end in LOADERS if str(path).endswith(end)), ".safetensors")
    return higher(LOADERS[end])(filepath, engine=engine, compile=compile)
