"""`convlens data`: show what a data set holds, download MNIST, export digits to a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli.data_options import DATA_HELP, Data, Size, SkipBroken, Transposed, load_data, tell_notes
from convlens.cli.shared import Json, one_line, print_json

_ACROSS, _WIDE = 12, 120  # the most classes, and letters of their names, that a table shows side by side

data_app = typer.Typer(help="Show, download and export data sets.", no_args_is_help=True)


@data_app.command("info")
def data_info(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)] = "embedded",
    size: Size = None,
    skip_broken: SkipBroken = False,
    transposed: Transposed = None,
    json_: Json = False,
) -> None:
    """Print the size of a data set, its classes, how often each occurs, and what was noticed in it."""
    import numpy as np

    digits = load_data(data, size=size, skip_broken=skip_broken, transposed=transposed, progress=not json_)
    if digits.classes > 1000:
        raise ValueError(f"data info counts at most 1,000 classes; {digits.source} has {digits.classes:,}")
    parts = {
        part: {"images": len(y), "labels": np.bincount(y, minlength=digits.classes).tolist()}
        for part, y in (("train", digits.y_train), ("valid", digits.y_valid), ("test", digits.y_test))
    }
    shape = list(digits.pixels_train.shape[1:])
    if json_:
        print_json(
            {
                "data": data,
                "shape": shape,
                "sha256": digits.fingerprint,
                "class_names": list(digits.class_names),
                "scale": digits.scale,
                "light_ink": digits.light_ink,
                "notes": list(digits.notes),
                "parts": parts,
            }
        )
        return
    tell_notes(digits)
    print(one_line(f"{digits.source}: images {' × '.join(map(str, shape))}, sha256 {digits.fingerprint}"))
    numbered = digits.class_names == tuple(map(str, range(digits.classes)))
    heads = (f"label {name}" if numbered else one_line(name) for name in digits.class_names)
    rows = [["part", "images", *heads], *_part_rows(parts)]
    if digits.classes > _ACROSS or sum(map(len, rows[0])) > _WIDE:
        rows = [list(row) for row in zip(*rows, strict=True)]  # a class a row: many columns do not fit a screen
    print("\n".join(_columns(rows)))


def _part_rows(parts: dict[str, dict[str, Any]]) -> Iterable[list[str]]:
    return ([name, f"{part['images']:,}", *(f"{n:,}" for n in part["labels"])] for name, part in parts.items())


def _columns(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


@data_app.command("fetch")
def data_fetch(json_: Json = False) -> None:
    """Download all of MNIST once, and verify the checksums."""
    from convlens.data import download

    folder = download.fetch(progress=not json_ and sys.stderr.isatty())
    if json_:
        print_json({"data": "mnist", "folder": str(folder)})
    else:
        print(f"MNIST is in {folder}; use it with --data mnist")


@data_app.command("export")
def data_export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The .npz file to write, such as data/MNIST.npz.")],
    data: Data = "embedded",
    size: Size = None,
    skip_broken: SkipBroken = False,
    transposed: Transposed = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write a data set as the .npz file that the coursework reads."""
    from convlens.data import course_npz

    digits = load_data(data, size=size, skip_broken=skip_broken, transposed=transposed, progress=not json_)
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
    course_npz.export(digits, path, overwrite=overwrite)
    counts = {"train": len(digits.y_train), "valid": len(digits.y_valid), "test": len(digits.y_test)}
    if json_:
        print_json({"file": str(path), "data": data, "images": counts})
    else:
        print(f"{path}: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))
