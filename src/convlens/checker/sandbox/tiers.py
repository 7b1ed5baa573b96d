"""The tiers of the sandbox, best first: which of them work on this machine, and what each of them cannot stop."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import tempfile
import threading

__all__ = ["CANNOT_STOP", "TIERS", "WEAKEST", "available", "begin_choice", "choose"]

TIERS = ("bubblewrap", "landlock", "rlimits")
WEAKEST = TIERS[-1]  # a class run refuses it without --unsafe

_READS = (
    "The code can read Python, the system's shared libraries and numpy. In tasks 4 and 5 it can also read the packages "
    "that are installed in the same folder as TensorFlow, but not convlens."
)
_THREADS = (
    "The code can keep every processor busy with threads until its time is up. If you are root and the code has to run "
    "as root too, the system does not limit their number."
)
CANNOT_STOP: dict[str, tuple[str, ...]] = {
    "bubblewrap": (
        _READS,
        "The code can start processes if the kernel cannot filter system calls; they end when the code ends.",
        _THREADS,
        "A security hole in the kernel itself is not covered.",
    ),
    "landlock": (
        _READS,
        "The code can find out which files exist, who owns them and how large they are, but cannot read them.",
        "The code can fill the disk with files until its time is up; then the files are removed.",
        _THREADS,
        "A security hole in the kernel itself is not covered.",
    ),
    "rlimits": (
        "The code can read every file that you can read, including other submissions and the checks themselves.",
        "The code can change and remove every file that you can change.",
        "The code can use the network.",
        "The code can start processes. They are ended when the code ends, unless they hide on purpose.",
        "The code can stop and kill every process of yours, including this one. It may read and change their memory.",
        "The code can fill the disk until its time is up.",
        "The code can use more memory than one process may have, by starting several.",
        _THREADS,
    ),
}


_lock = threading.RLock()  # a tier is tried once, also when two threads ask


def available() -> dict[str, str]:
    """Return for each tier, best first, "" if it holds here, else why it does not. Each tier is tried only once."""
    with _lock:
        return {tier: _try(tier) for tier in TIERS}


def begin_choice(asked: str | None) -> None:
    """Begin to try the tiers that `choose` will try, in a thread of its own. `choose` waits for it."""

    def attempt() -> None:
        with _lock, contextlib.suppress(ValueError):
            began.set()
            choose(asked)

    began = threading.Event()
    threading.Thread(target=attempt, daemon=True).start()
    began.wait()


def choose(asked: str | None) -> str:
    """Return the tier `asked`, or for None the best tier that works here.

    Raise ValueError for a tier that is unknown or does not work here: no other tier is used instead.
    """
    with _lock:
        return _choose(asked)


def _choose(asked: str | None) -> str:
    if asked is None:
        for tier in TIERS:
            if not _try(tier):
                return tier
        raise ValueError(f"no tier of the sandbox works here: {'; '.join(available().values())}")
    if asked not in TIERS:
        raise ValueError(f"the tier must be one of {', '.join(TIERS)}; got {asked!r}")
    if _try(asked):
        raise ValueError(f"the tier must be one that works here; {asked} does not: {_try(asked)}")
    return asked


@functools.cache
def _try(tier: str) -> str:
    """Start a process in a tier and let it try to get out. Return "" if it starts and cannot, else what is wrong.

    The weakest tier isolates nothing, so there only the start counts.
    """
    from convlens.checker.guest import GuestError
    from convlens.checker.sandbox.sandbox import Sandbox

    try:
        with (
            tempfile.NamedTemporaryFile() as file,
            socket.create_server(("127.0.0.1", 0)) as server,
            Sandbox(tier) as sandbox,
            sandbox.guest("probe", b"", {**_myself(), "file": file.name, "port": server.getsockname()[1]}) as guest,
        ):
            answer, _ = guest.ask({"do": "probe"}, seconds=30.0)
    except (OSError, GuestError) as error:
        return str(error)
    reached = answer["reached"]
    return f"in the tier {tier} a process could {reached[0]}" if reached and tier != WEAKEST else ""


def _myself() -> dict[str, int]:
    """Return the ID of this process and its start in clock ticks."""
    from convlens.checker.sandbox.guest_side.processes import find

    found = find(os.getpid())
    return {"process": os.getpid(), "born": found.born if found else 0}
