"""Helpers of all commands: the options --run and --json, messages on standard error, the newest run."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

RUNS = Path("runs")
# Control characters, ends of lines and marks that turn the direction of writing
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

RunFolder = Annotated[
    Path | None,
    typer.Option("--run", metavar="RUN", help="Folder of the run, or its model.safetensors. [default: the newest run]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]
NetworkSource = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN|MODEL]",
        help="A run's folder, a model.safetensors, a Keras file, or a network with fresh weights as in train --model. "
        "[default: the newest run]",
        show_default=False,
    ),
]


def print_json(value: Any) -> None:
    """Print a value as JSON, for programs. NaN and infinite numbers, which JSON does not have, become null."""
    print(json.dumps(finite(value), indent=1, allow_nan=False))


def finite(value: Any) -> Any:
    """Return a value of JSON with None in place of numbers that are not finite.

    >>> finite({"loss": float("nan"), "epochs": [1, 2.5]})
    {'loss': None, 'epochs': [1, 2.5]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list | tuple) else value


def one_line(text: str) -> str:
    """Return text without letters that steer a terminal or end a line, such as a class or a file may have in its name.

    >>> one_line("red" + chr(27) + "[31m, two" + chr(10) + "lines")
    'red�[31m, two�lines'
    """
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def tell(text: str) -> None:
    """Print one line on standard error."""
    if sys.stderr:  # None when it is closed
        print(one_line(text), file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """Return the message of an error in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__


def newest_run() -> Path:
    """Return the folder of the run in ./runs with the newest weights; FileNotFoundError if no run is trained."""
    from convlens.training.model_file import MODEL
    from convlens.training.run import HISTORY

    models = [path for path in RUNS.glob(f"*/{MODEL}") if _has_epochs(path.with_name(HISTORY))]
    if not models:
        raise FileNotFoundError(
            f"there must be a trained run to use; {RUNS}/ holds none: "
            "train one with `convlens train`, or name one with --run DIR"
        )
    return max(models, key=lambda path: path.stat().st_mtime).parent


def _has_epochs(history: Path) -> bool:
    try:
        return bool(json.loads(history.read_text())["epochs"])
    except (OSError, ValueError, KeyError, TypeError):
        return True  # the command reports the damage when it uses the run


class Doing:
    """A context manager that shows the current step in one line on standard error, if that is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._status = self._console.status("")

    def say(self, what: str) -> None:
        """Show the step that begins now."""
        self._status.update(f"{what} …")

    def __enter__(self) -> Doing:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
