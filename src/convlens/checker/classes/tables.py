"""A teacher's table: CSV with commas, semicolons or tabs, in UTF-8 or UTF-16, or an Excel workbook."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Row", "read_table"]

_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")
_SEPARATORS = ",;\t"
_MOST = 2**26  # bytes of a table
_ROWS = 100_000


class Row(NamedTuple):
    """A row of a table: its line, and its cells by the column's name in lower case."""

    line: int
    cells: dict[str, str]


def read_table(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """Return the rows of a table. Empty rows are left out.

    columns: names of columns that the table must have. Raise OSError if the file cannot be read, ValueError if it is
    another kind of file or lacks a column.
    """
    with path.open("rb") as file:
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise ValueError(f"a table must have at most {_MOST:,} bytes; {str(path)!r} has more")
    if data.startswith(_OLD_EXCEL):
        raise ValueError(f"{str(path)!r} must be a table; it is a workbook of old Excel: save it as .xlsx or as CSV")
    rows = list(_from_excel(path, data) if data.startswith(b"PK") else _from_csv(path, data))
    names = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if not set(columns) <= set(names):
        wanted = " and ".join(columns)
        raise ValueError(f"a table must have the columns {wanted}; {str(path)!r} has {names}")
    found = []
    for line, cells in rows[1:]:
        texts = [cell.strip() for cell in cells]
        if any(texts):
            found.append(Row(line, dict.fromkeys(names, "") | dict(zip(names, texts, strict=False))))
    return found


def _from_csv(path: Path, data: bytes) -> Iterator[tuple[int, list[str]]]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        text = data.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")
    if "\0" in text:
        raise ValueError(f"{str(path)!r} must be a table; it is a file of another kind, with null bytes in it")
    head = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise ValueError(f"{str(path)!r} must be a CSV file; line {rows.line_num}: {error}") from None


def _from_excel(path: Path, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the first sheet of a workbook."""
    try:
        import openpyxl  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise ValueError(
            f"{str(path)!r} is an Excel workbook: save it as CSV, or pip install openpyxl to have it read"
        ) from None
    import zipfile

    try:
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        for line, row in enumerate(sheet.iter_rows(max_row=_ROWS, values_only=True), start=1):
            yield line, ["" if cell is None else str(cell) for cell in row]
    except (KeyError, IndexError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{str(path)!r} must be a table; it is no Excel workbook: {error}") from None
