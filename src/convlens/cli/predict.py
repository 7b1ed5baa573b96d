"""`convlens predict`: recognize the digit in each picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, RunFolder, newest_run, print_json, sentence, tell


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="PNG or JPEG files of any size, with light or dark ink.")
    ],
    run: RunFolder = None,
    json_: Json = False,
) -> None:
    """Print which digit each picture shows."""
    from convlens.data.images import read_digit
    from convlens.training import load_model

    run = run or newest_run()
    model = load_model(run)
    found, faults = [], []
    for path in images:
        try:
            probabilities = model.probabilities(read_digit(path)[None])[0]
        except (ValueError, OSError) as error:
            faults.append(sentence(error))
            continue
        digit = int(probabilities.argmax())
        found.append({"file": str(path), "digit": digit, "probabilities": [round(float(p), 6) for p in probabilities]})
        if not json_:
            print(f"{path}: {digit} ({probabilities[digit]:.1%})")
    if json_:
        print_json(found)
    for fault in faults:
        tell(f"convlens: {fault}")
    if faults:
        raise typer.Exit(2)
