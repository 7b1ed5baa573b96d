"""The time of `make demo` for a new user: in a fresh clone, with a warm package cache.

python -m benchmarks.demo
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, show

ROOT = Path(__file__).resolve().parents[1]


def measure() -> list[Row]:
    """Return two rows: the total time, and the validation accuracy. Only committed files are in the clone."""
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name, "convlens")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS")}
        begin = time.perf_counter()
        subprocess.run(["make", "--silent", "-C", str(clone), "demo"], check=True, env=environment)
        seconds = time.perf_counter() - begin
        (history,) = clone.glob("runs/*/history.json")
        last = json.loads(history.read_text())["epochs"][-1]
        has_report = history.with_name("report.html").is_file()
    note = "with its report" if has_report else "no report was written"
    return [
        Row("make demo on a fresh clone", "below 90", seconds, "s", seconds < 90 and has_report, note),
        Row("make demo, validation accuracy", "at least 0.95", last["val_accuracy"], "", last["val_accuracy"] >= 0.95),
    ]


if __name__ == "__main__":
    show(measure())
