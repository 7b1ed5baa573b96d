"""Memory and time for a folder of small colour pictures: python -m benchmarks.memory_of_pictures [COUNT]

Makes COUNT (default 100,000) pictures of 32 x 32 x 3 in ten classes, loads them in a new process without and then with
the cache, and prints the largest memory of that process beside the size of the pixels.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_PROGRAM = """
import resource, sys, time
import convlens
begin = time.perf_counter()
digits = convlens.load(sys.argv[1])
seconds = time.perf_counter() - begin
pixels = sum(getattr(digits, f"pixels_{part}").nbytes for part in ("train", "valid", "test"))
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
mb = f"{pixels / 1e6:.0f} MB of pixels, {most / 1e6:.0f} MB at most, {(most - pixels) / 1e6:.0f} MB beside"
print(f"{mb}, {seconds:.1f} s")
"""


def make(folder: Path, count: int) -> None:
    """Write `count` PNG pictures of noise, each with its own pixels."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / f"class {label}").mkdir()
    for number in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"class {number % 10}" / f"{number}.png", compress_level=1)


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as place:
        pictures = Path(place, "pictures")
        pictures.mkdir()
        make(pictures, count)
        environment = {**os.environ, "CONVLENS_DATA": str(Path(place, "cache"))}
        for how in ("decoded", "from the cache"):
            command = [sys.executable, "-c", _PROGRAM, str(pictures)]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            print(f"{count:,} pictures, {how}: {done.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
