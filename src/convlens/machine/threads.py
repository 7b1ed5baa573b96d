"""A pool of threads that share the work of one process. While a pool exists, BLAS uses one thread only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
_users: set[object] = set()  # one object for each `with` block that now needs BLAS on one thread
_limits: Any = None  # the number of BLAS threads before the first user; BLAS has one setting for the whole process


def usable_threads() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _WorkerThread(threading.Thread):
    """A thread that runs one function after another. It waits on two locks: they wake it faster than a queue would."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Run each function that `give` passes, until it passes None."""
        while self._go.acquire() and self._work is not None:
            try:
                self._work()
            except BaseException as error:  # `wait` returns it
                self._error = error
            self._done.release()

    def give(self, work: Callable[[], None] | None) -> None:
        """Start `work` on the thread. None ends the thread."""
        self._work = work
        self._go.release()

    def wait(self) -> BaseException | None:
        """Wait until the work is done. Return the exception that it raised, or None."""
        self._done.acquire()
        error, self._error = self._error, None
        return error


class Workers:
    """A pool of `threads` threads: the calling thread and `threads - 1` others. Each free thread takes the next piece.

    One call of `map` uses the pool at a time. A second call meanwhile runs on its calling thread only. A thread starts
    when there is a piece for it; where the system starts no more threads, the pool has fewer.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._others: list[_WorkerThread] = []
        self._free = threading.Lock()

    def map(self, work: Callable[[int], T], pieces: int) -> list[T]:
        """Return [work(0), …, work(pieces - 1)], in this order, whichever thread ran each piece.

        Raises the exception of a piece, if one failed.
        """
        results: list[Any] = [None] * pieces
        left = iter(range(pieces))  # the global interpreter lock gives each piece to one thread only

        def take() -> None:
            for k in left:
                results[k] = work(k)

        if not self._free.acquire(blocking=False):  # in use by another thread, or by a piece that calls `map` itself
            take()
            return results
        try:
            others = self._started(min(pieces, self._threads) - 1)
            for other in others:
                other.give(take)
            try:
                take()
            finally:
                errors = self._wait(others)
        finally:
            self._free.release()
        for error in errors:
            if error is not None:
                raise error
        return results

    def _started(self, wanted: int) -> list[_WorkerThread]:
        """Return `wanted` other threads, or as many as the system starts."""
        with suppress(RuntimeError):  # can't start new thread
            while len(self._others) < wanted:
                self._others.append(_WorkerThread())
        return self._others[: max(0, wanted)]

    def _wait(self, others: list[_WorkerThread]) -> list[BaseException | None]:
        try:
            return [other.wait() for other in others]
        except BaseException:  # Ctrl-C while waiting: these threads still end their pieces; later work gets new threads
            self.close()
            self._others = []
            raise

    def close(self) -> None:
        """End the other threads."""
        for other in self._others:
            other.give(None)
        for other in self._others:
            other.join()


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Yield a pool of `threads` threads. Inside the block, BLAS uses one thread only.

    More BLAS threads would spin while they wait, and so take the cores from the pool.
    """
    with _one_blas_thread():
        pool = Workers(threads)
        try:
            yield pool
        finally:
            pool.close()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while at least one block uses it. The last block restores the earlier setting."""
    from threadpoolctl import threadpool_limits

    global _limits
    user = object()
    with _lock:
        _users.add(user)
        if _limits is None:
            _limits = threadpool_limits(1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _users.discard(user)
            if not _users and _limits is not None:
                _limits.restore_original_limits()
                _limits = None
