"""How long a user waits before anything happens: `convlens --help` and `import convlens`.

    python -m benchmarks.startup

Whole processes, the median of several; the interpreter alone is the peer in the same run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.table import Row, show

REPEATS = 15


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure() -> list[Row]:
    """A row each, and the bare interpreter's time in the note."""
    commands = {
        "convlens --help": [sys.executable, "-m", "convlens", "--help"],
        "import convlens": [sys.executable, "-c", "import convlens"],
        "python alone": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, command in commands.items():
            times[name].append(_seconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    note = f"python alone {medians['python alone']:.3f}, import numpy {medians['import numpy']:.3f}"
    return [
        Row(name, f"below {limit}", medians[name], "s", medians[name] < limit, note)
        for name, limit in (("convlens --help", 0.4), ("import convlens", 0.2))
    ]


if __name__ == "__main__":
    show(measure())
