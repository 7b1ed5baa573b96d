"""The options of all commands that read a data set, and the function that reads it with them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.data.together import Hosts

__all__ = ["Data", "Size", "SkipBroken", "Transposed", "load_data", "parse_size", "tell_notes"]

DATA_HELP = (
    "embedded, mnist, or a path: a folder with a folder of pictures for each class, a folder of IDX or CSV files, an "
    ".npz or CSV file."
)

Data = Annotated[str, typer.Option("--data", metavar="DATA", help=DATA_HELP)]
Size = Annotated[
    str | None,
    typer.Option("--size", metavar="WxH", help="Scale pictures to this width x height, such as 64x48."),
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out pictures that cannot be decoded, in place of an error.")
]
Transposed = Annotated[
    bool | None,
    typer.Option(
        "--transposed/--no-transposed",
        help="Exchange the rows and columns of the images, or not. [default: only if the files are EMNIST's]",
    ),
]


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (h, w) of "64x48", which is width x height; None for None. Raises ValueError for other text.

    >>> parse_size("64x48")
    (48, 64)
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if not match or not int(match[1]) or not int(match[2]):
        raise ValueError(f"--size must be width x height, each of 1 to 99999 pixels, such as 64x48; got {text!r}")
    return int(match[2]), int(match[1])


def load_data(
    data: str,
    *,
    size: str | None = None,
    skip_broken: bool = False,
    transposed: bool | None = None,
    seed: int = 0,
    progress: bool = True,
    hosts: Callable[[], Hosts | None] | None = None,
) -> Digits:
    """Load a data set with the options of the command line. On a terminal, a bar on standard error shows the decoding.

    The notes of the data are not printed yet: a command calls `tell_notes` when it has checked all of its input, so
    that an error stays one line.
    """
    from convlens.data import load
    from convlens.data.sources import UnusedOptionError

    with _bar(progress and sys.stderr.isatty()) as advance:
        try:
            return load(
                data,
                size=parse_size(size),
                skip_broken=skip_broken,
                transposed=transposed,
                seed=seed,
                progress=advance,
                hosts=hosts,
            )
        except UnusedOptionError as error:
            raise UnusedOptionError(error.option, error.why, f"--{error.option.replace('_', '-')}") from None


def tell_notes(digits: Digits) -> None:
    """Print what was noticed in a data set on standard error, a line for each sentence."""
    for note in digits.notes:
        tell(f"note: {note}")


@contextmanager
def _bar(shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading pictures", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
