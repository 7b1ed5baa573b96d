"""Grade a class: each submission gets its result, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

from convlens.checker.classes.messages import Trouble
from convlens.checker.classes.results import Entry, Results
from convlens.checker.classes.student import Student
from convlens.checker.hand_ins import EmptyError, read, read_files
from convlens.checker.options import Options
from convlens.checker.submission import TASKS, Submission
from convlens.checker.verdict import FAIL, UNKNOWN, FileReport, Finding, Report, Status

__all__ = ["FoundResult", "GradingBackend", "grade"]

_WATCH_SECONDS = 5  # time without a report after which `watch` asks the backend whether it still works


class GradingBackend(Protocol):
    """A backend that grades submissions: `grader_processes.GraderPool` on this machine, `cluster.Cluster` on others."""

    @property
    def width(self) -> int:
        """The number of submissions to submit at a time, so that no grader waits for the next one."""
        ...

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """Return a future of the report. Its exception is Trouble if there is no report."""
        ...

    def watch(self) -> None:
        """Raise ConnectionError if no grader is left."""
        ...


class FoundResult(NamedTuple):
    """A result and how it was found: kept from an earlier run, cached from an equal submission, or graded now."""

    entry: Entry
    how: Literal["kept", "cached", "graded"]


def grade(
    students: Sequence[Student], options: Options, backend: GradingBackend, results: Results
) -> Iterator[FoundResult]:
    """Yield each student's result as soon as it is known and added to `results`.

    A submission that has a result in `results` is not graded again, and equal submissions are graded once. If a
    submission cannot be read or graded, its result says so. Raise ConnectionError if no grader is left.
    """
    run = _ClassRun(options, backend, results)
    waiting = iter(students)
    more = True
    while more or run.pending:
        while more and len(run.pending) < backend.width:
            student = next(waiting, None)
            if student is None:
                more = False
            elif done := run.begin(student):
                yield done
        if run.pending:
            yield from run.collect()


@dataclass
class _Pending:
    """A submission that is being graded, and the submissions of other students with equal content."""

    submission: Submission
    digest: str
    duplicates: list[Submission]


class _ClassRun:
    """The submissions that are being graded. `pending` maps the future of each report to its submission."""

    def __init__(self, options: Options, backend: GradingBackend, results: Results) -> None:
        self.pending: dict[Future[Report], _Pending] = {}
        self._by_digest: dict[str, _Pending] = {}
        self._options, self._backend, self._results = options, backend, results

    def begin(self, student: Student) -> FoundResult | None:
        """Return the student's result if it is known without grading. Else start to grade, and return None."""
        submission = _read(student, self._options.tasks)
        if isinstance(submission, Entry):
            kept = self._results.find(submission.name, submission.digest)
            return FoundResult(kept, "kept") if kept else self._add(submission)
        digest = submission.digest()
        if entry := self._results.find(student.name, digest):
            return FoundResult(entry, "kept")
        if report := self._results.report_on(digest):
            return self._add(Entry(student.name, digest, _of(report, submission), cached=True))
        if digest in self._by_digest:
            self._by_digest[digest].duplicates.append(submission)
        else:
            pending = self._by_digest[digest] = _Pending(submission, digest, [])
            self.pending[self._backend.submit(submission, self._options)] = pending
        return None

    def collect(self) -> Iterator[FoundResult]:
        """Wait for reports, and yield their results. Yield none if no report comes for a while."""
        self._backend.watch()
        for future in wait(self.pending, _WATCH_SECONDS, FIRST_COMPLETED).done:
            pending = self.pending.pop(future)
            del self._by_digest[pending.digest]
            yield from self._finish(future, pending)

    def _finish(self, future: Future[Report], pending: _Pending) -> Iterator[FoundResult]:
        """Add and yield the result of a graded submission and of its duplicates."""
        name, digest, trouble = pending.submission.name, pending.digest, False
        try:
            report = future.result()
        except Trouble as error:
            report = _ungraded(name, self._options.tasks, f"{error}; the same command tries again")
            trouble = True
        yield self._add(Entry(name, digest, _of(report, pending.submission), trouble=trouble))
        for other in pending.duplicates:
            yield self._add(Entry(other.name, digest, _of(report, other), cached=True, trouble=trouble))

    def _add(self, entry: Entry) -> FoundResult:
        self._results.append(entry)
        return FoundResult(entry, "cached" if entry.cached else "graded")


def _of(report: Report, submission: Submission) -> Report:
    """Return the report on a submission with equal files, with the name and the notes of this submission."""
    return replace(report, name=submission.name, notes=submission.notes)


def _read(student: Student, tasks: Sequence[int]) -> Submission | Entry:
    """Return the submission, or if it cannot be read a result that says why. No submission at all is a failure."""
    status = UNKNOWN
    try:
        if student.problem:
            raise ValueError(student.problem)
        if student.files:
            return read_files(student.files, tasks, student.name)
        if student.folder is None:
            raise EmptyError
        return read(student.folder, tasks, student.name)
    except EmptyError:
        status = FAIL
        said = "nothing is handed in: " + ("no path is given" if student.folder is None else "the folder is empty")
    except (OSError, ValueError) as error:
        said = f"{error.filename!r}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    digest = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()
    return Entry(student.name, digest, _ungraded(student.name, tasks, said, status))


def _ungraded(name: str, tasks: Sequence[int], why: str, status: Status = UNKNOWN) -> Report:
    """Return the report on a submission that was not graded."""
    finding = Finding("graded", "The submission can be read and graded.", status, why)
    return Report(name, "none", {TASKS[task]: FileReport([finding]) for task in tasks})
