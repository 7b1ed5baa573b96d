"""What `convlens predict` says to photographs of digits as people take them.

    python -m benchmarks.photos [RUN] [--count 60] [--seed 0] [--kinds desk,frame] [--save FOLDER]

The photographs are drawn from the embedded validation digits (benchmarks.scenes), the same for a seed. Without RUN, a
LeNet-5 is trained as `convlens train` does. A line a kind: right (each digit of the photograph), unsure (for one of
them at least), wrong, wrong above 90 %, and no answer. --save keeps the photographs, and tells the answers that are not
right on standard error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.scenes import KINDS, photographs
from benchmarks.table import Row

SEED = 327512  # of the photographs that `measure` judges; drawn when the code was written, which saw only other seeds


def measure() -> list[Row]:
    """Return a row for each kind: the photographs read right or told unsure, of 60."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run = trained(Path(folder) / "run")
        for kind in KINDS:
            found = judge(run, kind, photographs(kind, 60, SEED), Path(folder), tell=False)
            safe = found.right + found.unsure
            note = f"{found.right} right, {found.unsure} unsure, {found.wrong} wrong, {found.above} wrong above 90 %"
            ok = safe >= 54 and not found.above
            rows.append(Row(f"photographs, {kind}: right or unsure", "at least 54", safe, "of 60", ok, note))
    return rows


class Judged(NamedTuple):
    """The photographs of a kind by what predict says. above: answers above 90 % that are wrong, among all"""

    right: int
    unsure: int
    wrong: int
    above: int
    none: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photos", description="Judge `convlens predict`.")
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--save", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = chosen.run or trained(Path(folder) / "run")
        save = chosen.save or Path(folder)
        print(f"{'kind':16}  right unsure  wrong  above   none")
        for kind in chosen.kinds.split(","):
            found = judge(run, kind, photographs(kind, chosen.count, chosen.seed), save, tell=chosen.save is not None)
            print(
                f"{kind:16} {found.right:5} {found.unsure:6} {found.wrong:5} {found.above:7} {found.none:4}", flush=True
            )


def trained(run: Path) -> Path:
    """Train a LeNet-5 as `convlens train` does, and return its run."""
    import subprocess

    subprocess.run([sys.executable, "-m", "convlens", "train", "--out", str(run)], check=True, capture_output=True)
    return run


def judge(run: Path, kind: str, files: list[tuple[bytes, list[int]]], save: Path, tell: bool) -> Judged:
    """Ask `predict` for each photograph of a kind."""
    from convlens.cli.predict import reader

    read = reader(run)
    right = unsure = wrong = above = none = 0
    save.mkdir(parents=True, exist_ok=True)
    for k, (content, labels) in enumerate(files):
        path = save / f"{kind.replace(' ', '-')}-{k}-{''.join(map(str, labels))}.img"
        path.write_bytes(content)
        rows: list[dict[str, Any]] = []
        try:
            rows = read(path)
        except ValueError as error:
            none += 1
            said = str(error)
        else:
            digits = [row["digit"] for row in rows]
            said = ", ".join(f"{row['looks_like']} ({row['probability']:.2f}) {row['why']}" for row in rows)
            if digits == labels:
                right += 1
                continue
            if None in digits:
                unsure += 1
            else:
                wrong += 1
            above += any(r["digit"] not in (None, *labels) and r["probability"] > 0.9 for r in rows)
        if tell:
            print("   ", path.name, said, file=sys.stderr)
    return Judged(right, unsure, wrong, above, none)


if __name__ == "__main__":
    main()
