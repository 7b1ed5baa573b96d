"""The command line. Each command has a file of its own; only this package prints or exits.

Exit codes: 0 done, 2 a mistake of the user, 130 stopped from the keyboard. `convlens check` also has 1.
"""

from __future__ import annotations

import io
import os
import platform
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli import (
    check,
    compare,
    data,
    evaluate,
    explore,
    export,
    import_model,
    predict,
    report,
    show,
    study,
    summary,
    train,
)
from convlens.cli.shared import sentence, tell
from convlens.version import VERSION

__all__ = ["app", "main"]

app = typer.Typer(
    help="Convolutional networks you can see through.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "report": report.report,
    "explore": explore.explore,
    "show": show.show,
    "summary": summary.summary,
    "export": export.export,
    "import": import_model.import_model,
    "compare": compare.compare,
    "check": check.check,
    "study": study.study,
}
for _name, _command in COMMANDS.items():
    app.command(_name, context_settings={"allow_extra_args": _name == "export"})(_command)  # its old form, `export RUN`
app.add_typer(data.data_app, name="data")


def _print_versions(asked: bool) -> None:
    if asked:
        print(_versions())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the versions of convlens, Python and the main libraries.",
            callback=_print_versions,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


def _versions() -> str:
    """Return one line of versions, for a bug report."""
    from importlib.metadata import PackageNotFoundError, version  # slow to load

    found = [f"convlens {VERSION}", f"Python {platform.python_version()}"]
    for package in ("numpy", "numba", "tensorflow-cpu", "keras"):
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return f"{', '.join(found)}; {platform.system()} {platform.machine()}"


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, and the next file would get its number
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # like stderr: it can print any file name
    warnings.showwarning = _tell_warning
    try:
        app(prog_name="convlens")
    except (ValueError, OSError, ArithmeticError, ImportError, MemoryError) as error:
        tell(f"convlens: {sentence(error)}")
        sys.exit(2)


def _tell_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning in one line, like an error. The line of code that gave the warning does not help the user."""
    tell(f"convlens: {message}")
