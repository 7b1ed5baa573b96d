"""What all commands share: the --json option, a line on standard error, the sentence of an error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

RUNS = Path("runs")

Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]


def print_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    print(json.dumps(value, indent=1))


def tell(text: str) -> None:
    """A line on standard error"""
    if sys.stderr:  # None when it is closed
        print(text, file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """What an error says, in one line"""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__
