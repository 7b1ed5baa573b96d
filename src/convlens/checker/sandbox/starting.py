"""The host process of a sandbox as the parent has it: started, told what to do, ended with all that it started."""

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

_START = 120.0  # seconds for the host to load a framework, on a machine that is busy
_PROMPT = 30.0  # seconds for what it does at once
_SOON = 10.0  # and for the end of a guest, after which a host that says nothing is replaced
_LEAVE = {"rlimits": 0.2}  # seconds for it to leave when its socket closes; there, a guest may keep it from that


class Host:
    """The process that forks guests, with the folder that it has and the socket that it obeys.

    mark: what the environment has of all that it starts, and of nothing else
    """

    def __init__(self, tier: str, packages: Sequence[str], limits: Mapping[str, int]) -> None:
        """Start it. OSError if that tier does not work here, ModuleNotFoundError for a package that is not installed"""
        self.tier = tier
        # Under bubblewrap it has one of its own that nobody else sees
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
        """A guest's number, as the host has it, and the socket to it; OSError if it does not start one"""
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
        """End a guest and all that it started: how it ended by itself within so many seconds, None if it did not

        A host that does not do it is ended itself.
        """
        host = processes.find(self._process.pid) if self._process and self.tier == "rlimits" else None
        if host:
            processes.send(host, signal.SIGCONT)  # in this tier its guest may have stopped it
        try:
            status = self._order({"end": guest, "grace": grace}, seconds=_SOON + grace).get("status")
        except ConnectionError:
            self.close()
            return None
        if host:
            processes.end(host.pid, self.mark)
        return status if isinstance(status, int) else None

    def close(self) -> None:
        """End it with all that it started, and remove its folder. A second time does nothing."""
        self._control.close()
        if self._process:
            root = self._process.pid
            family = processes.descendants(root, self.mark)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE.get(self.tier, 2.0))
            for process in family:
                processes.send(process, signal.SIGKILL)
            processes.end(root, self.mark, itself=self._process.returncode is None)
            self._process.wait()
            self._process = None
            until = time.monotonic() + _SOON
            while any(processes.find(one.pid) == one for one in family) and time.monotonic() < until:
                time.sleep(0.002)
        if self._folder:
            leftovers.empty(str(self._folder))

    def _order(self, order: Mapping[str, Any], *handles: int, seconds: float = _PROMPT) -> dict[str, Any]:
        """Its answer; ConnectionError if there is none in time"""
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
    complaints.seek(0)
    lines = complaints.read(2**16).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
