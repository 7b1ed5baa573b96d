"""Start grading processes, send them submissions and read their reports. Their program is `grader_program`."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from convlens.checker.classes import grader_program
from convlens.checker.classes.messages import Trouble, pack, read_answer
from convlens.checker.options import Options
from convlens.checker.submission import Submission
from convlens.checker.verdict import Report

__all__ = ["GraderPool", "GraderProcess"]

_GRACE = 7  # seconds for a process to end; it kills itself after 5, see `grader_program._GRACE`
_TRIES = 2  # a process may die by chance, for lack of memory, but hardly twice
# The longest time for one submission is _PATIENCE seconds plus _PATIENCE_CALLS times the limit for one call. The checks
# end earlier: each of four files may take 1 s plus 6 times the limit for one call, each of two files 180 s or 6 times
# the limit, each of six form checks 10 s.
_PATIENCE, _PATIENCE_CALLS = 600, 60
_LAST_BYTES, _LONGEST = 2000, 300  # the last output of a process that died: bytes read, characters in the message
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class _LateError(Trouble):
    """Grading took too long. Another try would take as long."""


class GraderProcess:
    """A process that grades one submission at a time. It is started when it is needed, and restarted when it died."""

    def __init__(self, check: str | None = None) -> None:
        """Start no process yet. check: "module:function" as in `grader_program.CHECKER`, the default."""
        self._check = check or grader_program.CHECKER
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()  # guards _process and _closed: `dismiss` is called from another thread

    def grade(self, submission: Submission, options: Options, *, unsafe: bool = False) -> Report:
        """Return the report. Raise Trouble if two tries give none, or if grading takes too long."""
        line = pack(submission, options, unsafe)
        patience = _PATIENCE + _PATIENCE_CALLS * options.seconds
        for remaining in reversed(range(_TRIES)):
            try:
                return self._ask(line, patience)
            except Trouble as trouble:
                self._end()
                if not remaining or self._closed or isinstance(trouble, _LateError):
                    raise
        raise AssertionError("unreachable")

    def _ask(self, line: bytes, patience: float) -> Report:
        """Send a line to the process and return its report. Raise Trouble if none comes within `patience` seconds."""
        with self._lock:
            if self._closed:
                raise Trouble("the class run was stopped")
            try:
                process = self._process = self._process or self._start()
            except OSError as error:
                raise Trouble(f"a grading process cannot be started: {error.strerror}") from None
        assert process.stdin and process.stdout
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(patience, stop)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # the pipe is broken, or `close` has closed it
            answer = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise _LateError(f"grading took more than {patience:g} s in all and was stopped")
        if not answer.endswith(b"\n"):
            raise Trouble(f"the grading process ended ({self._exit_reason(process)})")
        return read_answer(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        stderr = tempfile.TemporaryFile()  # noqa: SIM115 — lives as long as the process
        try:
            # -P: no module is imported from the current folder, which may be a student's. process_group: Ctrl-C on the
            # terminal reaches only the process that runs this code, which then stops the grading process.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", grader_program.__name__, self._check],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | _ONE_THREAD,
                process_group=0,
            )
        except BaseException:
            stderr.close()
            raise
        self._stderr = stderr
        return process

    def _exit_reason(self, process: subprocess.Popen[bytes]) -> str:
        """Return how a process ended, or that it still runs, and the last line that it wrote to standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        code = process.returncode
        how = "no answer" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        self._stderr.seek(max(0, self._stderr.tell() - _LAST_BYTES))
        lines = self._stderr.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how}: {last[:_LONGEST]}" if last else how

    def _end(self) -> None:
        """End the process: close its input, and kill it if it goes on."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        self._stderr.close()

    def dismiss(self) -> None:
        """Stop the grading, and grade nothing more. Other threads call this."""
        with self._lock:
            self._closed, process = True, self._process
        if process is not None:
            # By a signal, not by closing its pipe: the grading thread may be inside a call on the pipe
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            timer = threading.Timer(_GRACE, _kill, [process])
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._end()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all other processes of its process group."""
    if process.returncode is None:  # no wait() has returned, so its number is not reused
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class GraderPool:
    """Several grading processes, each with a thread that waits for it, as a `grading.GradingBackend`.

    A context manager that ends the processes.
    """

    def __init__(self, jobs: int, *, unsafe: bool = False, check: str | None = None) -> None:
        """Start the threads. The processes start with the first submissions.

        jobs: number of processes; unsafe: whether the weakest tier of the sandbox is accepted; check: as for
        `GraderProcess`
        """
        self.width = 2 * jobs  # submissions at a time: when a process ends one, its next one is ready
        self._unsafe = unsafe
        self._all = [GraderProcess(check) for _ in range(jobs)]
        self._free: queue.SimpleQueue[GraderProcess] = queue.SimpleQueue()
        for one in self._all:
            self._free.put(one)
        self._threads = ThreadPoolExecutor(jobs, "grader")

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """Return a future of the report. Its exception is Trouble if there is no report."""
        return self._threads.submit(self._grade, submission, options)

    def watch(self) -> None:
        """Do nothing: each thread restarts its own process."""

    def _grade(self, submission: Submission, options: Options) -> Report:
        one = self._free.get()
        try:
            return one.grade(submission, options, unsafe=self._unsafe)
        finally:
            self._free.put(one)

    def __enter__(self) -> GraderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._all:
            one.dismiss()
        self._threads.shutdown(wait=True)
        for one in self._all:
            one.close()
