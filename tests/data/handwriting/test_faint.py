"""Faint ink that joins a mark: told as the whole digit, so that an answer to a part of it can be doubted."""

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data.handwriting.digits import find_digits
from convlens.data.handwriting.faint import with_faint

H, W = 300, 400


def nine(top: float) -> NDArray[np.uint8]:
    """A 9 in ink of strength 150 on paper of 220; at the top of its loop the strength is `top` times as much."""
    i, j = np.mgrid[0:H, 0:W]
    radius = np.hypot(i - 110, j - 200)
    ring = np.clip(1.5 - np.abs(radius - 32) / 6, 0, 1)
    stem = np.clip(1.5 - np.abs(j - 232) / 6, 0, 1) * ((i > 105) & (i < 215))
    strength = np.clip(1 + (i - 110) / 22 * (1 - top), top, 1)
    level = 220 - 150 * np.maximum(ring, stem) * strength
    noisy = level + np.random.default_rng(3).normal(0, 1, (H, W))
    return np.asarray(noisy.clip(0, 255), dtype=np.uint8)


def test_the_whole_digit_is_told_if_a_part_of_it_is_faint() -> None:
    (found,) = find_digits(nine(0.3))
    assert found.whole is not None and found.whole.shape == (28, 28, 1) and found.whole.dtype == np.float32
    (even,) = find_digits(nine(1))
    assert even.whole is None
    alike = [np.corrcoef(image.ravel(), even.image.ravel())[0, 1] for image in (found.whole, found.image)]
    assert alike[0] > 0.75 > 0.6 > alike[1]


@pytest.mark.parametrize("columns", [2, 30])
def test_the_soft_edge_of_a_stroke_is_not_faint_ink(columns: int) -> None:
    own = np.zeros((40, 90), dtype=bool)
    own[10:30, 10:20] = True
    faint = own.copy()
    faint[10:30, 20 : 20 + columns] = faint[2:5, 70:80] = True
    whole = with_faint(own, faint)
    if columns == 2:
        assert whole is None
    else:
        assert whole is not None
        assert np.array_equal(whole[:, :60], faint[:, :60]) and not whole[:, 60:].any()


def test_a_thin_line_of_the_desk_is_doubted() -> None:
    """The only clear mark of the picture is a narrow one on the desk."""
    level = np.full((H, W), 90.0)
    level[30:270, 110:390] = 215
    level[100:180, 48:56] = 25
    (found,) = find_digits(np.rint(level).astype(np.uint8))
    assert found.firm == ("it lies beside the sheet: it may be a line",)


@pytest.mark.parametrize(("strength", "shade", "doubted"), [(30, 0.6, True), (120, 0.6, False), (30, 1, False)])
def test_ink_fainter_than_a_hard_shadow_is_doubted(strength: int, shade: float, doubted: bool) -> None:
    """The edge of the shadow runs across the digit; a part of the digit may be taken for paper."""
    level = 70 + nine(1).astype(np.float64)
    level = np.where(level < 280, 220 - strength * (290 - level) / 150, 220)
    i, j = np.mgrid[0:H, 0:W]
    level[2 * j - i > 330] *= shade
    level += np.random.default_rng(4).normal(0, 1, (H, W))
    firm = [found.firm for found in find_digits(np.asarray(level.clip(0, 255), dtype=np.uint8))]
    told = "its ink is fainter than the shades of the paper around it: strokes may be missing"
    assert any(told in doubts for doubts in firm) == doubted
