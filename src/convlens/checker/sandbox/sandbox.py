"""Somebody's code in a process that can do no harm, as far as the tier goes, and that is asked over a socket.

A `Sandbox` has one host process, which loads numpy or a framework once; each file gets a guest of its own, which the
host forks. Nothing that is said in there is believed here: it is bounded in bytes and in time, and read as data.
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
from convlens.checker.guest import Guest, GuestError
from convlens.checker.sandbox.guest_side import wire
from convlens.checker.sandbox.starting import Host

__all__ = ["Sandbox"]

_PROMPT = 30.0  # seconds for a process to say that it is sealed
_FILE = 2**26  # bytes of a file that the code writes
_OPEN = 256  # files at a time
_PROCESSES = 512  # more than the user has already


class Sandbox:
    """A context; in it, `guest` starts a process for each file, one at a time. Leaving it leaves nothing behind.

    To be used in one thread: the host process ends with the thread that had the first guest.
    """

    def __init__(
        self, tier: str, packages: Sequence[str] = ("numpy",), *, seconds: float = 10.0, memory: int = 2 * 2**30
    ) -> None:
        """tier: one of `tiers.TIERS`; packages: what is loaded before the files are; seconds: for one answer;
        memory: bytes of address space for each file, that of the packages included"""
        if sys.platform != "linux":
            raise OSError(f"checking somebody's code needs Linux; this is {sys.platform}")
        self.tier, self.packages, self.seconds, self.memory = tier, tuple(packages), seconds, memory
        self._host: Host | None = None
        self._busy = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        if self._host:
            self._host.close()
            self._host = None

    @contextlib.contextmanager
    def guest(self, job: str, source: bytes, options: Mapping[str, Any] | None = None) -> Iterator[Guest]:
        """A new process, sealed, that has that file and does that job, a module of `checker.inside`

        OSError if it cannot be sealed or started, ModuleNotFoundError for a package that is not installed, RuntimeError
        while another guest is there.
        """
        if self._busy:
            raise RuntimeError("a sandbox must have one guest at a time; the one before is not closed")
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
        """From the host that there is; if that fails, as an earlier guest may have seen to, from a new one"""
        if self._host:
            try:
                return _Guest(self, self._host, job, source, options)
            except OSError:
                self._host.close()
        self._host = None
        self._host = Host(self.tier, self.packages, _limits(self))
        return _Guest(self, self._host, job, source, options)


class _Guest:
    """One forked process with somebody's code, see `Guest`."""

    def __init__(self, sandbox: Sandbox, host: Host, job: str, source: bytes, options: dict[str, Any]) -> None:
        """See that it is sealed, only then hand it the file; OSError otherwise"""
        self._sandbox, self._host = sandbox, host
        self._number = 0
        self._gone = ""  # why, once it is
        self._pid, self._channel = host.fork(job)
        self._channel.setblocking(False)
        self._until = time.monotonic() + _PROMPT
        try:
            _, answer, _ = wire.load(self._read)
            if "sealed" not in answer:
                raise OSError(f"the tier {sandbox.tier} does not work here: {answer.get('unsealed')}")
            self._write(wire.dump(0, options, [np.frombuffer(source, np.uint8)]))
        except BaseException as error:
            self.close()
            if isinstance(error, (EOFError, TimeoutError, wire.WireError)):
                raise OSError(f"the tier {sandbox.tier} does not work here: a guest says nothing") from None
            raise

    def ask(
        self, request: Mapping[str, Any], arrays: Sequence[Array] = (), *, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[Array]]:
        """The answer to a request, see `Guest.ask`; ValueError for a request that cannot be sent"""
        if self._gone:
            raise GuestError(self._gone)
        limit = self._sandbox.seconds if seconds is None else seconds
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
            self._end(f"ran for more than {limit:g} s and was stopped")
        except EOFError:
            self._end("")
        except wire.TooMuchError as error:
            self._end(f"sent an answer of {error.size:,} bytes; more than {wire.MOST:,} are not taken")
        except wire.WireError:
            self._end("sent something that is no answer")
        raise GuestError(self._gone)

    def close(self) -> None:
        """End the process and all that it started"""
        if not self._gone:
            self._end("was stopped")

    def _end(self, reason: str) -> None:
        self._channel.close()
        status = self._host.end(self._pid, 0.0 if reason else 1.0)
        self._gone = reason or _ending(status, self._sandbox)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT)
            try:
                left = left[self._channel.send(left, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                continue
            except OSError:
                raise EOFError from None

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        left = memoryview(data)
        while left:
            self._wait(select.POLLIN)
            try:
                got = self._channel.recv_into(left)
            except BlockingIOError:
                continue
            except OSError:
                raise EOFError from None
            if not got:
                raise EOFError
            left = left[got:]
        return data

    def _wait(self, what: int) -> None:
        """Until the socket is ready; TimeoutError at the end of the time for the whole answer"""
        left = self._until - time.monotonic()
        poll = select.poll()
        poll.register(self._channel, what)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError


def _limits(sandbox: Sandbox) -> dict[str, int]:
    """For `inside.seal`: what a whole guest may use of each resource; its time counts for each answer by the clock"""
    seconds = 20 + int(20 * sandbox.seconds)
    sizes = {"AS": sandbox.memory, "DATA": sandbox.memory, "CORE": 0, "FSIZE": _FILE, "MEMLOCK": 2**16}
    return {**sizes, "NOFILE": _OPEN, "CPU": seconds, "NPROC": _PROCESSES}


def _ending(status: int | None, sandbox: Sandbox) -> str:
    """Why a guest that nobody stopped is gone, as its host tells"""
    if status is None:
        return "closed its connection without an answer"
    number = status & 0x7F
    if not number:
        return f"ended its process (exit code {status >> 8 & 0xFF})"
    if number == signal.SIGXCPU:
        return f"used more than {_limits(sandbox)['CPU']} s of processor time"
    if number == signal.SIGKILL:
        return "was killed by the system, for want of memory or of processor time"
    with contextlib.suppress(ValueError):
        return f"crashed its process (signal {number}, {signal.strsignal(number) or signal.Signals(number).name})"
    return f"crashed its process (signal {number})"
