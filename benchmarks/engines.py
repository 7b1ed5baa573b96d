"""Agreement of the engines: each trains LeNet-5 from equal states, with twenty seeds and three sets of BLAS kernels.

    python -m benchmarks.engines [SEEDS]

NumPy computes matrix products with OpenBLAS, which chooses its kernels by the processor. OPENBLAS_CORETYPE selects
other kernels, which round differently. A result that holds for all kernels also holds on other machines.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.table import Row, show

SEEDS, STEPS = 20, 200
CORE_TYPES = (None, "Haswell", "SkylakeX")
ASKED, ASKED_FLOAT64 = 1e-5, 1e-9


def _measure_here(seeds: int) -> None:
    """Run in a separate process: print the figures of all installed engines as JSON."""
    from convlens.data import load
    from convlens.interop.compare import ENGINES, from_equal_states, in_float64, percentiles
    from convlens.interop.steppers import STEPPERS

    digits, steppers = load("embedded"), {}
    for name in ENGINES:
        try:
            steppers[name] = STEPPERS[name]()
        except ImportError:
            continue
    worst = {"loss": 0.0, "gradient": 0.0, "update": 0.0}
    switched = unexplained = steps = 0
    for seed in range(seeds):
        found = from_equal_states(digits, steppers, steps=STEPS, batch_size=32, seed=seed)
        for one in found.values():
            for kind in worst:
                worst[kind] = max(worst[kind], percentiles(getattr(one, kind)).p99)
            switched += len(one.switched)
            unexplained += sum(step.units is None for step in one.switched)
        steps += STEPS * (len(steppers) - 1)
    float64 = in_float64(digits, tuple(steppers), steps=STEPS, batch_size=32, seed=0)
    largest = max(max(figures.values()) for figures in float64.values())
    figures = {"switched": switched, "unexplained": unexplained, "steps": steps, "float64": largest}
    print(json.dumps({"engines": list(steppers), **worst, **figures}))


def measure(seeds: int = SEEDS) -> list[Row]:
    """Return rows for each set of BLAS kernels.

    They show the worst 99th percentile of all seeds and engines, the steps in which a unit switched, and the largest
    difference of free runs in float64.
    """
    rows = []
    for core in CORE_TYPES:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        environment |= {"OPENBLAS_CORETYPE": core} if core else {}
        command = [sys.executable, "-m", "benchmarks.engines", "--here", str(seeds)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        name = core or "OpenBLAS's own choice"
        if done.returncode:
            rows.append(Row(f"{name}: engines compared", "", None, "", None, done.stderr.strip()[-200:]))
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        note = f"{', '.join(found['engines'])}; {seeds} seeds, {STEPS} steps; update {found['update']:.1e}"
        for kind in ("loss", "gradient"):
            what = f"{name}: {kind} from equal states, worst 99th percentile"
            rows.append(Row(what, f"{ASKED:g}", found[kind], "", found[kind] <= ASKED, note))
        what = f"{name}: steps in which a unit switched, unexplained"
        note = f"{found['switched']} switched in {found['steps']} steps of an engine"
        rows.append(Row(what, "0", found["unexplained"], "", found["unexplained"] == 0, note))
        what = f"{name}: free runs in float64, largest difference"
        rows.append(Row(what, f"{ASKED_FLOAT64:g}", found["float64"], "", found["float64"] <= ASKED_FLOAT64, ""))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        _measure_here(int(sys.argv[2]))
    else:
        show(measure(*map(int, sys.argv[1:])))
