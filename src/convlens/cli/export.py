"""`convlens export`: write a trained network as a Keras or ONNX file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, RunFolder, newest_run, print_json, tell

_NEEDS = {"keras": ("keras", "tensorflow"), "onnx": ("onnx",)}
_ENDS = {"keras": (".keras", ".h5"), "onnx": (".onnx",)}


def export(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="Format: keras or onnx.")],
    run: RunFolder = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file to write. [default: model.keras or model.onnx, beside the weights]"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    json_: Json = False,
) -> None:
    """Write a trained network as a Keras or ONNX file."""
    from convlens.interop.frameworks import check_installed
    from convlens.training.model_file import MODEL, load_model, stored_images

    if to not in _NEEDS:
        raise ValueError(f"--to must be keras or onnx; got {to!r}")
    if out is not None and out.suffix not in _ENDS[to]:
        raise ValueError(f"--out must end in {' or '.join(_ENDS[to])} with --to {to}; got {out}")
    old = [Path(argument) for argument in context.args]
    if len(old) + (run is not None) > 1:
        named = [*map(str, old), *([f"--run {run}"] if run else [])]
        raise ValueError(f"a run must be named once; got {' and '.join(named)}")
    run = run or next(iter(old), None) or newest_run()
    model = load_model(run)
    path = out or (run / MODEL if run.is_dir() else run).with_suffix(f".{to}")
    if os.path.lexists(path) and not overwrite:
        raise FileExistsError(f"{path} exists; it is replaced only with --overwrite")
    for package in _NEEDS[to]:
        check_installed(package, f"export --to {to}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if to == "keras":
        from convlens.interop.keras_compiled import save_keras

        save_keras(path, model)
    else:
        from convlens.interop.onnx_model import save_onnx

        save_onnx(path, model, stored_images(run))
    if json_:
        print_json({"run": str(run), "model": model.name, "to": to, "file": str(path)})
    else:
        print(path)
    if old:
        tell("export RUN is now export --run RUN")
