"""`convlens data`: show what a data set holds, download MNIST, export digits to a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli.shared import Json, print_json

data_app = typer.Typer(help="Show, download and export data sets of digits.", no_args_is_help=True)


@data_app.command("info")
def data_info(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="embedded, mnist, an .npz file, or a folder of IDX files.")
    ] = "embedded",
    json_: Json = False,
) -> None:
    """Print the size of a data set and how often each label occurs."""
    import numpy as np

    from convlens.data import load

    digits = load(data)
    if digits.classes > 1000:
        raise ValueError(
            f"data info counts at most 1,000 classes; {digits.source} has labels up to {digits.classes - 1}"
        )
    parts = {
        part: {"images": len(y), "labels": np.bincount(y, minlength=digits.classes).tolist()}
        for part, y in (("train", digits.y_train), ("valid", digits.y_valid), ("test", digits.y_test))
    }
    shape = list(digits.pixels_train.shape[1:])
    if json_:
        print_json({"data": data, "shape": shape, "sha256": digits.fingerprint, "parts": parts})
        return
    print(f"{digits.source}: images {' × '.join(map(str, shape))}, sha256 {digits.fingerprint}")
    print("\n".join(_columns([["part", "images", *(f"label {k}" for k in range(digits.classes))], *_part_rows(parts)])))


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
    data: Annotated[str, typer.Option(help="embedded, mnist, an .npz file, or a folder of IDX files.")] = "embedded",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write a data set as the .npz file that the coursework reads."""
    from convlens.data import course_npz, load

    digits = load(data)
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
    course_npz.export(digits, path, overwrite=overwrite)
    counts = {"train": len(digits.y_train), "valid": len(digits.y_valid), "test": len(digits.y_test)}
    if json_:
        print_json({"file": str(path), "data": data, "images": counts})
    else:
        print(f"{path}: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))
