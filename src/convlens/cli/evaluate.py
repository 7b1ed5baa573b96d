"""`convlens evaluate`: measure the loss and accuracy of a trained network, in all and for each class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.data_options import DATA_HELP, Size, SkipBroken, Transposed, load_data, tell_notes
from convlens.cli.run_data import load_again, settings_of, size_text
from convlens.cli.shared import Json, RunFolder, newest_run, one_line, print_json, tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.inspection.confusion import Confusion

PARTS = ("train", "valid", "test")
_CLASSES = 30  # the most classes whose matrix is printed
_WIDEST = 40  # the most places of a column
_LISTED = 20  # the pairs and classes that are printed if there are more


def evaluate(
    run: RunFolder = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help=f"{DATA_HELP} [default: the run's data]")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="train, valid, test, or all of them. [default: test if the data set has it, else valid]"),
    ] = None,
    size: Size = None,
    skip_broken: SkipBroken = False,
    transposed: Transposed = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads. [default: all cores]")] = None,
    json_: Json = False,
) -> None:
    """Print the loss and accuracy of a trained network, its accuracy for each class, and the confusion matrix."""
    import numpy as np

    from convlens import training
    from convlens.inspection.confusion import confusion_matrix
    from convlens.training.matching import as_trained
    from convlens.training.model_file import stored_images
    from convlens.training.run import HISTORY

    if part not in (None, *PARTS, "all"):
        raise ValueError(f"--part must be train, valid, test or all; got {part!r}")
    run = run or newest_run()
    model = training.load_model(run)
    images = stored_images(run)
    if data is None:
        if size or skip_broken or transposed is not None:
            raise ValueError("--size, --skip-broken and --transposed need --data; the run's data are read as they were")
        settings = settings_of(run / HISTORY)
        data, digits = settings["data"], load_again(settings)
    else:
        digits = _load(data, size, images.size, skip_broken, transposed)
    if part is None:
        part = "test" if len(digits.y_test) else "valid"
    chosen = [name for name in (PARTS if part == "all" else (part,)) if len(getattr(digits, f"y_{name}"))]
    if not chosen:
        raise ValueError(f"--part must name a part of the data; {digits.source} has no {part} part")
    x, y, notes = as_trained(digits, chosen, images, model.input_shape)
    names = images.class_names
    predicted = np.empty_like(y)
    scores = training.evaluate(model, x, y, threads=threads, predicted=predicted)
    found = confusion_matrix(y, predicted, len(names))
    if json_:
        about = {"run": str(run), "data": data, "part": part, "images": len(y), **scores._asdict()}
        print_json({**about, **_figures(found, names)})
    else:
        figures = f"loss {scores.loss:.4f}  accuracy {scores.accuracy:.4f}"
        print(one_line(f"{run}, {len(y):,} {part} images of {data}: {figures}"))
        print(*_text(found, names), sep="\n")
    tell_notes(digits)
    for note in notes:
        tell(f"note: {note}")


def _load(data: str, size: str | None, trained: tuple[int, int], skip_broken: bool, transposed: bool | None) -> Digits:
    """Load the data. Without --size, pictures of a folder are scaled to the size (h, w) that the network has."""
    from convlens.data.sources import UnusedOptionError

    load = partial(load_data, data, skip_broken=skip_broken, transposed=transposed)
    if size is not None or not Path(data).is_dir():
        return load(size=size)
    try:
        return load(size=size_text(trained))
    except UnusedOptionError as error:
        if error.option != "size":
            raise
        return load()  # the files in the folder have a size of their own


def _figures(found: Confusion, names: tuple[str, ...]) -> dict[str, Any]:
    rows = zip(names, found.images.tolist(), found.right.tolist(), found.recall, found.precision, strict=True)
    keys = ("class", "images", "right", "recall", "precision")
    return {
        "classes": [dict(zip(keys, row, strict=True)) for row in rows],
        "confusion_matrix": found.counts.tolist(),
    }


def _text(found: Confusion, names: tuple[str, ...]) -> list[str]:
    """Return the lines about the classes: all of them and the matrix, or, if they are many, the worst."""
    rows = list(zip(found.images.tolist(), found.right.tolist(), found.recall, found.precision, strict=True))
    known = [k for k in range(len(names)) if rows[k][0]]
    many = len(names) > _CLASSES
    listed = sorted(known, key=lambda k: (rows[k][2] or 0, k))[:_LISTED] if many else range(len(names))
    head = (("class", "images", "right", "recall", "precision"),)
    table = [(names[k], f"{rows[k][0]:,}", f"{rows[k][1]:,}", *map(_percent, rows[k][2:])) for k in listed]
    if many:
        pairs = [(names[k], names[j], f"{n:,}") for k, j, n in found.pairs(_LISTED)]
        return [
            "",
            f"the {len(listed)} classes with the lowest recall, of {len(known)} with images (--json gives all):",
            *_columns([*head, *table]),
            *(
                ["", "the most confused pairs:", *_columns([("class", "predicted", "times"), *pairs], 2)]
                if pairs
                else []
            ),
        ]
    numbers = tuple(map(str, range(len(names))))
    short = names if max(map(len, names)) <= 5 else numbers
    labels = names if short is names else tuple(f"{k} {name}" for k, name in zip(numbers, names, strict=True))
    matrix = [(labels[k], *(str(n) if n else "." for n in row)) for k, row in enumerate(found.counts.tolist())]
    return [
        "",
        *_columns([*head, *table]),
        "",
        "confusion matrix: a row for each class, a column for each prediction",
        *_columns([("", *short), *matrix]),
    ]


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value * 100:.1f} %"


def _columns(rows: list[tuple[str, ...]], left: int = 1) -> list[str]:
    """Return lines with aligned columns, the first `left` ones to the left.

    Wide letters, such as Chinese, take two places. Long names are cut.
    """
    from rich.cells import cell_len, set_cell_size

    rows = [tuple(map(one_line, row)) for row in rows]
    widths = [min(_WIDEST, max(map(cell_len, column))) for column in zip(*rows, strict=True)]

    def pad(cell: str, k: int) -> str:
        if cell_len(cell) > widths[k]:
            cell = set_cell_size(cell, widths[k] - 1).rstrip() + "…"
        space = " " * (widths[k] - cell_len(cell))
        return cell + space if k < left else space + cell

    return ["  ".join(pad(cell, k) for k, cell in enumerate(row)).rstrip() for row in rows]
