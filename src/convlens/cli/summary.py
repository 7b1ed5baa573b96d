"""`convlens summary`: print the layers of a network, or write its specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.data_options import parse_size
from convlens.cli.shared import Json, print_json, tell

if TYPE_CHECKING:
    from convlens.nn import Sequential


def summary(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.py:FUNCTION|FILE.json", help="The network, as in convlens train. [default: lenet5]"
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Show the network of this run instead of --model.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Width x height of the images. [default: the usual one]"),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="1 for grey images, 3 for colour. [default: the usual one]")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes. [default: the usual one]")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write the network's specification, which --model takes, to this file."),
    ] = None,
    json_: Json = False,
) -> None:
    """Print the layers of a network, with shapes and parameters."""
    from convlens.nn.specification import layer_words
    from convlens.training import load_model
    from convlens.training.model_file import describe

    if run is not None:
        for name, value in (("--model", model), ("--size", size), ("--channels", channels), ("--classes", classes)):
            if value is not None:
                raise ValueError(f"--run has a network, with its images and classes; got {name} {value} too")
    network = load_model(run) if run else named_network(model or "lenet5", parse_size(size), channels, classes)
    if out is not None:
        _write(out, network)
    if json_:
        layers = [
            {
                "name": row.name,
                "kind": type(row.layer).__name__,
                "input_shape": row.input_shape,
                "output_shape": row.output_shape,
                "parameters": row.parameters,
            }
            for row in network.table
        ]
        about = {"model": network.name, "layers": layers, "parameters": network.count_params(), "end": network.end}
        print_json({**about, "specification": describe(network)})
    else:
        print(network.summary_text())
        print("\nlayers as written:")
        print(*(f"  {layer_words(layer)}" for layer in network.descriptions), sep="\n")


def named_network(source: str, size: tuple[int, int] | None, channels: int | None, classes: int | None) -> Sequential:
    """Return the network that `source` names, for these images and classes or for its usual ones."""
    from convlens.geometry import check_count
    from convlens.models import MODELS, usual
    from convlens.nn.specification import read_specification
    from convlens.training.model_source import Wanted, make_model

    shape, count = usual(source) if source in MODELS else ((28, 28, 1), 10)
    if source not in MODELS and source.endswith(".json") and Path(source).is_file():
        found = read_specification(Path(source).read_bytes(), source)
        if len(found.input_shape) == 3:
            shape = found.input_shape
        count = _outputs(found.layers, found.input_shape, source)
    for name, value in (("--channels", channels), ("--classes", classes)):
        check_count(name, 1 if value is None else value, 1)
    h, w, c = shape
    h, w = size or (h, w)
    return make_model(source, Wanted((h, w, channels or c), classes or count))


def _outputs(layers: tuple[object, ...], input_shape: tuple[int, ...], source: str) -> int:
    from convlens.nn.table import table

    try:
        return list(table(layers, input_shape))[-1].output_shape[-1]  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _write(path: Path, network: Sequential) -> None:
    from convlens.storage.atomic import atomic_write
    from convlens.training.model_file import describe

    if path.suffix != ".json":
        raise ValueError(f"--out must end in .json; got {path}")
    if path.exists():
        raise FileExistsError(f"{path} exists; a specification is written to a new file")
    with atomic_write(path) as file:
        file.write(json.dumps(describe(network), indent=1).encode() + b"\n")
    tell(f"specification: {path}")
