"""Folders of IDX files: MNIST, Fashion-MNIST, KMNIST, EMNIST and others. Names say the part, bytes say the kind."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data import emnist
from convlens.data.digits import PARTS, Digits, from_arrays, same_count, turned
from convlens.data.idx import TYPES, held_back, read_idx
from convlens.data.room import check_fits

__all__ = ["Found", "find", "read"]

_DEEP, _MANY = 3, 400
_PARTS = {"train": "train", "training": "train", "t10k": "test", "test": "test", "val": "valid", "valid": "valid"}
_NAME = re.compile(r"^(?P<set>.*?)[-_.]?(?P<part>training|train|t10k|test|valid|val)(?=[-_.])", re.IGNORECASE)
_RANK = re.compile(r"(?:images|labels)[-.]idx([13])-ubyte")


class Found(NamedTuple):
    """An IDX file: its path, the set and part that its name says, and its dimensions and item size by its header."""

    path: Path
    set: str
    part: str
    shape: tuple[int, ...]
    item: int

    @property
    def labels(self) -> bool:
        """Whether the file holds labels: one column, or several with a name that says so, as QMNIST's have."""
        return len(self.shape) == 1 or (len(self.shape) == 2 and "label" in self.path.name.lower())


def find(folder: Path) -> list[Found]:
    """Return the IDX files in `folder` and three levels below it, the nearest first. Hidden files are left out."""
    found = []
    waiting = [(folder, 0)]
    looked = 0
    for place, depth in waiting:
        entries = sorted(place.iterdir(), key=lambda path: (path.is_dir(), path.suffix == ".gz", path.name))
        for path in entries[:_MANY]:
            if path.name.startswith("."):
                continue
            if path.is_dir():
                if depth < _DEEP and looked < _MANY:
                    waiting.append((path, depth + 1))
            elif (looked := looked + 1) <= _MANY and (match := _NAME.match(path.name)):
                header = _header(path)
                if header is None and (rank := _RANK.search(path.name)):
                    header = (0,) * int(rank[1]), 1  # a damaged file: reading it says so
                if header:
                    found.append(Found(path, match["set"], _PARTS[match["part"].lower()], *header))
    return found


def _header(path: Path) -> tuple[tuple[int, ...], int] | None:
    """Return the dimensions and the item size of an IDX file; None if the file is not one."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            head = (gzip.GzipFile(fileobj=raw) if packed else raw).read(4 + 4 * 8)
    except (OSError, EOFError, zlib.error):
        return None
    if head[:2] != b"\0\0" or len(head) < 8 or head[2] not in TYPES or not 0 < head[3] < 8:
        return None
    shape = np.frombuffer(head[4 : 4 + 4 * head[3]].ljust(4 * head[3], b"\0"), ">u4")
    return tuple(shape.tolist()), TYPES[head[2]].itemsize


def read(folder: Path, found: list[Found], *, transposed: bool | None, seed: int) -> Digits:
    """Read Digits from the IDX files that `find` found.

    Without validation files, the last 10,000 training images validate, or the last sixth of fewer than 60,000.
    transposed: whether the images lie on their side (rows and columns exchanged); None: as it is known of EMNIST.

    Raises FileNotFoundError for missing images or labels, and ValueError like `read_idx` and `from_arrays`.
    """
    sets = sorted({file.set for file in found})
    if len(sets) > 1:
        raise ValueError(
            f"{folder} must hold one data set; move the files of one into a folder of their own; it holds {len(sets)}: "
            + ", ".join(name or "(no name)" for name in sets)
        )
    files: dict[str, Found] = {}
    for file in found:
        files.setdefault(("y_" if file.labels else "x_") + file.part, file)
    for part in PARTS:
        for field, other in ((f"x_{part}", f"y_{part}"), (f"y_{part}", f"x_{part}")):
            if (other in files or part == "train") and field not in files:
                name = _missing(field, files.get(other))
                raise FileNotFoundError(f"{folder} must hold {name}, with or without .gz; there is no such file")
    check_fits(sum(int(np.prod(file.shape, dtype=object)) * file.item for file in files.values()), str(folder))
    arrays: dict[str, NDArray[Any]] = {field: read_idx(file.path, len(file.shape)) for field, file in files.items()}
    names = {field: str(file.path) for field, file in files.items()}
    notes = []
    for field, y in arrays.items():
        if field[0] == "y" and _is_qmnist(y):
            arrays[field] = y[:, 0]
            notes = ["the labels have 8 columns, as QMNIST's: the first one is the class"]
    same_count(arrays["x_train"], arrays["y_train"], names["x_train"], names["y_train"])
    known = emnist.set_of(files["x_train"].path.name, folder.name, files["x_train"].shape)
    labels, class_names, note = emnist.named(known, {field: y for field, y in arrays.items() if field[0] == "y"})
    arrays |= labels
    if "x_valid" not in arrays:
        held = held_back(len(arrays["x_train"]), names["x_train"])
        for kind in "xy":
            whole = arrays[f"{kind}_train"]
            arrays |= {f"{kind}_train": whole[:-held], f"{kind}_valid": whole[-held:]}
            names[f"{kind}_valid"] = names[f"{kind}_train"]
    digits = from_arrays(
        **arrays,
        source=str(folder),
        names=names,
        class_names=class_names,
        notes=[*notes, *([note] if note else [])],
        seed=seed,
    )
    if transposed or (transposed is None and known):
        return turned(digits, "" if transposed else emnist.TURNED)
    return _suspected(digits) if transposed is None else digits


def _is_qmnist(y: NDArray[Any]) -> bool:
    """Return whether labels are rows of QMNIST: the class, series, writer, and five other numbers; not one-hot."""
    return y.ndim == 2 and y.shape[1] == 8 and y.dtype == TYPES[0x0C] and bool((y > 1).any())


def _missing(field: str, beside: Found | None) -> str:
    """Return the name of the IDX file that is missing, as MNIST has it, or like the file of the same part."""
    kind = "images-idx3-ubyte" if field.startswith("x") else "labels-idx1-ubyte"
    if beside is None:
        return f"train-{kind}"
    return re.sub(r"(images|labels)[-.]idx\d-ubyte", kind, beside.path.name.removesuffix(".gz"))


def _suspected(digits: Digits) -> Digits:
    """Return `digits`, with a note if they look like digits that lie on their side.

    The mean image of each class is compared with that of the digits in the package, upright and transposed.
    """
    if digits.pixels_train.shape[1:] != (28, 28, 1) or digits.classes != 10 or not digits.light_ink:
        return digits
    from convlens.data.embedded import embedded

    known = embedded()
    ours, theirs = (_means(each.pixels_train, each.y_train) for each in (digits, known))
    upright = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
    lying = np.corrcoef(ours.swapaxes(1, 2).ravel(), theirs.ravel())[0, 1]
    if lying > 0.8 and lying > upright:
        note = "the digits seem to lie on their side: --transposed exchanges rows and columns"
        return replace(digits, notes=(*digits.notes, note))
    return digits


def _means(pixels: NDArray[Any], y: NDArray[np.int64]) -> NDArray[Any]:
    """Return the mean of up to 200 images of each of ten classes, (10, 28, 28); zeros for a class without images."""
    means = np.zeros((10, 28, 28))
    for label in np.unique(y):
        means[label] = pixels[y == label][:200, :, :, 0].mean(axis=0)
    return means
