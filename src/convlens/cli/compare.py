"""`convlens compare`: the same training in several frameworks. `export` and `import` are in `convlens.cli.export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, print_json, sentence, tell


def compare(
    engines: Annotated[str, typer.Option(help="Which, with commas between: numpy, numba, tf1, keras.")] = (
        "numpy,numba,tf1,keras"
    ),
    steps: Annotated[int, typer.Option(help="Steps of Adam.")] = 200,
    data: Annotated[str, typer.Option(help="embedded, mnist, or a path.")] = "embedded",
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 32,
    seed: Annotated[int, typer.Option(help="Of the initial weights and the batches.")] = 139,
    plot: Annotated[Path, typer.Option(metavar="FILE", help="Where the plot goes, an .svg file.")] = Path(
        "compare.svg"
    ),
    json_: Json = False,
) -> None:
    """Train LeNet-5 from the same weights on the same batches in several engines: how far do they come apart?"""
    from convlens.data import load
    from convlens.interop.compare import as_json, compare
    from convlens.report.comparison import check_plot, draw

    check_plot(plot)
    found = compare(
        load(data), tuple(name.strip() for name in engines.split(",")), steps=steps, batch_size=batch_size, seed=seed
    )
    if json_:
        print_json(as_json(found))
        return
    print(f"the first {steps} steps of Adam, batch {batch_size}, float32: largest difference from NumPy's")
    print(f"{'engine':8}  {'loss':>9}  {'weights':>9}  {'gradients':>9}  {'the first gradient':>18}")
    for name, differences in found.items():
        loss, weights, first = differences.figures().values()
        print(f"{name:8}  {loss:9.1e}  {weights:9.1e}  {max(differences.gradient):9.1e}  {first:18.1e}")
    print("loss and weights as they are, gradients by the largest number in them")
    try:
        draw(plot, {name: vars(differences) for name, differences in found.items()})
        tell(f"plot: {plot}")
    except ImportError as error:
        tell(f"no plot: {sentence(error)}")
