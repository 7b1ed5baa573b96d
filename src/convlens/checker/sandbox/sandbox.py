"""The sandbox: run submitted code in a sealed process, and send it requests over a socket.

A `Sandbox` has one host process, which loads numpy or a framework once. For each file the host forks a guest, a process
of its own. A guest's answers are data with limits for size and time. They are never trusted.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.checker.guest import Ending, Guest, GuestError
from convlens.checker.sandbox.guest_side import processes, wire
from convlens.checker.sandbox.host import Host

__all__ = ["Sandbox"]

_SEAL_SECONDS = 30.0  # limit for a new guest to report that it is sealed: milliseconds on a machine that is not busy
_PATIENCE = 6  # time of day for an answer, in limits of processor time: a machine may have many busy processes
_LOOK = 0.05  # seconds between two looks at the processor time
_END_SECONDS = 5.0  # limit for a guest that closed its connection to end by itself, so that its exit code is known
_FILE_BYTES = 2**26  # bytes of the largest file that the code may write, the same as for one answer
_OPEN_FILES = 256  # open files of the code: many times the number that a task needs
_PROCESSES = 512  # additional processes and threads of the user: TensorFlow starts a few for each core


class Sandbox:
    """A sandbox, in which `guest` starts a process for one file, one guest at a time.

    A context manager that ends all processes and removes all files of the sandbox. It must be used in one thread: the
    host process ends with the thread that started the first guest.
    """

    def __init__(
        self, tier: str, packages: Sequence[str] = ("numpy",), *, seconds: float = 10.0, memory: int = 2 * 2**30
    ) -> None:
        """Start nothing yet.

        tier: one of `tiers.TIERS`; packages: packages to load before the files; seconds: limit for one answer; memory:
        bytes of address space of each guest, including the packages. Raise OSError unless this is Linux.
        """
        if sys.platform != "linux":
            raise OSError(f"checking submitted code needs Linux; this is {sys.platform}")
        self.tier, self.packages, self.seconds, self.memory = tier, tuple(packages), seconds, memory
        self._host: Host | None = None
        self._busy = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        if self._host:
            self._host.close()
            self._host = None

    def begin(self) -> None:
        """Start to load the packages, so that the first guest waits less. What fails is told when a guest is asked
        for."""
        if not self._host:
            with contextlib.suppress(OSError, ModuleNotFoundError):
                self._host = Host(self.tier, self.packages, _limits(self))

    @contextlib.contextmanager
    def guest(self, job: str, source: bytes, options: Mapping[str, Any] | None = None) -> Iterator[Guest]:
        """Start a sealed process with the file `source` and a job, the name of a module of `sandbox.guest_side`.

        Raise OSError if the process cannot be sealed or started, ModuleNotFoundError for a package that is not
        installed, RuntimeError while another guest is open.
        """
        if self._busy:
            raise RuntimeError("a sandbox must have one guest at a time; the previous guest is still open")
        self._busy = True
        try:
            guest = self._start(job, source, dict(options or {}))
            try:
                yield guest
            finally:
                guest.close()
        finally:
            self._busy = False

    def _start(self, job: str, source: bytes, options: dict[str, Any]) -> _Guest:
        """Start a guest. If that fails, an earlier guest may have damaged the host, so try again with a new host."""
        if self._host:
            try:
                return _Guest(self, self._host, job, source, options)
            except OSError:
                self._host.close()
        self._host = None
        self._host = Host(self.tier, self.packages, _limits(self))
        return _Guest(self, self._host, job, source, options)


class _Guest:
    """A `Guest`: one forked process with submitted code."""

    def __init__(self, sandbox: Sandbox, host: Host, job: str, source: bytes, options: dict[str, Any]) -> None:
        """Wait until the process is sealed, and only then send it the file. Raise OSError if it is not sealed."""
        host.await_ready()
        self._sandbox, self._host = sandbox, host
        self._number = 0
        self._gone: tuple[str, Ending] | None = None  # why the process is gone, None before it is
        self._pid, self._channel = host.fork(job)
        self._time = _clock(host.outer(self._pid))
        self._limit, self._begin = _SEAL_SECONDS, self.clock()
        self._channel.setblocking(False)
        self._until = time.monotonic() + _SEAL_SECONDS
        self._patience = _SEAL_SECONDS
        try:
            _, answer, _ = wire.load(self._read)
            if "sealed" not in answer:
                raise OSError(f"the tier {sandbox.tier} does not work here: {answer.get('unsealed')}")
            self._write(wire.dump(0, options, [np.frombuffer(source, np.uint8)]))
        except BaseException as error:
            self.close()
            if isinstance(error, (EOFError, TimeoutError, wire.WireError)):
                raise OSError(f"the tier {sandbox.tier} does not work here: a guest does not answer") from None
            raise

    def ask(
        self, request: Mapping[str, Any], arrays: Sequence[Array] = (), *, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        """Return the answer to a request, see `Guest.ask`. Raise ValueError for a request that cannot be sent."""
        if self._gone:
            raise GuestError(*self._gone)
        limit = self._sandbox.seconds if seconds is None else seconds
        self._limit, self._begin = limit, self.clock()
        self._patience = _PATIENCE * limit
        self._until = time.monotonic() + limit
        self._number += 1
        data = wire.dump(self._number, dict(request), arrays)
        try:
            self._write(data)
            number, answer, results = wire.load(self._read)
            if number != self._number:
                raise wire.WireError("an answer must have the number of its request")
            return answer, results
        except TimeoutError:
            computed = self.clock() - self._begin >= limit or self._time is None
            text = f"ran for more than {limit:g} s" if computed else f"gave no answer for {self._patience:g} s"
            gone = self._end(f"{text} and was stopped", Ending.TIMED_OUT)
        except EOFError:
            gone = self._end()
        except wire.TooMuchError as error:
            text = f"sent an answer of {error.size:,} bytes; the limit is {wire.MOST:,}"
            gone = self._end(text, Ending.TOO_LARGE)
        except wire.WireError:
            gone = self._end("sent something that is not an answer", Ending.NO_MESSAGE)
        raise GuestError(*gone)

    def close(self) -> None:
        """End the process and all its descendants."""
        if not self._gone:
            self._end("was stopped", Ending.STOPPED)

    def _end(self, text: str = "", ending: Ending = Ending.EXITED) -> tuple[str, Ending]:
        """End the process and return why it is gone: `text` and `ending`, or without a text what the host reports."""
        self._channel.close()
        if self._time is not None:
            self._time.close()
        status = self._host.end(self._pid, 0.0 if text else _END_SECONDS)
        self._gone = (text, ending) if text else _exit_reason(status, self._sandbox)
        return self._gone

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._channel.send(left, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError:
                raise EOFError from None

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        left = memoryview(data)
        while left:
            try:
                got = self._channel.recv_into(left)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError:
                raise EOFError from None
            if not got:
                raise EOFError
            left = left[got:]
        return data

    def clock(self) -> float:
        """Return the processor time of the process so far in seconds, or the time of day if the system does not tell.

        So a limit does not depend on what else the machine does.
        """
        used = None if self._time is None else self._time.seconds()
        return time.monotonic() if used is None else used

    def _wait(self, what: int) -> None:
        """Wait until the socket is ready.

        Raise TimeoutError when the process has used the processor for the whole limit, or when a process that waits
        for something, or gets no processor, has taken _PATIENCE times as long.
        """
        poll = select.poll()
        poll.register(self._channel, what)
        left = self._until - time.monotonic()  # until the limit could be reached at all
        if left > 0 and poll.poll(left * 1000):
            return
        last = self._until - self._limit + self._patience
        while True:
            if self.clock() - self._begin >= self._limit or time.monotonic() >= last:
                raise TimeoutError
            if poll.poll(_LOOK * 1000):
                return


def _clock(pid: int | None) -> processes.Clock | None:
    """Return the clock of a process, None if the system does not tell its processor time."""
    try:
        return None if pid is None else processes.Clock(pid)
    except OSError:
        return None


def _limits(sandbox: Sandbox) -> dict[str, int]:
    """Return the limits of one guest, for `guest_side.seal`.

    CPU limits the processor time of the guest's whole life in seconds. It is a second line of defence, since the clock
    limits each answer. All answers together may take 6 times the limit for one (`functions.process`,
    `lenets.under_test`). The limit of the processor time is 20 times the limit for one answer, which leaves room for
    three threads that compute all the time, and for loading.
    """
    seconds = 20 + int(20 * sandbox.seconds)
    sizes = {"AS": sandbox.memory, "DATA": sandbox.memory, "CORE": 0, "FSIZE": _FILE_BYTES, "MEMLOCK": 2**16}
    return {**sizes, "NOFILE": _OPEN_FILES, "CPU": seconds, "NPROC": _PROCESSES}


def _exit_reason(status: int | None, sandbox: Sandbox) -> tuple[str, Ending]:
    """Return why a guest ended by itself. status: the status of `os.waitpid`, None if the guest did not end."""
    if status is None:
        return "closed its connection without an answer", Ending.DISCONNECTED
    number = status & 0x7F
    if not number:
        return f"ended its process (exit code {status >> 8 & 0xFF})", Ending.EXITED
    if number == signal.SIGXCPU:
        return f"used more than {_limits(sandbox)['CPU']} s of processor time", Ending.PROCESSOR_TIME
    if number == signal.SIGKILL:
        return "was killed by the system, because it used too much memory or processor time", Ending.KILLED
    with contextlib.suppress(ValueError):
        name = signal.strsignal(number) or signal.Signals(number).name
        return f"crashed its process (signal {number}, {name})", Ending.CRASHED
    return f"crashed its process (signal {number})", Ending.CRASHED
