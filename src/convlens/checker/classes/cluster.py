"""A Dask cluster that grades: the same work, done by its workers, each of which sandboxes for itself.

The files' bytes and the options go out, a report comes back. Dask gives the work of a worker that is lost to another.
Its workers must have the same version of convlens installed, and be as trusted as this machine is.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
import warnings
from concurrent.futures import Future
from importlib.metadata import version
from typing import Any, cast

from convlens.checker.classes import grader
from convlens.checker.classes.graders import Grader, Trouble, read_answer
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["Cluster"]

_SOON = 8.0  # seconds for an answer
_PATIENCE = 60  # seconds without any worker, after which the cluster counts as lost


class Cluster:
    """The workers of the cluster whose scheduler is at that address, such as "tcp://10.0.0.1:8786". A context manager.

    unsafe: let code run in a sandbox that does not hold; check: as for `Grader`. ImportError
    without the package distributed; ConnectionError if nobody answers within `timeout` seconds, or there is no worker.
    """

    def __init__(self, address: str, *, unsafe: bool = False, check: str | None = None, timeout: float = _SOON) -> None:
        self.address = address
        self._unsafe, self._check, self._version = unsafe, check or grader.CHECK, version("convlens")
        self._held: dict[Future[Report], Any] = {}  # Dask forgets the work that nobody holds
        self._looked, self._seen = 0.0, time.monotonic()
        self._threads, self._closed = 1, False
        self._client = _connect(address, timeout)
        try:
            self._meet(timeout)
        except BaseException:
            self.close()
            raise

    @property
    def width(self) -> int:
        """How many submissions to have in hand: two for each thread of a worker"""
        return 2 * self._threads

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """The report, later; its exception is Trouble, or ConnectionError when the scheduler is lost."""
        found: Future[Report] = Future()
        line = grader.pack(submission, options, self._unsafe)
        name = f"convlens-{secrets.token_hex(8)}"
        theirs = self._client.submit(_grade, line, self._check, self._version, key=name, pure=False)
        self._held[found] = theirs
        theirs.add_done_callback(lambda theirs: self._settle(found, theirs))
        return found

    def watch(self) -> None:
        """ConnectionError when the scheduler is lost, or has had no worker for a minute"""
        now = time.monotonic()
        if now - self._looked < 5:
            return
        self._looked = now
        threads = self._count()
        if threads:
            self._threads, self._seen = threads, now
        elif now - self._seen > _PATIENCE:
            raise ConnectionError(
                f"the Dask cluster at {self.address!r} must have a worker; it has had none for a while"
            )

    def _count(self) -> int:
        try:
            if self._client.status != "running":
                raise OSError
            return sum(self._client.nthreads().values())
        except OSError:
            raise self._lost() from None

    def _lost(self) -> ConnectionError:
        return ConnectionError(f"the Dask scheduler at {self.address!r} must go on answering; it does not any more")

    def _meet(self, timeout: float) -> None:
        try:
            self._client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            raise ConnectionError(f"the Dask cluster at {self.address!r} must have a worker; it has none") from None
        self._threads = self._count() or 1
        try:
            theirs = self._client.submit(version, "convlens", pure=False).result(timeout=_PATIENCE)
        except Exception as error:
            raise ConnectionError(
                f"the workers of the Dask cluster at {self.address!r} must have convlens installed: {error!r}"
            ) from None
        if theirs != self._version:
            raise ConnectionError(
                f"the workers of the Dask cluster at {self.address!r} must have convlens {self._version}; "
                f"one has {theirs}"
            )

    def _settle(self, found: Future[Report], theirs: Any) -> None:
        """In a thread of Dask's: what came of it"""
        try:
            found.set_result(read_answer(self._fetch(theirs)))
        except Trouble as trouble:
            found.set_exception(trouble)
        except BaseException as error:  # Dask's CancelledError is none that Exception catches
            lost = theirs.status in ("cancelled", "lost")
            found.set_exception(self._lost() if lost else Trouble(f"the Dask cluster could not do it: {error}"))
        finally:
            self._held.pop(found, None)

    def _fetch(self, theirs: Any) -> str:
        """The answer. In pieces of a second: when we let go of the cluster meanwhile, Dask would wait for ever."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return str(theirs.result(timeout=1))
            except TimeoutError:
                if self._closed or time.monotonic() > until:
                    raise

    def close(self) -> None:
        """Let go of the cluster; work that it has not done it need not do."""
        self._closed = True
        with warnings.catch_warnings(action="ignore"):
            self._client.close(timeout=3)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(address: str, timeout: float) -> Any:
    if not re.fullmatch(r"(\w+://)?.+:\d+", address):
        raise ValueError(f"a Dask cluster's address must be such as tcp://HOST:PORT; got {address!r}")
    try:
        import distributed
    except ModuleNotFoundError:
        raise ImportError(
            "grading on a Dask cluster needs distributed, which is not installed: pip install 'convlens[cluster]'"
        ) from None
    _hush()
    try:
        asyncio.run(asyncio.wait_for(_greet(address), timeout))  # for a Client would wait for ever at a silent port
        with warnings.catch_warnings(action="ignore"):
            return cast(Any, distributed).Client(address, timeout=timeout, set_as_default=False, name="convlens")
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        said = (str(error).strip().splitlines() or [f"no answer in {timeout:g} s"])[0]
        raise ConnectionError(f"a Dask scheduler must answer at {address!r}; none does: {said}") from None


async def _greet(address: str) -> None:
    """OSError unless who answers there is a scheduler"""
    from distributed.core import rpc
    from distributed.security import Security

    ask, security = cast(Any, rpc), cast(Any, Security)  # they have no types
    async with ask(address, connection_args=security().get_connection_args("client")) as scheduler:
        found = await scheduler.identity()
    if found.get("type") != "Scheduler":
        raise OSError(f"a {found.get('type', 'nobody')} does")


def _hush() -> None:
    """Dask tells of every worker that comes or goes, to its very end; we say what matters ourselves."""
    ours = ("distributed", "dask", "tornado", "asyncio")
    for name in (*ours, *(name for name in logging.root.manager.loggerDict if name.split(".")[0] in ours)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


# On a worker ---------------------------------------------------------------------------------------------------------

_idle: dict[str, list[Grader]] = {}  # by their check: processes that wait for a submission; they end with this one


def _grade(line: bytes, check: str, wanted: str) -> str:
    """The answer of a grader: a process of its own, so that a worker of many threads grades as many at a time"""
    if (found := version("convlens")) != wanted:
        return json.dumps({"trouble": f"a worker must have convlens {wanted}; one has {found}"})
    idle = _idle.setdefault(check, [])
    try:
        one = idle.pop()
    except IndexError:
        one = Grader(check)
    try:
        submission, options, unsafe = grader.unpack(line)
        return json.dumps({"report": one.grade(submission, options, unsafe=unsafe).as_json()})
    except Trouble as trouble:
        return json.dumps({"trouble": str(trouble)})
    finally:
        idle.append(one)
