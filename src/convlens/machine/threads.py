"""Threads that share one process's work, with BLAS kept to one thread of its own meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
_users: set[object] = set()
_limits: Any = None  # BLAS has one setting for the whole process, so what it was is kept here


def usable_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Helper(threading.Thread):
    """A thread that does what it is given, again and again. Two locks wake faster than a queue and a future do."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """What the thread does."""
        while self._go.acquire() and self._work is not None:
            try:
                self._work()
            except BaseException as error:  # for `result` to raise
                self._error = error
            self._done.release()

    def give(self, work: Callable[[], None] | None) -> None:
        """Begin this; None ends the thread."""
        self._work = work
        self._go.release()

    def wait(self) -> BaseException | None:
        """When the work is done: what it raised, if anything"""
        self._done.acquire()
        error, self._error = self._error, None
        return error


class Workers:
    """The calling thread and `threads - 1` others, which take pieces of work as they come. One `map` at a time."""

    def __init__(self, threads: int) -> None:
        self._helpers = [_Helper() for _ in range(threads - 1)]
        self._free = threading.Lock()

    def map(self, work: Callable[[int], T], pieces: int) -> list[T]:
        """[work(0), …, work(pieces - 1)], in that order whoever did them; the first exception, if there is one"""
        results: list[Any] = [None] * pieces
        left = iter(range(pieces))  # one piece to whoever asks first: Python's lock makes that safe

        def take() -> None:
            for k in left:
                results[k] = work(k)

        if not self._free.acquire(blocking=False):  # another thread's, or our own from inside a piece: do it alone
            take()
            return results
        helpers = self._helpers[: max(0, pieces - 1)]
        try:
            for helper in helpers:
                helper.give(take)
            try:
                take()
            finally:
                errors = self._wait(helpers)
        finally:
            self._free.release()
        for error in errors:
            if error is not None:
                raise error
        return results

    def _wait(self, helpers: list[_Helper]) -> list[BaseException | None]:
        try:
            return [helper.wait() for helper in helpers]
        except BaseException:  # Ctrl-C while waiting: these go on to the end of their piece, later work gets others
            self.close()
            self._helpers = [_Helper() for _ in self._helpers]
            raise

    def close(self) -> None:
        """End the other threads."""
        for helper in self._helpers:
            helper.give(None)
        for helper in self._helpers:
            helper.join()


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """So many threads; BLAS keeps to one thread inside, since its own would spin in the way of ours."""
    with _one_blas_thread():
        crew = Workers(threads)
        try:
            yield crew
        finally:
            crew.close()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """From the first user's beginning to the last one's end; then BLAS is as it was."""
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
