"""Replaces the check of the checker, as "fake_check:checker". The text of a submission's first file says what happens.

"pass"; "fail HINT"; "sleep SECONDS"; "raise WORDS"; "die": the process ends; "die once": the process ends only at the
first call for this submission. Each call is written to the file $FAKE_LOG.
"""

import os
import time
from contextlib import contextmanager
from pathlib import Path

from convlens.checker.verdict import FAIL, PASS, FileReport, Finding, Report


def check(submission, options):
    file = next(iter(submission.files.values()))
    words = (file.content or b"").decode().split(maxsplit=1) or ["pass"]
    note(submission.name)
    match words:
        case ["die", "once"] if noted(submission.name) > 1:
            pass
        case ["die", *_]:
            os._exit(3)
        case ["raise", what]:
            raise RuntimeError(what)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
    hint = words[1] if words[0] == "fail" else ""
    finding = Finding("one", "It is right.", FAIL if hint else PASS, "it is wrong" if hint else "", hint)
    files = {name: FileReport([finding], 0.5 + options.seed) for name in submission.files}
    return Report(submission.name, "fake", files)


@contextmanager
def checker():
    yield check


def note(name):
    if log := os.environ.get("FAKE_LOG"):
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, ascii(name).encode() + b"\n")
        os.close(handle)


def noted(name):
    return Path(os.environ["FAKE_LOG"]).read_text().splitlines().count(ascii(name))
