"""The cells of a CSV file that are no label or no pixel: each is named by its row and its column."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.columns import Columns

__all__ = ["cell_row", "check_labels", "check_numbers", "check_strays", "text_lines"]

_MOST = 2**53  # whole numbers below it are exact in float64


@contextmanager
def text_lines(path: Path, *, empty: bool = False) -> Iterator[Iterator[str]]:
    """Yield the lines of a text file that may be packed with gzip; empty lines only if `empty`."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        text = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8-sig", newline=None)
        try:
            yield (line for line in text if empty or not line.isspace())
        except UnicodeDecodeError:
            raise ValueError(f"{path} must be CSV in UTF-8; save it in this encoding") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} must be a whole gzip file; {error}") from None


def cell_row(path: Path, above: int) -> str:
    """Return the file and the row, as an error has them. `above`: the number of lines above it that are not empty."""
    with text_lines(path, empty=True) as lines:
        filled = (number for number, line in enumerate(lines, 1) if not line.isspace())
        return f"{path}: row {next(islice(filled, above, None))}"


def check_numbers(rows: Iterable[list[str]], columns: Columns, above: int, path: Path) -> None:
    """Raise ValueError for the first cell of some rows that is no finite number in float32, and for a row's length."""
    places = columns.numbers()
    for k, cells in enumerate(rows):
        if len(cells) != len(places):
            row = cell_row(path, above + k)
            raise ValueError(f"{row} must have {len(places)} numbers beside its label; got {len(cells)}")
        for place, cell in zip(places, cells, strict=True):
            if not _is_finite(cell):
                where, got = f"{cell_row(path, above + k)}, {columns.called(place)}", cell.strip()
                raise ValueError(f"{where} must be a finite number; got {repr(got) if got else 'nothing'}")


def _is_finite(cell: str) -> bool:
    """Return whether a cell is a number that NumPy reads and float32 holds."""
    if "_" in cell or not cell.isascii():  # float() takes 1_000 and digits of all alphabets
        return False
    try:
        return abs(float(cell)) <= float(np.finfo(np.float32).max)
    except ValueError:
        return False


def check_labels(texts: list[str], columns: Columns, path: Path) -> None:
    """Raise ValueError for the first label that is empty, or, if all labels are numbers, no whole number from 0.

    Labels that are all -1 or 1 are accepted.
    """
    labels = np.array([text.strip().strip('"') for text in texts])
    empty = labels == ""
    if empty.any():
        raise ValueError(f"{_labelled(empty, columns, path)} must be a label; got nothing")
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        return
    with np.errstate(invalid="ignore"):
        wrong = ~((numbers >= 0) & (numbers < _MOST) & (numbers == np.floor(numbers)))
    if wrong.any() and not np.isin(numbers, (-1, 1)).all():
        where, got = _labelled(wrong, columns, path), str(labels[wrong][0])
        raise ValueError(f"{where} must be a whole number from 0, as labels are that are numbers; got {got!r}")


def _labelled(wrong: NDArray[np.bool_], columns: Columns, path: Path) -> str:
    assert columns.label is not None
    return f"{cell_row(path, int(wrong.argmax()) + columns.header)}, {columns.called(columns.label)}"


def check_strays(numbers: NDArray[Any], columns: Columns, path: Path) -> None:
    """Raise ValueError for a pixel beyond 0 … 255 in one image, or in a tenth of them, if all others are bytes.

    numbers (n, pixels), in the order of the file. Such a pixel is a slip: it would change the scale of all others.
    """
    if numbers.dtype == np.uint8:
        return
    high, low = numbers.max(axis=1) > 255, numbers.min(axis=1) < 0
    out = high | low
    if len(out) < 2 or not 0 < out.sum() <= max(1, len(out) // 10):
        return
    if not high.any() and np.mod(numbers[~out], 1).any():
        return  # fractions, a few of them below 0
    image = int(out.argmax())
    pixel = int(((numbers[image] < 0) | (numbers[image] > 255)).argmax())
    where = f"{cell_row(path, image + columns.header)}, {columns.called(columns.numbers()[pixel])}"
    others = "the other image are" if len(out) == 2 else f"{int((~out).sum()):,} other images are"
    raise ValueError(f"{where} must be from 0 to 255, as all pixels of {others}; got {numbers[image, pixel]:g}")
