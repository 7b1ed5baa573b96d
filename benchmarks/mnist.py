"""Find the full MNIST, for the benchmarks that need it."""

from __future__ import annotations

from pathlib import Path

from convlens.data import Digits, download, load

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "MNIST.npz"


def full_mnist() -> Digits | None:
    """Return the full MNIST if it is on this machine, otherwise None. A benchmark downloads nothing."""
    if download.is_cached():
        return load("mnist")
    return load(_BESIDE) if _BESIDE.is_file() else None


def mnist_argument() -> str | None:
    """Return the argument of `convlens train --data` for the full MNIST, or None if it is not on this machine."""
    if download.is_cached():
        return "mnist"
    return str(_BESIDE) if _BESIDE.is_file() else None
