"""The hosts that train together: their addresses and ranks, and the messages between them.

A host is a process; several hosts may run on one machine or on many. JAX's distributed runtime does the communication:
the first host runs a coordinator, and all hosts take part in collective operations over TCP.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.interop.frameworks import load

_HEARTBEAT = 10  # seconds of silence after which a host counts as lost
# When its transport loses a host, JAX raises a plain ValueError. Only this name in its text distinguishes it
_TRANSPORT = "Gloo"


def parse_hosts(text: str) -> list[str]:
    """Return HOST:PORT,HOST:PORT,… as a list; ValueError for a wrong address or one that occurs twice.

    >>> parse_hosts("10.0.0.1:9000,10.0.0.2:9000")
    ['10.0.0.1:9000', '10.0.0.2:9000']
    """
    hosts = [host.strip() for host in text.split(",")]
    for host in hosts:
        name, _, port = host.rpartition(":")
        if not name or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"hosts must be HOST:PORT,HOST:PORT,… with ports from 1 to 65535; got {host!r}")
        if hosts.count(host) > 1:
            raise ValueError(f"hosts must differ from each other; got {host} {hosts.count(host)} times")
    return hosts


def check_rank(rank: int | None, hosts: Sequence[str]) -> int:
    """Return the rank; ValueError unless it is from 0 to the number of hosts - 1."""
    if rank is None or not 0 <= rank < len(hosts):
        raise ValueError(f"rank must be from 0 to {len(hosts) - 1}, for {len(hosts)} hosts; got {rank}")
    return rank


class HostLostError(ConnectionError):
    """Another host is lost. Send no more messages to it, also not when this process ends."""


class ComplaintError(ValueError):
    """An error that the host `rank` has told to all hosts, so that all of them end."""

    def __init__(self, text: str, rank: int) -> None:
        super().__init__(text)
        self.rank = rank


class Hosts:
    """The hosts that train together. The host of rank 0 leads and has the run's folder. The default is one host.

    All hosts call the same methods in the same order, except that a host with an error calls `agree` in place of its
    next `gather`.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def tell(self, message: Any = None) -> Any:
        """Send the leader's message to all hosts as JSON; return it on every host."""
        if self.size == 1:
            return message
        text = np.frombuffer(json.dumps(message).encode(), np.uint8) if self.rank == 0 else np.zeros(0, np.uint8)
        length = int(self.share(np.array([len(text)], np.int64))[0])
        padded = np.zeros(length, np.uint8)
        padded[: len(text)] = text
        return json.loads(self.share(padded).tobytes())

    def share(self, array: Array, source: int = 0) -> Array:
        """Send the array of the host `source` to all hosts; return it on every host. All pass one shape and dtype."""
        if self.size == 1:
            return array
        from jax.experimental import multihost_utils

        return self._together(lambda: multihost_utils.broadcast_one_to_all(array, is_source=self.rank == source))

    def gather_arrays(self, array: Array) -> Array:
        """Return the arrays of all hosts (size, *shape), by rank. All must pass the same shape and dtype."""
        if self.size == 1:
            return array[None]
        from jax.experimental import multihost_utils

        found = self._together(lambda: multihost_utils.process_allgather(array))
        return found.reshape(self.size, *array.shape)

    def gather(self, message: Any) -> list[Any]:
        """Return the messages of all hosts by rank; each is sent as JSON. ComplaintError if a host has a complaint."""
        return self._gather(message, None)

    def agree(self, complaint: str | None) -> None:
        """Return if no host has a complaint; otherwise raise ComplaintError with the first complaint on all hosts."""
        self._gather(None, complaint)

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """Tell an error of the body to all hosts. All of them end by it at their next `gather` or `agree`."""
        try:
            yield
        except (ComplaintError, HostLostError):
            raise
        except Exception as error:
            try:
                self.agree(_words(error))
            except ComplaintError as first:
                if first.rank != self.rank:
                    raise first from None
            raise

    def _gather(self, message: Any, complaint: str | None) -> list[Any]:
        text = np.frombuffer(json.dumps([message, complaint]).encode(), np.uint8)
        lengths = self.gather_arrays(np.array([len(text)], np.int32)).ravel()
        padded = np.zeros(1 << int(lengths.max()).bit_length(), np.uint8)  # few different lengths: each is compiled
        padded[: len(text)] = text
        rows = self.gather_arrays(padded)
        said = [json.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)]
        for rank, (_, word) in enumerate(said):
            if word:
                raise ComplaintError(word if rank == self.rank else f"rank {rank}: {word}", rank)
        return [each for each, _ in said]

    def _together(self, function: Callable[[], Any]) -> Array:
        """Return the result of a collective operation as an array; HostLostError if another host is lost.

        It runs in a thread: while it waits for another host, Ctrl-C ends the main thread.
        """
        from jax.errors import JaxRuntimeError

        done: Future[Array] = Future()

        def run() -> None:
            try:
                done.set_result(np.asarray(function()))
            except BaseException as error:
                done.set_exception(error)

        Thread(target=run, daemon=True).start()
        try:
            return done.result()
        except (JaxRuntimeError, ValueError) as error:
            raise _lost(error, self.size) from None


def _lost(error: Exception, size: int) -> Exception:
    """Return HostLostError for an error of JAX's transport, and any other error as it is."""
    if isinstance(error, ValueError) and _TRANSPORT not in str(error):
        return error
    return HostLostError(f"one of the {size} hosts is lost: {_line(error)}")


@contextmanager
def join(hosts: Sequence[str], rank: int, timeout: float) -> Iterator[Hosts]:
    """Connect to the hosts at these addresses as number `rank`; the first address is the coordinator's.

    Raises TimeoutError if the first host does not answer within `timeout` seconds, and HostLostError if another host
    does not connect by then or is lost later. When a host is lost, JAX may also abort this process at once. So run it
    under a parent process that can say what happened.
    """
    if rank:
        _reach(hosts[0], timeout)
    jax = load("jax", "training on several hosts")
    try:
        jax.distributed.initialize(
            hosts[0],
            len(hosts),
            rank,
            initialization_timeout=max(1, round(timeout)),
            heartbeat_timeout_seconds=_HEARTBEAT,
            shutdown_timeout_seconds=_HEARTBEAT,
            coordinator_bind_address=hosts[0],
        )
    except Exception as error:
        raise HostLostError(
            f"all {len(hosts)} hosts must connect within {timeout:g} s; one did not, as rank {rank} reports: "
            f"{_line(error)}"
        ) from None
    try:
        yield Hosts(rank, len(hosts))
        jax.distributed.shutdown()
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if (found := _lost(error, len(hosts))) is error:
            raise
        raise found from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _reach(host: str, timeout: float) -> None:
    """Wait until the coordinator accepts connections; TimeoutError if it does not in time."""
    name, _, port = host.rpartition(":")
    end = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((name.strip("[]"), int(port)), timeout=max(0.1, end - time.monotonic())).close()
            return
        except OSError as error:
            if time.monotonic() + 0.2 > end:
                raise TimeoutError(
                    f"the first host must answer within {timeout:g} s; {host} does not: {error}"
                ) from None
            time.sleep(0.2)
