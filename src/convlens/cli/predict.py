"""`convlens predict`: recognize the digits in photographs, or the class of any picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.shared import Json, RunFolder, newest_run, one_line, print_json, sentence, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from convlens.nn import Sequential
    from convlens.training.stored_images import Images

Row = dict[str, Any]


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Photographs of digits, or pictures of what was trained.")
    ],
    run: RunFolder = None,
    show: Annotated[
        Path | None,
        typer.Option("--show", metavar="DIR", help="Folder for pictures of what the network saw, one a photograph."),
    ] = None,
    json_: Json = False,
) -> None:
    """Print which digit, or class, each picture shows.

    A photograph with several digits gives a line for each, from left to right. An answer that is not safe is called
    unsure, with the reason.
    """
    read = reader(run or newest_run(), show)
    rows: list[Row] = []
    faults = []
    for path in images:
        try:
            found = read(path)
        except (ValueError, OSError) as error:
            faults.append(sentence(error))
            continue
        rows += found
        if not json_:
            _print(found)
    if json_:
        print_json(rows)
    for fault in faults:
        tell(f"convlens: {fault}")
    if faults:
        raise typer.Exit(2)


def reader(run: Path, show: Path | None = None) -> Callable[[Path], list[Row]]:
    """Return the function that reads a picture with the network of a run, and returns what is printed as JSON.

    The engine is numpy: for a few pictures, loading the compiled one takes longer than the pictures.
    """
    from convlens.training import load_model
    from convlens.training.model_file import stored_images

    model, stored = load_model(run, engine="numpy"), stored_images(run)
    check_network("predict", model, str(run))
    return _digits_reader(model, stored, show) or _class_reader(model, stored, show)


def check_network(command: str, model: Sequential, name: str) -> None:
    """Raise ValueError unless the network takes pictures, and has one output for each class."""
    if len(model.input_shape) != 3 or model.input_shape[2] not in (1, 3):
        raise ValueError(
            f"{command} needs a network that takes pictures (h, w, 1) or (h, w, 3); that of {name} takes "
            f"{model.input_shape}"
        )
    if len(model.output_shape) != 1 or model.output_shape[0] < 2:
        raise ValueError(
            f"{command} needs a network with one output for each class, and two classes at least; that of {name} has "
            f"the output {model.output_shape}"
        )


def _print(rows: list[Row]) -> None:
    for row in rows:
        if row["unsure"]:
            said = f"unsure, looks like {row['looks_like']} ({row['probability']:.0%}): {row['why']}"
        else:
            said = f"{row['class']} ({row['probability']:.1%})"
        print(one_line(f"{row['file']}: {said}"))
        if row.get("blocks"):
            print(row.pop("blocks"))
    remarks = dict.fromkeys(remark for row in rows for remark in row["remarks"])
    if remarks:
        tell(f"{rows[0]['file']}: {'; '.join(remarks)}")
    if rows and rows[0].get("shown"):
        print(one_line(f"{rows[0]['file']}: what the network saw is in {rows[0]['shown']}"))


def _digits_reader(model: Sequential, stored: Images, show: Path | None) -> Callable[[Path], list[Row]] | None:
    """Return the reader of photographs of digits, or None for a network that was trained on something else."""
    from convlens.data.handwriting.inputs import inputs_of_digits
    from convlens.inspection.answers import answer, reads_digits

    if not has_digits(model, stored):
        return None

    def network(digits: Any) -> Any:
        return model.probabilities(inputs_of_digits(digits, stored.size, stored.scale, stored.light_ink))

    if not reads_digits(network):
        return None

    def read(path: Path) -> list[Row]:
        from convlens.data.handwriting import read_digits
        from convlens.data.handwriting.shown import blocks, draw

        found = read_digits(path)
        rows = []
        for digit in found:
            said = answer(network, digit)
            row = _row(path, stored, said.probabilities, said.digit, said.why, digit.remarks)
            row["probability"] = round(said.probability, 6)
            rows.append(row | {"digit": None if said.why else said.digit, "box": list(digit.box)})
            if show is not None and sys.stdout.isatty():
                rows[-1]["blocks"] = blocks(digit)
        if show is not None:
            picture = _shown(path, show)
            draw(path, found, picture)
            for row in rows:
                row["shown"] = str(picture)
        return rows

    return read


def has_digits(model: Sequential, stored: Images) -> bool:
    """Return whether the classes are called as the digits are. What the network has learned is another question."""
    return stored.class_names == tuple("0123456789") and not stored.colour and model.input_shape == (*stored.size, 1)


def _shown(path: Path, show: Path) -> Path:
    """Return the file for the picture of what the network saw of `path`."""
    picture = show / f"{path.stem}.png"
    if picture.exists() and picture.samefile(path):
        raise ValueError(f"--show must name a folder other than that of {path}; got {show}")
    return picture


def _class_reader(model: Sequential, stored: Images, show: Path | None) -> Callable[[Path], list[Row]]:
    """Return the reader of whole pictures."""
    from convlens.data.handwriting.inputs import read_whole
    from convlens.data.handwriting.shown import draw_input

    def read(path: Path) -> list[Row]:
        image, remarks = read_whole(path, stored.size, stored.colour, stored.scale, stored.light_ink)
        probabilities = model.probabilities(image[None])[0]
        row = _row(path, stored, probabilities, int(probabilities.argmax()), "", remarks)
        if show is not None:
            picture = _shown(path, show)
            draw_input(image, stored.scale, picture)
            row["shown"] = str(picture)
        return [row]

    return read


def _row(path: Path, stored: Images, probabilities: Any, best: int, why: str, remarks: tuple[str, ...]) -> Row:
    name = stored.class_names[best]
    values = [round(float(p), 6) for p in probabilities]
    if not all(0 <= value <= 1 for value in values):
        raise ValueError(f"{path}: the network gives values that are no probabilities; was it trained to the end?")
    return {
        "file": str(path),
        "class": None if why else name,
        "unsure": bool(why),
        "looks_like": name,
        "probability": values[best],
        "why": why,
        "probabilities": values,
        "remarks": list(remarks),
    }
