"""The host process of a sandbox, seen from its parent: started, given orders, ended with all that it started.

The program of that process is `guest_side.fork_server`.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from convlens.checker.sandbox import launch
from convlens.checker.sandbox.guest_side import leftovers, processes

__all__ = ["Host"]

# Seconds. Each is many times what the work takes on an idle machine, so that a busy one does not fail.
_START = 120.0  # for the host to load its packages: TensorFlow takes some seconds
_ORDER = 30.0  # for any order but the end of a guest: milliseconds of work
_END = 10.0  # for the end of a guest; a host that says nothing for so long is replaced
_LEAVE = 2.0  # for the host to end when its socket closes, before it is killed
_LEAVE_RLIMITS = 0.2  # the same in the tier rlimits, where a guest may keep the host from ending


class Host:
    """The process that forks guests, with its folder and the socket over which it gets orders.

    mark: a variable in the environment of every process that the host starts, and of no other process
    """

    def __init__(self, tier: str, packages: Sequence[str], limits: Mapping[str, int]) -> None:
        """Start the process.

        limits: for `guest_side.seal`. Raises OSError if the tier does not work here, ModuleNotFoundError for a package
        that is not installed.
        """
        self.tier = tier
        # Under bubblewrap the process has a /tmp of its own instead
        self._folder = None if tier == "bubblewrap" else Path(tempfile.mkdtemp(prefix="convlens-"))
        name = secrets.token_hex(16)
        self.mark = f"CONVLENS_SANDBOX={name}".encode()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            with theirs, tempfile.TemporaryFile() as complaints:
                start = launch.plan(tier, packages, self._folder, theirs.fileno(), name)
                self._process = subprocess.Popen(
                    start.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    cwd=self._folder or "/",
                    env=start.environment,
                    start_new_session=True,
                    pass_fds=[theirs.fileno()],
                )
                theirs.close()
                try:
                    answer = self._order({**start.settings, "limits": dict(limits)}, seconds=_START)
                except ConnectionError:
                    answer = {"error": _last_line(complaints)}
            if "ready" not in answer:
                raise OSError(f"the tier {tier} does not start here: {answer.get('error')}")
        except BaseException:
            self.close()
            raise

    def fork(self, job: str) -> tuple[int, socket.socket]:
        """Start a guest; return its process number, as the host has it, and the socket to it. OSError if that fails."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                answer = self._order({"job": job}, theirs.fileno())
            if not isinstance(answer.get("pid"), int):
                raise OSError(f"the sandbox does not start {job}: {answer.get('error')}")
        except BaseException:
            ours.close()
            raise
        return answer["pid"], ours

    def end(self, guest: int, grace: float) -> int | None:
        """End a guest and all that it started.

        Return its exit status (`os.waitpid`) if it ended by itself within `grace` seconds, else None. A host that does
        not obey is ended itself.
        """
        host = processes.find(self._process.pid) if self._process and self.tier == "rlimits" else None
        if host:
            processes.send(host, signal.SIGCONT)  # in this tier a guest may have stopped its host
        try:
            status = self._order({"end": guest, "grace": grace}, seconds=_END + grace).get("status")
        except ConnectionError:
            self.close()
            return None
        if host:
            processes.end(host.pid, self.mark)
        return status if isinstance(status, int) else None

    def close(self) -> None:
        """End the host with all that it started, and remove its folder. A second call does nothing."""
        self._control.close()
        if self._process:
            root = self._process.pid
            family = processes.descendants(root, self.mark)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_RLIMITS if self.tier == "rlimits" else _LEAVE)
            for process in family:
                processes.send(process, signal.SIGKILL)
            processes.end(root, self.mark, itself=self._process.returncode is None)
            self._process.wait()
            self._process = None
            until = time.monotonic() + _END
            while any(processes.find(one.pid) == one for one in family) and time.monotonic() < until:
                time.sleep(0.002)
        if self._folder:
            leftovers.empty(str(self._folder))

    def _order(self, order: Mapping[str, Any], *handles: int, seconds: float = _ORDER) -> dict[str, Any]:
        """Send an order and return the host's answer; ConnectionError if none comes in time."""
        try:
            self._control.settimeout(seconds)
            socket.send_fds(self._control, [json.dumps(order).encode()], handles)
            answer = json.loads(self._control.recv(2**16))
        except (OSError, ValueError, RecursionError) as error:
            raise ConnectionError(f"the host process of the sandbox gives no answer: {error}") from None
        if not isinstance(answer, dict):
            raise ConnectionError("the host process of the sandbox gives no answer")
        return answer


def _last_line(complaints: IO[bytes]) -> str:
    """The last line that the process wrote to its standard error."""
    complaints.seek(0)
    lines = complaints.read(2**16).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
