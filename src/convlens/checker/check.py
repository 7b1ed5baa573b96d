"""One submission checked: its files' form, then what their functions do, in a sandbox. Bytes in, a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from convlens.checker import form, summary
from convlens.checker.checks import Checks
from convlens.checker.form import FormBench
from convlens.checker.functions import conv, pool
from convlens.checker.functions.bench import CourseBench
from convlens.checker.guest import Guest
from convlens.checker.options import Options
from convlens.checker.rules import RULES
from convlens.checker.sandbox.kept import Sandboxes
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import choose
from convlens.checker.submission import SUMMARY, TASKS, File, Submission
from convlens.checker.verdict import UNKNOWN, FileReport, Finding, Report

__all__ = ["check", "check_form", "check_function", "check_lenet", "checker"]

_COURSE: dict[int, Checks] = dict(enumerate((conv.FORWARD, pool.FORWARD, conv.BACKWARD, pool.BACKWARD)))
_FRAMEWORKS = {4: "tensorflow", 5: "keras"}
_SUMMARY = TASKS.index(SUMMARY)
_FRAMEWORK_SECONDS = 30.0  # for a call, at least: TensorFlow builds its graphs slowly
_GIB = 2**30


def _quiet(_: str) -> None:
    """Tells nobody"""


def check(submission: Submission, options: Options, begins: Callable[[str], None] = _quiet) -> Report:
    """What is right and wrong with these files. ValueError if there is no such sandbox here

    All files are read before any is run; each is run in a process of its own. begins: is told of each file before it
    is looked at, by its name
    """
    with checker(begins) as one:
        return one(submission, options)


@contextmanager
def checker(begins: Callable[[str], None] = _quiet) -> Iterator[Callable[[Submission, Options], Report]]:
    """`check`, for one submission after another: a sandbox stays for the next one, where its tier holds"""
    with Sandboxes() as sandboxes:
        yield partial(_check, sandboxes, begins)


def _check(sandboxes: Sandboxes, begins: Callable[[str], None], submission: Submission, options: Options) -> Report:
    tier = choose(options.tier)
    files = {task: submission.files[TASKS[task]] for task in options.tasks}
    forms: dict[int, list[Finding]] = {}
    reports: dict[int, FileReport] = {}
    with sandboxes.use(tier, ("numpy", "pycodestyle"), seconds=options.seconds, memory=2 * _GIB) as sandbox:
        for task in files.keys() - {_SUMMARY}:
            begins(TASKS[task])
            forms[task] = check_form(sandbox, task, files[task])
        for task in files.keys() & _COURSE.keys():
            begins(TASKS[task])
            reports[task] = check_function(sandbox, task, files[task], forms[task], options)
    if lenets := files.keys() & _FRAMEWORKS.keys():
        seconds = max(_FRAMEWORK_SECONDS, options.seconds)
        with sandboxes.use(tier, ("tensorflow",), seconds=seconds, memory=8 * _GIB) as sandbox:
            for task in lenets:
                begins(TASKS[task])
                reports[task] = check_lenet(sandbox, task, files[task], forms[task], options)
    if _SUMMARY in files:
        reports[_SUMMARY] = FileReport(summary.CHECKS.run(files[_SUMMARY]))
    return Report(submission.name, tier, {TASKS[task]: reports[task] for task in files})


def check_form(sandbox: Sandbox, task: int, file: File) -> list[Finding]:
    """How a program is written"""
    rules = RULES[task]

    def open_guest() -> AbstractContextManager[Guest]:
        return sandbox.guest("form", file.content or b"", {"file": TASKS[task], "function": rules.function})

    return form.run(FormBench(file, rules, open_guest))


def check_function(sandbox: Sandbox, task: int, file: File, before: Sequence[Finding], options: Options) -> FileReport:
    """What the function of one of the tasks 0 to 3 does, after the findings about its form"""
    names = {"file": TASKS[task], "function": RULES[task].function}

    def open_guest() -> AbstractContextManager[Guest]:
        return sandbox.guest("course_file", file.content or b"", names)

    with CourseBench(task, open_guest, options) as bench:
        found = bench.run(_COURSE[task], before)
    return FileReport([*before, *found], bench.seconds)


def check_lenet(sandbox: Sandbox, task: int, file: File, before: Sequence[Finding], options: Options) -> FileReport:
    """What the network of task 4 or 5 does, after the findings about its form; the sandbox has TensorFlow loaded"""
    from convlens.checker.lenets import network as lenets

    tables: dict[int, Checks] = {4: lenets.TENSORFLOW, 5: lenets.KERAS}
    given = {"file": TASKS[task], "framework": _FRAMEWORKS[task]}
    try:
        with sandbox.guest("lenets", file.content or b"", given) as guest:
            found = tables[task].run(lenets.LenetBench(guest, options), before)
    except ModuleNotFoundError as error:
        why = f"{error}: pip install 'convlens[keras]'"
        found = [Finding(check.name, check.sentence, UNKNOWN, why) for check in tables[task].table]
    return FileReport([*before, *found])
