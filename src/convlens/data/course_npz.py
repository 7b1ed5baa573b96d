"""The .npz layout of the course: X_train, Y_train, X_valid, Y_valid and, if there is a test part, X_test, Y_test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.digits import FIELDS, Digits, from_arrays
from convlens.storage.atomic import atomic_write

__all__ = ["export", "read", "read_arrays"]

KEYS = {field: field[0].upper() + field[1:] for field in FIELDS}


def read(path: str | os.PathLike[str]) -> Digits:
    """Read Digits from the .npz file at `path`. The test part may be missing. Other arrays in the file are ignored.

    Images (n, h, w) or (n, h, w, c), floating-point or uint8 (divided by 256); labels (n,), integers >= 0. Pickled
    arrays are refused, so a file from an unknown source is safe to read.

    Raises FileNotFoundError, or ValueError for a file of another kind or content. The text names the file, the rule
    and what was found.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    required = [KEYS[field] for field in FIELDS if not field.endswith("test")]
    with path.open("rb") as file:
        arrays = read_arrays(file, str(path), required=required, optional=[KEYS["x_test"], KEYS["y_test"]])
    names = {field: f"{path}: {key}" for field, key in KEYS.items()}
    return from_arrays(
        **{field: arrays.get(key) for field, key in KEYS.items()},  # type: ignore[arg-type]
        source=str(path),
        names=names,
    )


def read_arrays(
    file: IO[bytes], name: str, *, required: list[str], optional: list[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read arrays from an open .npz file: all of `required`, and each of `optional` that the file has.

    Errors call the file `name`. Raises ValueError if the file is not an .npz file, or if an array is missing, damaged,
    pickled or larger than memory.
    """
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception:  # on damaged bytes numpy and zipfile raise almost any exception
        archive = None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{name} must be an .npz file (a zip of arrays); it is something else, cut off or damaged")
    with archive:
        missing = [key for key in required if key not in archive]
        if missing:
            raise ValueError(f"{name} must hold {', '.join(required)}; no {', '.join(missing)} among {archive.files}")
        return {key: _array(archive, key, name) for key in [*required, *(optional or [])] if key in archive}


def _array(archive: np.lib.npyio.NpzFile, key: str, name: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except Exception as error:  # zlib.error, BadZipFile, EOFError, MemoryError, NotImplementedError, ValueError, …
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{name}: {key} must be a whole, plain array; {type(error).__name__}: {reason}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: {key} must be an array in numpy's .npy format; it has another format")
    return array


def export(digits: Digits, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write `digits` to `path` in the layout of the course, compressed.

    Images are float32, (n, h, w) if they have one channel; labels are int64. An empty part is left out. The file is
    written whole or not at all. A file that already holds equal data is not touched.

    Raises FileExistsError if `path` exists with other content and `overwrite` is false.
    """
    if os.path.lexists(path) and not overwrite:
        if _holds(path, digits):
            return
        raise FileExistsError(f"{os.fspath(path)} exists and holds other data; it is replaced only with overwrite")
    arrays = {}
    for field, key in KEYS.items():
        array: NDArray[Any] = getattr(digits, field)
        if array.size:
            arrays[key] = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _holds(path: str | os.PathLike[str], digits: Digits) -> bool:
    try:
        return read(path).fingerprint == digits.fingerprint
    except (OSError, ValueError):
        return False
