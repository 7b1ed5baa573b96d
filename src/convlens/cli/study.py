"""`convlens study NAME`: test a claim of the AlexNet paper on digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.shared import Json, print_json, sentence, tell

if TYPE_CHECKING:
    from convlens.studies import Outcome, Study, StudyRun

STUDIES = Path("studies")


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help="relu, pooling, dropout, lrn or augment.")],
    seeds: Annotated[int, typer.Option(help="Number of runs for each variant of the study, at least 2.")] = 5,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the runs and the figure. [default: studies/NAME]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Number of threads. Any number gives the same results. [default: all cores]")
    ] = None,
    json_: Json = False,
) -> None:
    """Test a claim of the AlexNet paper on 5,000 digits.

    You may stop a study at any time; the same command continues it.
    """
    from convlens.studies import STUDIES as TABLE
    from convlens.studies import Start, do, outcome

    if name not in TABLE:
        raise ValueError(f"NAME must be one of {', '.join(TABLE)}; got {name!r}")
    asked, folder = TABLE[name], out or STUDIES / name
    runs: list[StudyRun] = []
    try:
        for event in do(asked, folder, seeds=seeds, threads=threads):
            if isinstance(event, Start):
                done = f", {event.found} of them done" if event.found else ""
                tell(f"{name}: {event.runs} runs{done}; engine {event.engine}, threads {event.threads}; in {folder}")
                continue
            runs.append(event.run)
            if event.new:
                tell(f"{len(runs)}/{asked.count(seeds)}  {_line(asked, event.run)}")
    except KeyboardInterrupt:
        again = f"convlens study {name} --seeds {seeds} --out {folder}"
        tell(f"stopped, {len(runs)} of {asked.count(seeds)} runs done; go on with: {again}")
        raise typer.Exit(130) from None
    found = outcome(asked, runs, seeds)
    figure = _draw(folder, found)
    if json_:
        print_json({**found.as_json(), "folder": str(folder), "figure": str(figure) if figure else None})
    else:
        print("\n".join(_text(found)))


def _line(asked: Study, run: StudyRun) -> str:
    """Return one line about a finished run."""
    from convlens.studies.runner import PILOT

    who = f"pilot {run.seed - PILOT}" if run.seed >= PILOT else f"seed {run.seed}"
    figures = [f"test error {run.test_error:.2%}"]
    if asked.recipe.level is not None:
        epochs = "not reached" if run.epochs is None else f"after {run.epochs:.2f} epochs"
        figures.insert(0, f"training error {asked.recipe.level:.0%} {epochs}")
    if run.diverged:
        figures = ["diverged"]
    return f"{run.arm}, rate {run.rate:g}, {who}: {', '.join(figures)}, {run.seconds:.1f} s"


def _text(found: Outcome) -> list[str]:
    """Return the lines to print: the tables, the findings, and what the paper claims beside each."""
    from convlens.studies.claims import RULE
    from convlens.studies.study import MEASURES

    asked = found.study
    lines = [f"{asked.title}; {asked.recipe.digits:,} digits to train, {found.seeds} seeds", asked.notes]
    width = max(len(arm.name) for arm in asked.arms)
    for measure, spreads in found.spreads.items():
        kind = MEASURES[measure]
        d = kind.decimals
        lines += ["", asked.heading(measure), f"{'arm':{width}}   rate     mean      sd   each seed"]
        for name, spread in spreads.items():
            mean, deviation, *each = (
                f"{v * kind.factor:.{d}f}" for v in (spread.mean, spread.deviation, *spread.values)
            )
            lines.append(f"{name:{width}}  {found.rates[name]:5g}  {mean:>7}  {deviation:>6}   {'  '.join(each)}")
    for each_claim in found.found:
        lines += ["", each_claim.sentence, f"The paper, section {each_claim.claim.section}: {each_claim.claim.paper}."]
    return [*lines, *(["", *found.remarks] if found.remarks else []), "", RULE, f"{found.seconds:.0f} s of training"]


def _draw(folder: Path, found: Outcome) -> Path | None:
    """Draw the figure and return its file; None if matplotlib is not installed."""
    from convlens.studies.figure import draw

    try:
        path = draw(found, folder / "figure.svg")
        tell(f"figure: {path}")
        return path
    except ImportError as error:
        tell(f"no figure: {sentence(error)}")
        return None
