"""Check one submission in a sandbox: the form of its files, then what their functions do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from convlens.checker import form_checks, own_checks, summary_checks
from convlens.checker.checks import Checks
from convlens.checker.form_checks import FileUnderTest
from convlens.checker.functions import conv_checks, pool_checks
from convlens.checker.functions.process import OpenGuest
from convlens.checker.functions.reference import reference_seconds
from convlens.checker.functions.under_test import FunctionUnderTest
from convlens.checker.guest import Guest
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.sandbox_pool import SandboxPool
from convlens.checker.sandbox.tiers import WEAKEST, choose
from convlens.checker.submission import SUMMARY, TASKS, File, Submission
from convlens.checker.verdict import UNKNOWN, FileReport, Finding, Report

__all__ = ["check", "check_form", "check_function", "check_lenet", "checker", "class_checker", "parser"]

_FUNCTIONS: dict[int, Checks] = {
    0: conv_checks.FORWARD,
    1: pool_checks.FORWARD,
    2: conv_checks.BACKWARD,
    3: pool_checks.BACKWARD,
}
_FRAMEWORKS = {4: "tensorflow", 5: "keras"}
_SUMMARY = TASKS.index(SUMMARY)
_FRAMEWORK_SECONDS = 30.0  # the smallest limit for a call of tasks 4 and 5: TensorFlow builds its graphs slowly
# Bytes of address space. The arrays of tasks 0 to 3 need a small part of it; TensorFlow reserves gigabytes that it does
# not use.
_MEMORY, _FRAMEWORK_MEMORY = 2 * 2**30, 8 * 2**30


def _ignore(_: str) -> None:
    """Do nothing."""


def check(submission: Submission, options: Options, begins: Callable[[str], None] = _ignore) -> Report:
    """Return the report on a submission. Raise ValueError if the sandbox's tier does not work here.

    All files are parsed before the first one is run, and each file is run in a process of its own. begins: a function
    that is called with the name of each file before the file is checked
    """
    with checker(begins) as one:
        return one(submission, options)


@contextmanager
def checker(begins: Callable[[str], None] = _ignore) -> Iterator[Callable[[Submission, Options], Report]]:
    """Yield a function like `check` for many submissions: it keeps sandboxes for the next one if their tier is safe."""
    with SandboxPool() as sandboxes:
        yield partial(_check, sandboxes, begins)


@contextmanager
def class_checker() -> Iterator[Callable[[Submission, Options], Report]]:
    """Yield the same as `checker`. Each report also has the time of the course's own programs, measured once here."""
    references: dict[int, float | None] = {}
    with SandboxPool() as sandboxes:
        yield partial(_check, sandboxes, _ignore, references=references)


def _check(
    sandboxes: SandboxPool,
    begins: Callable[[str], None],
    submission: Submission,
    options: Options,
    references: dict[int, float | None] | None = None,
) -> Report:
    """Return the report on a submission. references: the seconds of the course's own programs by task, filled here;
    None if they are not wanted"""
    tier = choose(options.tier)
    files = {task: submission.files[TASKS[task]] for task in options.tasks}
    forms: dict[int, list[Finding]] = {}
    reports: dict[int, FileReport] = {}
    lenets = files.keys() & _FRAMEWORKS.keys()
    with ExitStack() as stack:
        frameworks = stack.enter_context(_frameworks(sandboxes, tier, options.seconds))
        given = any(files[task].content is not None for task in lenets)
        if given and tier != WEAKEST:  # in the weakest, the files of tasks 0 to 3 could reach a process that runs
            frameworks.begin()
        packages = ("numpy", "pycodestyle")
        sandbox = stack.enter_context(sandboxes.use(tier, packages, seconds=options.seconds, memory=_MEMORY))
        with parser(sandbox) as open_guest:
            for task in files.keys() - {_SUMMARY}:
                begins(TASKS[task])
                forms[task] = check_form(open_guest, task, files[task])
        for task in files.keys() & _FUNCTIONS.keys():
            begins(TASKS[task])
            reports[task] = check_function(sandbox, task, files[task], forms[task], options)
            reports[task] = _with_own(reports[task], task, files[task], options, sandbox)
            if references is not None:
                if task not in references:
                    references[task] = reference_seconds(sandbox, task, _FUNCTIONS[task], options)
                reports[task] = replace(reports[task], reference=references[task])
        for task in lenets:
            begins(TASKS[task])
            reports[task] = check_lenet(frameworks, task, files[task], forms[task], options)
            reports[task] = _with_own(reports[task], task, files[task], options)
    if _SUMMARY in files:
        summary = FileReport(summary_checks.CHECKS.run(files[_SUMMARY]))
        reports[_SUMMARY] = _with_own(summary, _SUMMARY, files[_SUMMARY], options)
    return Report(submission.name, tier, {TASKS[task]: reports[task] for task in files}, submission.notes)


def _frameworks(sandboxes: SandboxPool, tier: str, seconds: float) -> AbstractContextManager[Sandbox]:
    """Return the sandbox of tasks 4 and 5. seconds: the limit for a call of tasks 0 to 3"""
    seconds = max(_FRAMEWORK_SECONDS, seconds)
    return sandboxes.use(tier, ("tensorflow",), seconds=seconds, memory=_FRAMEWORK_MEMORY)


def _with_own(
    report: FileReport, task: int, file: File, options: Options, sandbox: Sandbox | None = None
) -> FileReport:
    """Return the report with the findings of the teacher's own checks. sandbox: where their calls run, None for no
    calls"""
    if not options.checks:
        return report
    names = {"file": TASKS[task], "function": RULES[task].function if task in _FUNCTIONS else ""}

    def open_guest() -> AbstractContextManager[Guest]:
        assert sandbox is not None
        return sandbox.guest("course_file", file.content or b"", names)

    own = own_checks.load(options.checks, options.checks_name)
    found = own.run(task, file, report.checks, None if sandbox is None else open_guest, options.seconds)
    return replace(report, checks=[*report.checks, *found])


@contextmanager
def parser(sandbox: Sandbox) -> Iterator[OpenGuest]:
    """Yield a function that gives the process in which files are parsed: one for all, a new one after a file that ends
    it."""
    with ExitStack() as stack:
        running: list[Guest] = []

        @contextmanager
        def open_guest() -> Iterator[Guest]:
            if not running:
                running.append(stack.enter_context(sandbox.guest("form", b"")))
            try:
                yield running[0]
            except BaseException:
                running.clear()
                stack.close()
                raise

        yield open_guest


def check_form(open_guest: OpenGuest, task: int, file: File) -> list[Finding]:
    """Return the findings about the form of a program. open_guest: see `parser`"""
    return form_checks.run(FileUnderTest(file, RULES[task], open_guest))


def check_function(sandbox: Sandbox, task: int, file: File, before: Sequence[Finding], options: Options) -> FileReport:
    """Return the report on a file of tasks 0 to 3: the findings about its form, then about its function."""
    names = {"file": TASKS[task], "function": RULES[task].function}

    def open_guest() -> AbstractContextManager[Guest]:
        return sandbox.guest("course_file", file.content or b"", names)

    with FunctionUnderTest(task, open_guest, options) as function:
        found = function.run(_FUNCTIONS[task], before)
    return FileReport([*before, *found], function.seconds)


def check_lenet(sandbox: Sandbox, task: int, file: File, before: Sequence[Finding], options: Options) -> FileReport:
    """Return the report on a file of task 4 or 5: the findings about its form, then about its network.

    sandbox: a sandbox that has loaded TensorFlow. If TensorFlow is not installed, the checks of the network have the
    status "could not tell".
    """
    from convlens.checker.lenets import run

    def open_guest(more: dict[str, Any]) -> AbstractContextManager[Guest]:
        return sandbox.guest("lenets", file.content or b"", {"file": TASKS[task], **more})

    framework = _FRAMEWORKS[task]
    if file.content is None:  # no check of the network is tried: TensorFlow need not load
        return FileReport([*before, *run.TABLES[framework].run(None, before)])
    try:
        found = run.run(framework, open_guest, before, options)
    except ModuleNotFoundError as error:
        why = f"{error}: pip install 'convlens[keras]'"
        found = [Finding(check.name, check.sentence, UNKNOWN, why) for check in run.TABLES[framework].table]
    return FileReport([*before, *found])
