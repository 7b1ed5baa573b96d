"""Classes of invented submissions, and `convlens check` as a process that grades them with `fake_check`."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.support import small

HERE = Path(__file__).resolve().parent
FILE = "0-conv_forward.py"
ANYWHERE = ("--tasks", "0", "--sandbox", "rlimits", "--unsafe")
CHECK = "fake_check:checker"

PROGRAM = f"""
import sys
from convlens.checker.classes import grader_program
grader_program.CHECKER = {CHECK!r}
import convlens.cli
convlens.cli.main()
"""


def environment(log=None, **more):
    """The environment of a process that can import `fake_check`, which writes each call to the file `log`."""
    found = small.environment(**more)
    found["PYTHONPATH"] = f"{HERE}:{found['PYTHONPATH']}"
    return found | ({"FAKE_LOG": str(log)} if log else {})


def fake(monkeypatch, log=None):
    """Set the same environment for processes that the test starts, and let them use `fake_check`."""
    for name, value in environment(log).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("convlens.checker.classes.grader_program.CHECKER", CHECK)


def make(folder, **content):
    """Make a class in `folder`, which is returned: name = text of the first file, or None for an empty folder."""
    for name, words in content.items():
        (folder / name).mkdir(parents=True)
        if words is not None:
            (folder / name / FILE).write_text(words)
    return folder


def start(place, *arguments, log=None, **options):
    """Start `convlens check --class PLACE --tasks 0 ARGUMENTS` as a process. `fake_check` does not use the sandbox."""
    words = ["check", "--class", str(place), *ANYWHERE, *map(str, arguments)]
    command, pipe = [sys.executable, "-c", PROGRAM, *words], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(log), **options)


def until(condition, seconds=30):
    """Wait until the function `condition` returns a true value, at most `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"the condition must become true within {seconds} s"
        time.sleep(0.01)


def count(path):
    """The number of results in a file; the file may still be written."""
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def lines(path):
    """The parsed lines of a results file: the first, and a list of the others."""
    head, *entries = map(json.loads, path.read_text().splitlines())
    return head, entries
