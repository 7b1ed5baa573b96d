"""Grade on a Dask cluster: each worker has sandboxes of its own.

The client sends the bytes of the files and the options, and a worker returns a report. If a worker is lost, Dask gives
its work to another one. The workers must have the same version of convlens, and must be trusted like this machine.
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

from convlens.checker.classes import grader_program
from convlens.checker.classes.grader_processes import GraderProcess
from convlens.checker.classes.messages import Trouble, pack, read_answer, unpack
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["Cluster"]

# Seconds
_ANSWER = 8.0  # limit for the scheduler's answer: it takes milliseconds, so a wrong address is reported soon
_PATIENCE = 60  # time without any worker after which the cluster counts as lost: a worker may be restarting
_COUNT_INTERVAL = 5  # shortest time between two requests that ask how many workers there are
_CLOSE = 3  # limit for the client to close


class Cluster:
    """The workers of a Dask cluster as a `grading.GradingBackend`. A context manager that closes the connection."""

    def __init__(
        self, address: str, *, unsafe: bool = False, check: str | None = None, timeout: float = _ANSWER
    ) -> None:
        """Connect to the scheduler.

        address: address of the scheduler, for example "tcp://10.0.0.1:8786"; unsafe: whether the weakest tier of the
        sandbox is accepted; check: as for `GraderProcess`; timeout: seconds for the scheduler to answer. Raise
        ImportError without the package distributed, ConnectionError if no scheduler answers or it has no worker.
        """
        self.address = address
        self._unsafe, self._check, self._version = unsafe, check or grader_program.CHECKER, version("convlens")
        self._kept: dict[Future[Report], Any] = {}  # Dask's futures: Dask cancels the work of a future that is not kept
        self._last_count, self._last_worker = 0.0, time.monotonic()
        self._threads, self._closed = 1, False
        self._client = _connect(address, timeout)
        try:
            self._await_worker(timeout)
        except BaseException:
            self.close()
            raise

    @property
    def width(self) -> int:
        """The number of submissions to submit at a time: two for each thread of a worker."""
        return 2 * self._threads

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """Return a future of the report. Its exception is Trouble, or ConnectionError if the scheduler is lost."""
        found: Future[Report] = Future()
        line = pack(submission, options, self._unsafe)
        name = f"convlens-{secrets.token_hex(8)}"
        dask_future = self._client.submit(_grade, line, self._check, self._version, key=name, pure=False)
        self._kept[found] = dask_future
        dask_future.add_done_callback(lambda dask_future: self._finish(found, dask_future))
        return found

    def watch(self) -> None:
        """Raise ConnectionError if the scheduler is lost, or has had no worker for a minute."""
        now = time.monotonic()
        if now - self._last_count < _COUNT_INTERVAL:
            return
        self._last_count = now
        threads = self._count()
        if threads:
            self._threads, self._last_worker = threads, now
        elif now - self._last_worker > _PATIENCE:
            raise ConnectionError(
                f"the Dask cluster at {self.address!r} must have a worker; it has had none for a while"
            )

    def _count(self) -> int:
        """Return the number of threads of all workers together."""
        try:
            if self._client.status != "running":
                raise OSError
            return sum(self._client.nthreads().values())
        except OSError:
            raise self._scheduler_lost() from None

    def _scheduler_lost(self) -> ConnectionError:
        return ConnectionError(f"the Dask scheduler at {self.address!r} must answer; it no longer answers")

    def _await_worker(self, timeout: float) -> None:
        """Wait for a worker. Raise ConnectionError if none comes, or if one has another version of convlens."""
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

    def _finish(self, found: Future[Report], dask_future: Any) -> None:
        """Give `found` the report or the exception of Dask's future. This method runs in a thread of Dask."""
        try:
            found.set_result(read_answer(self._fetch(dask_future)))
        except Trouble as trouble:
            found.set_exception(trouble)
        except BaseException as error:  # Dask's CancelledError is a BaseException
            lost = dask_future.status in ("cancelled", "lost")
            found.set_exception(
                self._scheduler_lost() if lost else Trouble(f"the Dask cluster could not grade the submission: {error}")
            )
        finally:
            self._kept.pop(found, None)

    def _fetch(self, dask_future: Any) -> str:
        """Return the answer. Ask for it every second, because Dask waits for ever if the client is closed meanwhile."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return str(dask_future.result(timeout=1))
            except TimeoutError:
                if self._closed or time.monotonic() > until:
                    raise

    def close(self) -> None:
        """Close the connection. Dask cancels the work that is not done."""
        self._closed = True
        with warnings.catch_warnings(action="ignore"):
            self._client.close(timeout=_CLOSE)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(address: str, timeout: float) -> Any:
    """Return a Dask client. Raise ValueError for a wrong address, ConnectionError if no scheduler answers there."""
    if not re.fullmatch(r"(\w+://)?.+:\d+", address):
        raise ValueError(f"a Dask cluster's address must be like tcp://HOST:PORT; got {address!r}")
    try:
        import distributed
    except ModuleNotFoundError:
        raise ImportError(
            "grading on a Dask cluster needs distributed, which is not installed: pip install 'convlens[cluster]'"
        ) from None
    _silence_loggers()
    try:
        # This comes first, because a Client waits for ever if the port does not answer
        asyncio.run(asyncio.wait_for(_require_scheduler(address), timeout))
        with warnings.catch_warnings(action="ignore"):
            return cast(Any, distributed).Client(address, timeout=timeout, set_as_default=False, name="convlens")
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        said = (str(error).strip().splitlines() or [f"no answer in {timeout:g} s"])[0]
        raise ConnectionError(f"a Dask scheduler must answer at {address!r}; none does: {said}") from None


async def _require_scheduler(address: str) -> None:
    """Raise OSError unless a scheduler answers at the address."""
    from distributed.core import rpc
    from distributed.security import Security

    ask, security = cast(Any, rpc), cast(Any, Security)  # distributed has no types
    async with ask(address, connection_args=security().get_connection_args("client")) as scheduler:
        found = await scheduler.identity()
    if found.get("type") != "Scheduler":
        raise OSError(f"a {found.get('type', 'nobody')} answers")


def _silence_loggers() -> None:
    """Silence Dask's loggers, which report every worker that comes or goes. The command prints what matters."""
    ours = ("distributed", "dask", "tornado", "asyncio")
    for name in (*ours, *(name for name in logging.root.manager.loggerDict if name.split(".")[0] in ours)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False


# On a worker ---------------------------------------------------------------------------------------------------------

# The idle processes, which wait for a submission, by the name of their check. They end when this process ends.
_idle: dict[str, list[GraderProcess]] = {}


def _grade(line: bytes, check: str, wanted: str) -> str:
    """Return a grader's answer. Each thread of a worker has its own grading process, so several grade at a time."""
    if (found := version("convlens")) != wanted:
        return json.dumps({"trouble": f"a worker must have convlens {wanted}; one has {found}"})
    idle = _idle.setdefault(check, [])
    try:
        one = idle.pop()
    except IndexError:
        one = GraderProcess(check)
    try:
        submission, options, unsafe = unpack(line)
        return json.dumps({"report": one.grade(submission, options, unsafe=unsafe).as_json()})
    except Trouble as trouble:
        return json.dumps({"trouble": str(trouble)})
    finally:
        idle.append(one)
