"""`convlens summary`"""

from __future__ import annotations

from typing import Annotated

import typer

from convlens.cli.shared import Json, RunFolder, print_json


def summary(
    model: Annotated[str, typer.Option(help="The network.")] = "lenet5",
    run: RunFolder = None,
    json_: Json = False,
) -> None:
    """The table of a network's layers."""
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
        print(network.summary())
