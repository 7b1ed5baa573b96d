"""`convlens compare`: train the same network in several engines and measure the differences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.shared import Doing, Json, print_json, sentence, tell

if TYPE_CHECKING:
    from convlens.interop.compare import Comparison


def compare(
    engines: Annotated[str, typer.Option(help="Engines, separated by commas; also browser.")] = "numpy,numba,tf1,keras",
    steps: Annotated[int, typer.Option(help="Training steps.")] = 200,
    data: Annotated[str, typer.Option(help="embedded, mnist, an .npz file, or a folder of IDX files.")] = "embedded",
    batch_size: Annotated[int, typer.Option(help="Images in each batch.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of the initial weights and the batches.")] = 0,
    free: Annotated[int, typer.Option(help="Number of free runs in float32; their seeds are 0, 1, 2 and so on.")] = 10,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SVG file for the plot. [default: compare.svg, or none with --json]"),
    ] = None,
    json_: Json = False,
) -> None:
    """Train LeNet-5 in several engines, and compare each step.

    All engines get the same batches. Each step begins from the same weights and the same state of Adam in every engine,
    so each difference comes from one step.

    Free runs follow: each engine continues from its own weights, in float64 where it can, and in float32 with several
    seeds.
    """
    from convlens.data import load
    from convlens.interop.compare import compare
    from convlens.report.comparison import check_plot, draw

    plot = plot or (None if json_ else Path("compare.svg"))
    if plot is not None:
        check_plot(plot)
    names = tuple(name.strip() for name in engines.split(","))
    with Doing() as doing:
        found = compare(
            load(data), names, steps=steps, batch_size=batch_size, seed=seed, free_seeds=free, begins=doing.say
        )
    if json_:
        print_json(found.as_json())
    else:
        print("\n".join(_lines(found, steps, batch_size, seed)))
    if plot is None:
        return
    try:
        differences = {name: {"gradient": one.gradient, "loss": one.loss} for name, one in found.steps.items()}
        switched = {name: [(s.step, s.gradient) for s in one.switched] for name, one in found.steps.items()}
        draw(plot, differences, switched)
        tell(f"plot: {plot}")
    except ImportError as error:
        tell(f"no plot: {sentence(error)}")


def _lines(found: Comparison, steps: int, batch_size: int, seed: int) -> list[str]:
    from convlens.interop.compare import percentiles

    lines = [
        f"{steps} steps of Adam, batch {batch_size}, seed {seed}, float32, each step from NumPy's state:",
        "relative difference from NumPy, median / 99 % / largest",
        f"{'engine':8}{'loss':>28}{'gradient':>28}{'update':>28}  switched",
    ]
    for name, one in found.steps.items():
        kinds = [" / ".join(f"{v:.1e}" for v in percentiles(values)) for values in (one.loss, one.gradient, one.update)]
        lines.append(f"{name:8}{''.join(f'{kind:>28}' for kind in kinds)}  {len(one.switched)}")
    for name, one in found.steps.items():
        for step in one.switched:
            cause = "unexplained" if step.units is None else f"switched: {', '.join(map(str, step.units))}"
            lines.append(f"{name}, step {step.step}: gradient {step.gradient:.1e} apart; {cause}")
    if found.float64:
        lines += ["", "free runs in float64: largest difference", f"{'engine':8}{'loss':>10}{'weights':>10}"]
        lines += [f"{n:8}{one['loss']:>10.1e}{one['weights']:>10.1e}" for n, one in found.float64.items()]
    if found.free:
        count = len(next(iter(found.free.values())))
        lines += ["", f"free runs in float32: largest difference of the loss, seeds 0 to {count - 1}"]
        lines += [f"{name:8}  {'  '.join(f'{loss:.0e}' for loss in losses)}" for name, losses in found.free.items()]
    return lines
