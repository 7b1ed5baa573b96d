"""Whether the verdicts on a class depend on what else the machine does.

    python -m benchmarks.busy_class [SUBMISSIONS]

A class is checked once, then three times beside six processes that compute all the time. Every check of every file must
have the same status, message and likely mistake. The class has right files, wrong ones, and files that compute or sleep
for a while or for ever.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.classroom import OTHERS, OURS, TASKS
from benchmarks.table import Row, show

NUMBER, RUNS, BUSY = 60, 3, 6
SECONDS = 1.0  # the limit for a call, shorter than usual: so that files without an end do not take all the time
# What is written below a submission's function f; {name} is its name
SPOILS = {
    "right": "",
    "right after 40 ms of computing": "while process_time() - begin < 0.04:\n        pass\n    return right(*a, **k)",
    "right after 100 ms of sleep": "sleep(0.1)\n    return right(*a, **k)",
    "twice the result": "return tuple(2 * r for r in right(*a, **k)) if len(a) > 3 else right(*a, **k) * 2",
    "raises": "raise ValueError('no')",
    "computes for ever": "while True:\n        pass",
    "sleeps for ever": "sleep(1e6)",
}
_ORDER = [0, 3, 0, 1, 0, 4, 0, 2, 0, 3, 0, 5, 0, 1, 4, 0, 3, 0, 2, 6]


def measure(number: int = NUMBER) -> list[Row]:
    """Return one row: the runs beside busy processes whose verdicts are those of the first run."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "class")
        _make(place, number)
        first = _verdicts(place, Path(name, "first.jsonl"))
        busy = [multiprocessing.Process(target=_compute, daemon=True) for _ in range(BUSY)]
        for process in busy:
            process.start()
        try:
            others = [_verdicts(place, Path(name, f"busy{k}.jsonl")) for k in range(RUNS)]
        finally:
            for process in busy:
                process.kill()
    same = sum(other == first for other in others)
    differing = sorted({key for other in others for key in first if other.get(key) != first[key]})
    failed = sum(status == "fail" for status, *_ in first.values())
    note = f"{len(first)} checks, {failed} of them fail; {len(differing)} differ {differing[:3] or ''}".rstrip()
    what = f"a class of {number} beside {BUSY} busy processes: runs with the verdicts of a run alone"
    return [Row(what, f"{RUNS} of {RUNS}", same, "", same == RUNS, note)]


def _make(place: Path, number: int) -> None:
    """Write a class in which one file of each submission has a fault, if any has."""
    bases = [OURS, *(sorted(OTHERS.iterdir()) if OTHERS.is_dir() else [])]
    for k in range(number):
        folder = place / f"student {k:03d}"
        folder.mkdir(parents=True)
        spoil = list(SPOILS.values())[_ORDER[k % len(_ORDER)]]
        for source in sorted(bases[k % len(bases)].glob("[0-3]-[cp]*.py")):
            shutil.copy(source, folder / source.name)
            function = source.stem[2:]
            with (folder / source.name).open("a") as file:
                file.write(f"# {k}\n")
                if spoil and source.name.startswith(str(k // 5 % 4)):
                    file.write(
                        f"from time import process_time, sleep\nright = {function}\n\n\ndef {function}(*a, **k):\n"
                        f"    begin = process_time()\n    {spoil}\n"
                    )


def _verdicts(place: Path, out: Path) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    """Check the class. Return the status, message and mistake of each check by student, file and name."""
    words = ("--class", str(place), "--tasks", TASKS, "--seed", "0", "--seconds", f"{SECONDS:g}", "--out", str(out))
    subprocess.run([sys.executable, "-m", "convlens", "check", *words], capture_output=True, check=False)
    _, *entries = map(json.loads, out.read_text().splitlines())
    found: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    for entry in entries:
        files: dict[str, Any] = entry["report"]["files"]
        for file, report in files.items():
            for one in report["checks"]:
                found[entry["name"], file, one["name"]] = one["status"], one["message"], one.get("mistake", "")
    return found


def _compute() -> None:
    while True:
        sum(range(10**6))


if __name__ == "__main__":
    show(measure(*map(int, sys.argv[1:])))
