"""`convlens import`: read a trained network from a Keras file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, print_json


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .keras file, saved by Keras 3.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the weights.")],
    json_: Json = False,
) -> None:
    """Read a trained network from a Keras file.

    Afterwards `predict --run DIR` and `evaluate --run DIR --data DATA` use the network.
    """
    from convlens.interop.keras_model import read_keras
    from convlens.models import MODELS, build_model
    from convlens.training.model_file import MODEL, save_model
    from convlens.training.run import holds_run

    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"the output folder must be a folder; {out} is a file")
    if held := holds_run(out):
        raise FileExistsError(f"the output folder must not hold another run; {out} holds {held}")
    model = read_keras(file)
    if model.name not in MODELS:
        kinds = ", ".join(type(layer).__name__ for layer in model.layers)
        raise ValueError(
            f"{file} must have the layers of one of {', '.join(MODELS)}; it has {kinds} "
            f"with {model.count_params():,} parameters"
        )
    if model.dtype != build_model(model.name, engine="numpy").dtype:
        raise ValueError(f"{file} must be in float32; it is in {model.dtype}")
    out.mkdir(parents=True, exist_ok=True)
    save_model(out / MODEL, model)
    if json_:
        print_json(
            {"file": str(file), "run": str(out), "model": model.name, "parameters": model.count_params()},
        )
    else:
        print(f"{out / MODEL}: {model.name}, {model.count_params():,} parameters")
