"""Where the full MNIST is, for the measurements that need it."""

from __future__ import annotations

from pathlib import Path

from convlens.data import Digits, download, load

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "MNIST.npz"


def full_mnist() -> Digits | None:
    """The full set if it is on this machine, else None: a benchmark downloads nothing."""
    if download.is_cached():
        return load("mnist")
    return load(_BESIDE) if _BESIDE.is_file() else None


def mnist_argument() -> str | None:
    """What `convlens train --data` takes for it."""
    if download.is_cached():
        return "mnist"
    return str(_BESIDE) if _BESIDE.is_file() else None
