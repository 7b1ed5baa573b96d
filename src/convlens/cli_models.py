"""`convlens export` and `convlens import`: trained networks for Keras and ONNX, and from Keras."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from convlens.cli_shared import Json, newest_run, print_json

_NEEDS = {"keras": ("keras", "tensorflow"), "onnx": ("onnx",)}


def export(
    to: Annotated[str, typer.Option("--to", help="keras or onnx.")],
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A run's folder, or a model.safetensors. [default: the newest in ./runs]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="[default: model.keras or model.onnx, beside the weights]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    json_: Json = False,
) -> None:
    """Write a trained network for Keras or ONNX."""
    from convlens.checkpoint import MODEL, load_model
    from convlens.interop.frameworks import check_installed

    if to not in _NEEDS:
        raise ValueError(f"--to must be keras or onnx; got {to!r}")
    if out is not None and out.suffix != f".{to}":
        raise ValueError(f"--out must end in .{to} with --to {to}; got {out}")
    run = run or newest_run()
    model = load_model(run)
    path = out or (run / MODEL if run.is_dir() else run).with_suffix(f".{to}")
    if os.path.lexists(path) and not overwrite:
        raise FileExistsError(f"{path} exists; it is replaced only with --overwrite")
    for package in _NEEDS[to]:
        check_installed(package, f"export --to {to}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if to == "keras":
        from convlens.interop.keras_model import save_keras

        save_keras(path, model)
    else:
        from convlens.interop.onnx_model import save_onnx

        save_onnx(path, model)
    if json_:
        print_json({"run": str(run), "model": model.name, "to": to, "file": str(path)})
    else:
        print(path)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .keras file, as Keras 3 saves it.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the weights.")],
    json_: Json = False,
) -> None:
    """Take over a trained network from Keras; evaluate and predict then use it with --run DIR."""
    from convlens.checkpoint import MODEL, holds_run, save_model
    from convlens.interop.keras_model import read_keras
    from convlens.models import MODELS, build_model

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
