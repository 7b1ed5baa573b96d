"""Sixteen formats, three files of each, written by the tools that people use: each is read without an option.

Every image, label and class name is compared with what was written.
"""

from collections import Counter

import numpy as np
import pytest
import tests.support.array_formats
import tests.support.file_formats  # noqa: F401 - both register their formats
from tests.support.formats_of_others import MAKERS

from convlens.data import load


def _examples(pairs):
    """Return how often each image with its label occurs. Images count as equal if they differ by less than 1e-4."""
    return Counter(
        (np.rint(image.astype(np.float64).reshape(-1) * 5000).astype(np.int32).tobytes(), int(label))
        for x, y in pairs
        for image, label in zip(x, y, strict=True)
    )


def test_there_are_sixteen_formats_with_three_files_each():
    assert sorted(Counter(kind for kind, _ in MAKERS).values()) == [3] * 16


@pytest.mark.parametrize(("kind", "how"), MAKERS)
def test_is_read(tmp_path, monkeypatch, kind, how):
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "cache"))
    place = tmp_path / "data"
    place.mkdir()
    path, parts, names = MAKERS[kind, how](place)
    found = load(path)
    assert found.class_names == names
    if "valid" not in parts:
        assert 0.1 < len(found.y_valid) / (len(found.y_train) + len(found.y_valid)) < 0.3
    for part, right in parts.items():
        read = [part, "valid"] if part == "train" and "valid" not in parts else [part]
        assert _examples((getattr(found, f"x_{p}"), getattr(found, f"y_{p}")) for p in read) == _examples([right])
        shape = right[0].shape[1:]
        assert found.pixels_train.shape[1:] == (shape if len(shape) == 3 else (*shape, 1))
    assert len(found.y_test) == (len(parts["test"][1]) if "test" in parts else 0)
