"""The data of a run, read again with the options that the run was trained with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.cli.data_options import load_data

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.data.together import Hosts

__all__ = ["load_again", "load_with", "settings_of", "size_text"]


def load_again(settings: Mapping[str, Any], hosts: Callable[[], Hosts | None] | None = None) -> Digits:
    """Load the data that the settings of a run name. Settings of an old version have no size and no other options.

    An old version also kept options that the data cannot use; they are left out. hosts: as in `convlens.load`.
    """
    from convlens.data.sources import UnusedOptionError

    try:
        return load_with(settings, hosts)
    except UnusedOptionError as error:
        if error.option == "size":
            raise
        return load_again({**settings, error.option: None}, hosts)


def load_with(settings: Mapping[str, Any], hosts: Callable[[], Hosts | None] | None = None) -> Digits:
    """Load the data that the settings of a new run name. UnusedOptionError for an option that the data cannot use."""
    return load_data(
        str(settings["data"]),
        size=size_text(settings.get("size")),
        skip_broken=bool(settings.get("skip_broken")),
        transposed=settings.get("transposed"),
        seed=int(settings.get("seed", 0)),
        hosts=hosts,
    )


def size_text(size: tuple[int, int] | None) -> str | None:
    """Return (h, w) as the command line has it, width x height; None for None.

    >>> size_text((48, 64))
    '64x48'
    """
    return None if size is None else "x".join(map(str, reversed(size)))


def settings_of(history: Path) -> dict[str, Any]:
    """Return the settings in a run's history.json. FileNotFoundError or ValueError if there are none."""
    if not history.is_file():
        raise FileNotFoundError(f"--data must be given if there is no file {history}")
    try:
        settings: dict[str, Any] = json.loads(history.read_bytes())
        settings["data"] = str(settings["data"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{history} must be a run's history in JSON; it is damaged: {error!r}") from None
    return settings
