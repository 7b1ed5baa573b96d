"""CSV files of pixels: one image a row, its label in one column. Kaggle's digit recognizer has this form."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data import emnist
from convlens.data.columns import Columns, label_by_content, understand_columns
from convlens.data.digits import Digits, from_arrays, turned
from convlens.data.room import check_fits
from convlens.data.table_cells import cell_row, check_labels, check_numbers, check_strays, text_lines

__all__ = ["find", "read", "read_parts"]

_ROWS = 1000  # rows that are converted at a time


class Table(NamedTuple):
    """Images (n, h, w) uint8 or float32, labels (n,) as text, and sentences."""

    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.str_]
    notes: list[str]


def find(folder: Path) -> dict[str, Path]:
    """Return the CSV files of the parts in a folder; nothing if no name of a CSV file says that it is for training.

    Kaggle's test.csv has no labels; it is left out.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if re.search(r"\.(csv|tsv)(\.gz)?$", path.name, re.IGNORECASE) and path.is_file():
            words = re.split(r"[^a-z]+", path.name.lower())
            for part, names in (
                ("train", {"train", "training"}),
                ("valid", {"val", "valid", "validation"}),
                ("test", {"test"}),
            ):
                if names & set(words):
                    found.setdefault(part, path)
    return found if "train" in found else {}


def read(path: str | os.PathLike[str], *, seed: int = 0) -> Digits:
    """Read Digits from a CSV file: a row is an image, one column its label, the others its pixels row by row.

    The file may have a header or not, and be packed with gzip; the mark between columns is , ; or a tab. The label is
    the column that the header calls label (or class, target, y), and else the first or the last one; which of them is
    told from the numbers, or refused. Labels may be text. Pixels are square grey images unless the header has names
    such as 1x1 … 28x20. A fifth of each class validates, drawn with `seed`.

    Raises ValueError with the file, the row and column, the rule and what was found.
    """
    return read_parts({"train": Path(path)}, source=str(path), seed=seed)


def read_parts(files: dict[str, Path], *, source: str, seed: int = 0) -> Digits:
    """Read Digits from a CSV file for each part: "train", "valid", "test". See `read`"""
    tables: dict[str, Table] = {}
    notes: list[str] = []
    for part, path in files.items():
        try:
            tables[part] = _read(path)
        except _NoLabelsError as error:
            if part == "train":
                raise ValueError(str(error)) from None
            notes.append(f"{path.name} has no labels and is left out")
    notes += [note for table in tables.values() for note in table.notes]
    names = {
        f"{kind}_{part}": f"{files[part]}: {word}"
        for part in tables
        for kind, word in (("x", "pixels"), ("y", "labels"))
    }
    known = emnist.set_of(files["train"].name)
    labels, class_names, note = emnist.named(known, {f"y_{part}": table.labels for part, table in tables.items()})
    return from_arrays(
        **{f"x_{part}": table.images for part, table in tables.items()},
        **labels,
        source=source,
        names=names,
        class_names=class_names,
        notes=[*dict.fromkeys(notes), *([note] if note else [])],
        seed=seed,
    )


def turned_if_emnist(digits: Digits, name: str, transposed: bool | None) -> Digits:
    """Return `digits` with rows and columns exchanged if `transposed`, or if it is None and the name is EMNIST's."""
    if transposed or (transposed is None and emnist.set_of(name)):
        return turned(digits, "" if transposed else emnist.TURNED)
    return digits


class _NoLabelsError(ValueError):
    """The file has pixels and no labels."""


def _read(path: Path) -> Table:
    with text_lines(path) as lines:
        head = list(islice(lines, 2))
    mark = max(",;\t", key=head[0].count) if head else ","
    cells = [next(csv.reader([line], delimiter=mark)) for line in head]
    columns = understand_columns(cells, str(path))
    if columns.label is None and columns.named:
        raise _NoLabelsError(f"{path} must have a column of labels; all of its {columns.count} columns are pixels")
    with text_lines(path) as lines:
        rows = sum(1 for _ in islice(lines, columns.header, None))
    if not rows:
        raise ValueError(f"{path} must hold at least one image; it holds a header alone")
    check_fits(rows * columns.count, str(path))
    with text_lines(path) as lines:
        for _ in range(columns.header):
            next(lines)
        numbers, texts = _parsed(lines, rows, columns, mark, path)
    if columns.label is None:
        side = label_by_content(numbers, str(path))
        texts = [f"{value:g}" for value in numbers[:, side].tolist()]
        numbers = numbers[:, 1:] if side == 0 else numbers[:, :-1]
        columns = columns.with_label(side > 0, str(path))
    check_labels(texts, columns, path)
    check_strays(numbers, columns, path)
    images = (numbers if columns.order is None else numbers[:, columns.order]).reshape(rows, *columns.shape)
    return Table(images, _tidy(texts), columns.notes)


def _tidy(texts: list[str]) -> NDArray[np.str_]:
    """Return labels as text; whole numbers such as 5.0 as 5."""
    labels = np.array([text.strip().strip('"') for text in texts])
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        return labels
    whole = np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all() and (np.abs(numbers) < 2**53).all()
    return numbers.astype(np.int64).astype(str) if whole else labels


def _parsed(
    lines: Iterator[str], rows: int, columns: Columns, mark: str, path: Path
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], list[str]]:
    """Return the numbers (rows, columns) and the labels as text. Numbers are kept as uint8 as long as all are."""
    width = len(columns.numbers())
    found: NDArray[np.uint8] | NDArray[np.float32] = np.empty((rows, width), np.uint8)
    texts: list[str] = []
    start = 0
    while some := list(islice(lines, _ROWS)):
        labels, rest = _without_labels(some, columns, mark, start, path)
        texts += labels
        values = _numbers(rest, columns, mark, start + columns.header, path)
        if found.dtype == np.uint8 and not ((values >= 0) & (values <= 255) & (values == np.floor(values))).all():
            check_fits(rows * width * 4, str(path))
            found = found.astype(np.float32)
        found[start : start + len(some)] = values
        start += len(some)
    return found, texts


def _without_labels(
    some: list[str], columns: Columns, mark: str, start: int, path: Path
) -> tuple[list[str], list[str]]:
    """Return the labels of some lines, and the lines without labels and without columns that are left out."""
    if not columns.left_out:
        return [], some
    label, last = columns.label, columns.count - 1
    if columns.left_out == [label] and label in (0, last) and not any('"' in line for line in some):
        pairs = [
            line.rstrip("\r\n").split(mark, 1) if label == 0 else line.rstrip("\r\n").rsplit(mark, 1) for line in some
        ]
        if all(len(pair) == 2 for pair in pairs):
            return [pair[label != 0] for pair in pairs], [pair[label == 0] for pair in pairs]
    labels, rest = [], []
    for k, cells in enumerate(csv.reader(some, delimiter=mark)):
        if len(cells) != columns.count:
            row = cell_row(path, start + k + columns.header)
            raise ValueError(f"{row} must have {columns.count} columns; got {len(cells)}")
        if label is not None:
            labels.append(cells[label])
        rest.append(mark.join(cell for k, cell in enumerate(cells) if k not in columns.left_out))
    return labels, rest


def _numbers(lines: list[str], columns: Columns, mark: str, above: int, path: Path) -> NDArray[np.float32]:
    """Return lines of numbers as float32 (lines, width). `above`: the number of lines above them in the file."""
    places = columns.numbers()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = np.loadtxt(lines, np.float32, delimiter=mark, comments=None, quotechar='"', ndmin=2)
        if values.shape == (len(lines), len(places)) and np.isfinite(values).all():
            return values
    except (ValueError, Warning):
        pass
    check_numbers(csv.reader(lines, delimiter=mark), columns, above, path)
    raise ValueError(f"{path} must be a table of numbers; rows {above + 1} to {above + len(lines)} are not")
