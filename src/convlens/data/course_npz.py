"""Files of arrays (.npz): read any usual layout, write the layout of the course.

The layout of the course: X_train, Y_train, X_valid, Y_valid and, if there is a test part, X_test, Y_test.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.digits import FIELDS, Digits, from_arrays
from convlens.data.npz_layouts import CLASS_NAMES, layout
from convlens.data.room import check_fits
from convlens.storage.atomic import atomic_write

__all__ = ["export", "read", "read_arrays"]

KEYS = {field: field[0].upper() + field[1:] for field in FIELDS}


def read(path: str | os.PathLike[str], *, seed: int = 0) -> Digits:
    """Read Digits from the .npz file at `path`, in the layout of the course or in another one of `npz_layouts`.

    Images and labels as `from_arrays` accepts them. Without a validation part, Keras's x_test validates; without that
    one, a fifth of each class does, drawn with `seed`. An array class_names (or label_names, target_names) names the
    classes. Other arrays in the file are ignored. Pickled arrays are refused, so a file from an unknown source is safe
    to read.

    Raises FileNotFoundError, or ValueError for a file of another kind or content, or one that does not fit into memory.
    The text names the file, the rule and what was found.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    with path.open("rb") as file, _opened(file, str(path)) as archive:
        keys = layout(archive.files)
        missing = [KEYS[field] for field in ("x_train", "y_train") if field not in keys]
        if missing:
            required = [KEYS[field] for field in FIELDS if not field.endswith("test")]
            raise ValueError(f"{path} must hold {', '.join(required)}; no {', '.join(missing)} among {archive.files}")
        check_fits(sum(_size(archive, key) for key in keys.values()), str(path))
        arrays = {field: _array(archive, key, str(path)) for field, key in keys.items()}
        class_names = _class_names(archive, str(path)) if np.asarray(arrays["y_train"]).dtype.kind in "biuf" else ()
    notes = []
    for part in ("valid", "test"):
        if f"x_{part}" in arrays and f"y_{part}" in arrays and not arrays[f"x_{part}"].size:
            del arrays[f"x_{part}"], arrays[f"y_{part}"]
    if "x_test" in arrays and "y_test" in arrays and not {"x_valid", "y_valid"} & arrays.keys():
        arrays["x_valid"], arrays["y_valid"] = arrays.pop("x_test"), arrays.pop("y_test")
        keys |= {"x_valid": keys["x_test"], "y_valid": keys["y_test"]}
        notes.append(f"there is no validation part: {keys['x_valid']} validates, and there is no test part")
    return from_arrays(
        **arrays,
        source=str(path),
        names={field: f"{path}: {keys.get(field, KEYS[field])}" for field in FIELDS},
        class_names=class_names,
        notes=notes,
        seed=seed,
    )


def _class_names(archive: np.lib.npyio.NpzFile, name: str) -> tuple[str, ...]:
    """Return the names of the classes that the file has beside images and labels, in the order of the labels."""
    for key in CLASS_NAMES:
        if key in archive.files:
            found = _array(archive, key, name)
            if found.ndim == 1 and found.dtype.kind in "Uiu":
                return tuple(found.astype(str).tolist())
    return ()


def _opened(file: IO[bytes], name: str) -> np.lib.npyio.NpzFile:
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception:  # on damaged bytes numpy and zipfile raise almost any exception
        archive = None
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{name} must be an .npz file (a zip of arrays); it is something else, cut off or damaged")
    return archive


def _size(archive: np.lib.npyio.NpzFile, key: str) -> int:
    """Return the bytes that an array takes, by its header; 0 if the header cannot be read."""
    try:
        with archive.zip.open(f"{key}.npy") as member:  # type: ignore[union-attr]
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(member)
    except Exception:  # a damaged member: reading it raises the error that names it
        return 0
    return math.prod(shape) * int(dtype.itemsize)


def read_arrays(
    file: IO[bytes], name: str, *, required: list[str], optional: list[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read arrays from an open .npz file: all of `required`, and each of `optional` that the file has.

    Errors call the file `name`. Raises ValueError if the file is not an .npz file, or if an array is missing, damaged,
    pickled or larger than memory.
    """
    with _opened(file, name) as archive:
        missing = [key for key in required if key not in archive]
        if missing:
            raise ValueError(f"{name} must hold {', '.join(required)}; no {', '.join(missing)} among {archive.files}")
        return {key: _array(archive, key, name) for key in [*required, *(optional or [])] if key in archive}


def _array(archive: np.lib.npyio.NpzFile, key: str, name: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except Exception as error:  # zlib.error, BadZipFile, EOFError, MemoryError, NotImplementedError, ValueError, …
        reason = (str(error).splitlines() or [""])[0]
        way = "; save text with .astype(str)" if "Object arrays" in reason else ""
        raise ValueError(f"{name}: {key} must be a whole, plain array; {type(error).__name__}: {reason}{way}") from None
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
