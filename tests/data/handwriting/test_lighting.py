"""Uneven light on the sheet: it is found and divided out, so that a faint stroke is seen from end to end."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from convlens.data import load
from convlens.data.handwriting.digits import find_digits
from convlens.data.handwriting.lighting import lighting

Levels = NDArray[np.float64]
H, W = 400, 300
I, J = np.mgrid[-1 : 1 : H * 1j, -1 : 1 : W * 1j]


def lamp() -> Levels:
    return np.asarray(0.75 - 0.25 * J - 0.1 * I)


def corners() -> Levels:
    return np.asarray(1 - 0.5 * ((I**2 + J**2) / 2) ** 0.8)


def spot() -> Levels:
    return np.asarray(0.5 + 0.5 * np.exp(-((I - 0.4) ** 2 + (J + 0.5) ** 2)))


LIGHTS = [lamp, corners, spot]


def pencil(label: int, light: Levels, drop: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A photograph (H, W) of a thick digit, darker than its paper by `drop` of 255 where the light is 1; the digit."""
    embedded = load("embedded")
    row = np.flatnonzero(embedded.y_valid == label)[3]
    digit = (embedded.x_valid[row, ..., 0] * 256).astype(np.uint8)
    wide = Image.fromarray(digit).resize((190, 190), Image.Resampling.BICUBIC).filter(ImageFilter.MaxFilter(9))
    level = np.full((H, W), 225.0)
    level[100:290, 50:240] -= np.asarray(wide) / 255 * drop
    noisy = level * light + np.random.default_rng(0).normal(0, 1.5, (H, W))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    small = wide.resize((28, 28), Image.Resampling.BOX)
    return np.asarray(Image.open(file)), np.asarray(small)


@pytest.mark.parametrize("light", LIGHTS, ids=lambda light: light.__name__)
@pytest.mark.parametrize("label", [2, 3, 4, 5])
def test_a_faint_stroke_is_whole_on_uneven_light(label: int, light: Callable[[], Levels]) -> None:
    """The paper is darker at one end of the digit than the ink at the other."""
    photo, digit = pencil(label, light(), 40)
    (found,) = find_digits(photo)
    moved = (np.roll(found.image[..., 0], (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    assert max(np.corrcoef(other.ravel(), digit.ravel())[0, 1] for other in moved) > 0.85


@pytest.mark.parametrize("light", LIGHTS, ids=lambda light: light.__name__)
def test_the_light_is_found_beside_the_ink(light: Callable[[], Levels]) -> None:
    want = light()
    photo, _ = pencil(4, want, 120)
    found = lighting(photo, (200, 150))
    assert found.shape == (200, 150) and found.dtype == np.float32
    assert abs(np.median(found) - 1) < 1e-3
    ratio = found / want.reshape(200, 2, 150, 2).mean(axis=(1, 3))
    low, high = np.percentile(ratio, (2, 98))
    assert high < 1.04 * low


def test_a_sheet_on_a_darker_desk_keeps_its_levels() -> None:
    """The desk fills most of the picture, and has a light of its own. Dividing by it would bend the sheet."""
    photo = 60 * lamp()
    photo[120:300, 60:200] = 220
    assert (lighting(photo.astype(np.uint8), (H, W)) == 1).all()


def test_a_picture_without_one_light_keeps_its_levels() -> None:
    rng = np.random.default_rng(1)
    stains = np.repeat(np.repeat(rng.integers(20, 250, (10, 7)), 40, axis=0), 40, axis=1).astype(np.uint8)
    assert (lighting(stains, (90, 70)) == 1).all()
