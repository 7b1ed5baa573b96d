"""Start-up times: the time of commands and imports, and the time until the Numba engine has trained its first batch.

    python -m benchmarks.startup

`convlens --help` and `import convlens` are measured as whole processes, the median of several. The bare interpreter is
measured in the same run for comparison. The start of the Numba engine is the time of the first training batch of
LeNet-5 in a process that has imported convlens. It includes the import of Numba and everything that is compiled or
loaded from the cache. It is the best of a few starts.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.table import Row, show

REPEATS = 15
STARTS = 3
FIRST, CACHED = 6, 0.6  # the largest allowed seconds: compiled, and from the cache
ONE_BATCH = """
import time, numpy, convlens
x, y = numpy.zeros((32, 28, 28, 1), numpy.float32), numpy.zeros(32, int)
begin = time.perf_counter()
convlens.fit(convlens.lenet5(engine="numba"), x, y, batch_size=32, epochs=1)
print(time.perf_counter() - begin)
"""


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _first_batch(cache: str) -> float:
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", ONE_BATCH]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return float(done.stdout)


def processes() -> list[Row]:
    """Return one row for each command. The notes have the times of the bare interpreter and of `import numpy`."""
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


def first_batches() -> list[Row]:
    """Return two rows for the Numba engine: with an empty cache, and with the cache of the run before."""
    asked = {"compiled": FIRST, "from the cache": CACHED}
    title = "numba engine, until LeNet-5's first batch is trained, {}"
    if importlib.util.find_spec("numba") is None:
        return [
            Row(title.format(name), f"at most {most}", None, "s", None, "Numba is not installed")
            for name, most in asked.items()
        ]
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as cache:
            for values in times.values():
                values.append(_first_batch(cache))
    rows = []
    for name, most in asked.items():
        best, worst = min(times[name]), max(times[name])
        note = f"best of {STARTS}; up to {worst:.2f}"
        rows.append(Row(title.format(name), f"at most {most}", best, "s", best <= most, note))
    return rows


def measure() -> list[Row]:
    """Return all rows."""
    return [*processes(), *first_batches()]


if __name__ == "__main__":
    show(measure())
