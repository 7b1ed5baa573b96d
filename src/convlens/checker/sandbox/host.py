"""The host process of a sandbox, as its parent uses it: start it, give it orders, end it and all its descendants.

The program of the host process is `guest_side.fork_server`.
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

# Seconds. Each limit is many times the duration on an idle machine, so that a busy machine does not fail.
_START = 120.0  # for the host to load its packages: TensorFlow takes some seconds
_ORDER = 30.0  # for any order except the end of a guest: milliseconds of work
_END = 10.0  # for the end of a guest; a host that does not answer within this time is replaced
_EXIT = 2.0  # for the host to end after its socket closes; then it is killed
_EXIT_RLIMITS = 0.2  # the same in the tier rlimits, in which a guest may prevent the host from ending


class Host:
    """The process that forks guests, its folder, and the socket for its orders.

    mark: an environment variable of every process that the host starts, and of no other process
    """

    def __init__(self, tier: str, packages: Sequence[str], limits: Mapping[str, int]) -> None:
        """Start the process, which loads the packages. `await_ready` waits for it.

        limits: the limits for `guest_side.seal`. Raise OSError if the process does not start, ModuleNotFoundError for a
        package that is not installed.
        """
        self.tier = tier
        # With bubblewrap, the process has its own /tmp instead
        self._folder = None if tier == "bubblewrap" else Path(tempfile.mkdtemp(prefix="convlens-"))
        name = secrets.token_hex(16)
        self.mark = f"CONVLENS_SANDBOX={name}".encode()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._parents: list[int] = []
        self._stderr: IO[bytes] | None = None  # until the process is ready
        try:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is ready, or by `close`
            with theirs:
                start = launch.plan(tier, packages, self._folder, theirs.fileno(), name)
                self._process = subprocess.Popen(
                    start.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    cwd=self._folder or "/",
                    env=start.environment,
                    start_new_session=True,
                    pass_fds=[theirs.fileno()],
                )
            with contextlib.suppress(ConnectionError):  # if it has ended already, `await_ready` says why
                self._send({**start.settings, "limits": dict(limits)})
        except BaseException:
            self.close()
            raise

    def await_ready(self) -> None:
        """Wait until the packages are loaded. Raise OSError if the tier does not work here."""
        if self._stderr is None:
            return
        try:
            answer = self._receive(_START)
        except ConnectionError:
            answer = {"error": _last_line(self._stderr)}
        self._stderr.close()
        self._stderr = None
        if "ready" not in answer:
            self.close()
            raise OSError(f"the tier {self.tier} does not start here: {answer.get('error')}")

    def fork(self, job: str) -> tuple[int, socket.socket]:
        """Start a guest. Return its process ID in the host's namespace and a socket to it. Raise OSError on failure."""
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

    def outer(self, guest: int) -> int | None:
        """Return the ID of a guest outside its namespace, None if the system does not tell."""
        if not self._process:
            return None
        if not self._parents:  # with bubblewrap, the host is a child of a child of the process that was started
            self._parents = [self._process.pid]
            for _ in range(3):
                self._parents += [pid for one in self._parents for pid in processes.children(one)]
            self._parents = list(dict.fromkeys(self._parents))
        return processes.outer_id(self._parents, guest)

    def end(self, guest: int, grace: float) -> int | None:
        """End a guest and all its descendants.

        Return its exit status (`os.waitpid`) if it ended by itself within `grace` seconds, else None. If the host does
        not answer, the host is ended too.
        """
        host = processes.find(self._process.pid) if self._process and self.tier == "rlimits" else None
        if host:
            processes.send(host, signal.SIGCONT)  # in the tier rlimits, a guest may have stopped its host
        try:
            status = self._order({"end": guest, "grace": grace}, seconds=_END + grace).get("status")
        except ConnectionError:
            self.close()
            return None
        if host:
            processes.end(host.pid, self.mark)
        return status if isinstance(status, int) else None

    def close(self) -> None:
        """End the host and all its descendants, and remove its folder. A second call does nothing."""
        self._control.close()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None
        if self._process:
            root = self._process.pid
            family = processes.descendants(root, self.mark)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_RLIMITS if self.tier == "rlimits" else _EXIT)
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
        """Send an order and return the host's answer. Raise ConnectionError if none comes in time."""
        self._send(order, *handles)
        return self._receive(seconds)

    def _send(self, order: Mapping[str, Any], *handles: int) -> None:
        try:
            self._control.settimeout(_ORDER)
            socket.send_fds(self._control, [json.dumps(order).encode()], handles)
        except OSError as error:
            raise ConnectionError(f"the host process of the sandbox takes no order: {error}") from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            self._control.settimeout(seconds)
            answer = json.loads(self._control.recv(2**16))
        except (OSError, ValueError, RecursionError) as error:
            raise ConnectionError(f"the host process of the sandbox gives no answer: {error}") from None
        if not isinstance(answer, dict):
            raise ConnectionError("the host process of the sandbox gives no answer")
        return answer


def _last_line(stderr: IO[bytes]) -> str:
    """Return the last line that the process wrote to its standard error."""
    stderr.seek(0)
    lines = stderr.read(2**16).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
