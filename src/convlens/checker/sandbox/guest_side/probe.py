"""A guest's job: try to leave the sandbox, so that a tier is named only where it holds.

Nothing is written: files are opened for writing and closed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from convlens.checker.sandbox.guest_side import processes
else:  # inside the sandbox this folder is on the path, and there is no convlens
    import processes

Arrays = list[NDArray[Any]]


def start(source: bytes, options: dict[str, Any]) -> Any:
    """Return the function that answers {"do": "probe"} with {"reached": [what should be out of reach]}.

    options: "file", a file of the checker's user; "process", the ID of the checker's process, and "born", its start in
    clock ticks; "port", a port of this machine on which the checker listens
    """

    def answer(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        tries: dict[str, Callable[[], Any]] = {
            "read a file outside": lambda: os.close(os.open(options["file"], os.O_RDONLY)),
            "open a file outside for writing": lambda: os.close(os.open(options["file"], os.O_WRONLY)),
            "open the kernel's settings for writing": lambda: os.close(os.open(_SETTING, os.O_WRONLY)),
            "send a signal to another process": lambda: _signal(options["process"], options["born"]),
            "open a connection": lambda: socket.create_connection(("127.0.0.1", options["port"]), 1).close(),
        }
        return {"reached": [name for name, act in tries.items() if _works(act)]}, []

    return answer


_SETTING = "/proc/sys/kernel/core_pattern"


def _signal(pid: int, born: int) -> None:
    """Try to signal a process. In a namespace of its own, this process may see another one with the same ID."""
    seen = processes.find(pid)
    if seen and seen.born != born:
        raise ProcessLookupError
    os.kill(pid, 0)


def _works(act: Callable[[], Any]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True
