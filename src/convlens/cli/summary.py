"""`convlens summary`: print the layers of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, print_json


def summary(
    model: Annotated[str, typer.Option(help="Name of the network, such as alexnet.")] = "lenet5",
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Show the network of this run instead of --model.")
    ] = None,
    json_: Json = False,
) -> None:
    """Print the layers of a network, with shapes and parameters."""
    from convlens.models import build_model
    from convlens.training import load_model

    network = load_model(run) if run else build_model(model)
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
        print_json({"model": network.name, "layers": layers, "parameters": network.count_params()})
    else:
        print(network.summary_text())
