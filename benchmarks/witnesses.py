"""Count the tests that compare the course files and the library with independent witnesses.

    python -m benchmarks.witnesses

The witnesses are `expected.json` (the outputs that the course prints), brute-force loops, finite differences,
TensorFlow and Keras, and the node tests of the ONNX project.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.table import Row, show

ROOT = Path(__file__).resolve().parents[1]
SUITES = {
    "course files: expected.json": ["tests/coursework/test_course_files.py", "-k", "course_prints"],
    "course files: loops, finite differences, TensorFlow": [
        "tests/coursework/test_course_files.py",
        "tests/coursework/test_course_mutants.py",
    ],
    "every engine and op: the same witnesses": ["tests/engines", "tests/ops", "tests/test_gradcheck.py"],
    "layers, LeNet-5, optimizers: the same witnesses, and Keras": ["tests/nn", "tests/models"],
}


def _run(name: str, arguments: list[str]) -> Row:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = done.stdout.strip().splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
    passed, skipped = counts.get("passed", 0), counts.get("skipped", 0)
    ok = done.returncode == 0 and passed > 0
    return Row(
        name, "all pass", passed, "passed", ok if not skipped or not ok else None, last if not ok or skipped else ""
    )


def _onnx() -> Row:
    sys.path.insert(0, str(ROOT))
    found = importlib.import_module("tests.ops.test_onnx_nodes").coverage()
    reasons = Counter(found["not_applicable"].values())
    note = f"{len(found['not_applicable'])} do not apply: " + "; ".join(f"{n} × {why}" for why, n in reasons.items())
    row = _run("ONNX node tests", ["tests/ops/test_onnx_nodes.py"])
    return row._replace(measured=len(found["ran"]), unit="cases", note=f"{row.note} {note}".strip())


def measure() -> list[Row]:
    """Return one row for each test suite."""
    return [*(_run(name, arguments) for name, arguments in SUITES.items()), _onnx()]


if __name__ == "__main__":
    show(measure())
