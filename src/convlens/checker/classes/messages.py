"""The messages between a grading process and its caller: each request and each answer is a line of JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from convlens.checker.options import Options
from convlens.checker.submission import File, Submission
from convlens.checker.verdict import Report

__all__ = ["Trouble", "pack", "read_answer", "unpack"]


class Trouble(Exception):  # noqa: N818 — the grading failed, not the submission
    """The grading failed, and the submission is not to blame. The text says why."""


def pack(submission: Submission, options: Options, unsafe: bool) -> bytes:
    """Return the line that asks for a report. unsafe: whether the weakest tier of the sandbox is accepted."""
    files = {
        name: asdict(file) | {"content": None if file.content is None else base64.b64encode(file.content).decode()}
        for name, file in submission.files.items()
    }
    about = {"name": submission.name, "notes": submission.notes}
    job = {**about, "files": files, "options": asdict(options), "unsafe": unsafe}
    return json.dumps(job).encode() + b"\n"


def unpack(line: bytes) -> tuple[Submission, Options, bool]:
    """Return the arguments of `pack` from the line that it returned."""
    job: Mapping[str, Any] = json.loads(line)
    files = {
        name: File(**file | {"content": None if file["content"] is None else base64.b64decode(file["content"])})
        for name, file in job["files"].items()
    }
    options = Options(**job["options"] | {"tasks": tuple(job["options"]["tasks"])})
    return Submission(job["name"], files, tuple(job["notes"])), options, job["unsafe"]


def read_answer(text: str | bytes) -> Report:
    """Return the report of an answer, {"report": …} or {"trouble": why there is none}. Raise Trouble if the answer
    holds no report."""
    try:
        found = json.loads(text)
        if "trouble" in found:
            raise Trouble(found["trouble"])
        return Report.from_json(found["report"])
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(f"the grading process sent no report: {error!r}") from None
