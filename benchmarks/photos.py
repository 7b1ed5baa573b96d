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
from typing import Any

from benchmarks.scenes import KINDS, photographs


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
        print(f"{'kind':16} right unsure wrong above90 none")
        for kind in chosen.kinds.split(","):
            judge(run, kind, photographs(kind, chosen.count, chosen.seed), save, tell=chosen.save is not None)


def trained(run: Path) -> Path:
    """Train a LeNet-5 as `convlens train` does, and return its run."""
    import subprocess

    subprocess.run([sys.executable, "-m", "convlens", "train", "--out", str(run)], check=True, capture_output=True)
    return run


def judge(run: Path, kind: str, files: list[tuple[bytes, list[int]]], save: Path, tell: bool) -> None:
    """Print the line of a kind."""
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
    print(f"{kind:16} {right:5} {unsure:6} {wrong:5} {above:7} {none:4}", flush=True)


if __name__ == "__main__":
    main()
