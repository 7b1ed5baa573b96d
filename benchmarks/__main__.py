"""Measure all figures: `python -m benchmarks [NAME …] [--json FILE] [--vectors 256]`, or `make bench`.

The command prints a table and writes it as JSON, with the machine and the versions, to benchmarks/results/. Figures
that are not measured again stay in the file if machine and versions are the same. `python -m benchmarks.plot` draws
them. With `--vectors 256` all programs are held to vectors of 256 bits; each ratio is asked to reach 0.8 of the ratio
in the file, which was measured at full width.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path

import numpy as np

from benchmarks.cpu_share import cpu_times, others_row
from benchmarks.environment import VECTORS
from benchmarks.table import Row, show

NAMES = (
    *("witnesses", "engines", "course", "memory", "startup"),
    *("layers", "inference", "peers", "training", "alexnet"),
    *("hosts", "kill", "demo", "course_frameworks", "classroom", "busy_class"),
    *("networks", "growth", "steps", "own_data", "own_model", "memory_of_pictures", "photos", "explorer"),
)
PACKAGES = ("numpy", "numba", "threadpoolctl", "safetensors", "tensorflow-cpu", "keras", "jax", "torch", "onnxruntime")
COMPARED = ("networks", "peers", "inference", "layers", "alexnet")  # measured with vectors of 256 bits too
SHARE = 0.8
NARROW = ", 256 bits"  # ends their names in the file
RESULTS = Path(__file__).parent / "results" / "benchmarks.json"


def machine() -> dict[str, object]:
    """Return the machine and the versions with which the figures are measured."""
    cpu = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    versions = {name: _version(name) for name in PACKAGES}
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "versions": versions}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _earlier(path: Path) -> dict[str, list[Row]]:
    """Return the rows in the file by benchmark, or none if they come from another machine or other versions."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text())
    if content["machine"] != machine():
        return {}
    return {name: [Row(**row) for row in rows] for name, rows in content["benchmarks"].items()}


def _write(path: Path, benchmarks: dict[str, list[Row]]) -> None:
    rows = {
        name: [row._asdict() for row in benchmarks[name]]
        for name in (*NAMES, *(f"{each}{NARROW}" for each in COMPARED))
        if name in benchmarks
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "benchmarks": rows}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=np.generic.item) + "\n")


def narrow_rows(rows: list[Row], full: list[Row]) -> list[Row]:
    """Return the rows measured at 256 bits; each ratio to a peer is asked to reach 0.8 of the one at full width.

    full: the rows at full width. Other rows keep their figures, and nothing is asked.
    """
    before = {row.what: row.measured for row in full}
    found = []
    for row in rows:
        wide = before.get(row.what)
        if row.measured is None or not row.unit.startswith("×") or not row.asked.startswith("at least"):
            found.append(row._replace(asked="", ok=row.ok if row.measured is None else row.ok is not None or None))
        elif wide is None:
            found.append(row._replace(asked=f"{SHARE} of full width", ok=None, note=f"measure it first; {row.note}"))
        else:
            asked, ok = f"at least {SHARE * wide:.3g}, aim {wide:.3g}", row.measured >= SHARE * wide
            found.append(row._replace(asked=asked, ok=None if row.ok is None else ok))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure every figure.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help="where the results are written")
    parser.add_argument("--vectors", choices=("256",), help="hold all programs to vectors of so many bits")
    options = parser.parse_args()
    known, ending = (COMPARED, NARROW) if options.vectors else (NAMES, "")
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"NAME must be one of {', '.join(known)}; got {', '.join(unknown)}")
    if options.vectors:
        os.environ[VECTORS] = options.vectors
    benchmarks = _earlier(options.json)
    rows: list[Row] = []
    for name in options.names or known:
        begin = cpu_times()
        found = importlib.import_module(f"benchmarks.{name}").measure()
        found = narrow_rows(found, benchmarks.get(name, [])) if options.vectors else found
        benchmarks[name + ending] = found + others_row(begin, cpu_times())
        print(f"\n{name}{ending}")
        show(benchmarks[name + ending])
        _write(options.json, benchmarks)  # after each benchmark, because the next ones may take long or be interrupted
        rows += benchmarks[name + ending]
    missed = [row for row in rows if not row.ok]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} figures reached; {options.json}")
    for row in missed:
        print(f"not reached, or not measured: {row.what}")


if __name__ == "__main__":
    main()
