"""What counts as white: the scale of pixels of every range, and the sentence that says it."""

import numpy as np
import pytest

from convlens.data import from_arrays

KEPT = "they are kept, but pictures to predict are taken as numbers from 0 to 1"
LEVELS = {
    # the type, the darkest and the brightest pixel: what a network sees as the brightest, and the note
    ("uint8", 0, 255): (255 / 256, ""),
    ("uint8", 0, 128): (0.5, ""),
    ("uint8", 0, 64): (0.25, "from 0 to 64: white is taken to be 255, and they are divided by 256"),
    ("uint8", 0, 16): (1, "from 0 to 16: they are divided by 16"),
    ("int64", 0, 16): (1, "from 0 to 16: they are divided by 16"),
    ("float64", 0, 16): (1, "from 0 to 16: they are divided by 16"),
    ("uint8", 0, 1): (1, ""),
    ("bool", 0, 1): (1, ""),
    ("float32", 0, 1): (1, ""),
    ("float32", 0, 0.5): (0.5, ""),
    ("float64", 0, 255): (255 / 256, "from 0 to 255: they are divided by 256"),
    ("float32", 0, 164.5): (164.5 / 256, "from 0 to 164.5: they are divided by 256"),
    ("uint16", 0, 4000): (4000 / 4096, "from 0 to 4000: they are divided by 4096"),
    ("int32", 0, 65535): (65535 / 65536, "from 0 to 65535: they are divided by 65536"),
    ("float32", -1, 1): (1, f"from -1 to 1: {KEPT}"),
    ("float32", -2.5, 3.5): (3.5, f"from -2.5 to 3.5: {KEPT}"),
    ("float32", 0, 1.5): (1.5, f"from 0 to 1.5: {KEPT}"),
}


def drawn(kind, low, high, n=20):
    x = np.linspace(low, high, n * 30).reshape(n, 6, 5)
    if np.dtype(kind).kind == "f" and (high % 1 or low % 1 or high <= 1):
        return x.astype(kind)
    return np.rint(x).astype(kind)


@pytest.mark.parametrize("levels", LEVELS)
def test_what_is_white_is_told(levels):
    brightest, note = LEVELS[levels]
    x = drawn(*levels)
    found = from_arrays(x[::2], np.arange(10) % 2, x[1::2], np.arange(10) % 2)
    assert found.x_valid.max() == np.float32(brightest)
    told = [each for each in found.notes if "pixels" in each]
    assert told == ([f"the pixels are numbers {note}"] if note else [])


DIFFERENT = [
    (("float32", 0, 1), ("uint8", 0, 255)),
    (("uint8", 0, 255), ("float32", 0, 1)),
    (("uint8", 0, 8), ("int32", 0, 16)),
]


@pytest.mark.parametrize(("train", "valid"), DIFFERENT)
def test_parts_of_different_types_are_scaled_alike(train, valid):
    found = from_arrays(drawn(*train), np.arange(20) % 2, drawn(*valid), np.arange(20) % 2)
    assert 0.49 < found.x_train.max() <= 1 and 0.99 < found.x_valid.max() <= 1


def test_a_part_that_was_not_scaled_is_told():
    y = np.arange(20) % 2
    found = from_arrays(drawn("float32", 0, 1), y, drawn("float64", 0, 16), y)
    assert found.notes[0] == "training pixels go up to 1, validation pixels up to 16: scale them alike"
    found = from_arrays(drawn("uint8", 0, 255), y, drawn("uint8", 0, 200), y, drawn("bool", 0, 1), y)
    assert found.notes == ("training pixels go up to 255, test pixels up to 1: scale them alike",)


def test_the_truth_values_of_pillow_are_0_and_1():
    image = pytest.importorskip("PIL.Image").fromarray(drawn("uint8", 0, 255, 1)[0]).convert("1", dither=0)
    x = np.stack([np.asarray(image)] * 4)
    assert np.unique(x.view(np.uint8)).tolist() == [0, 255]
    found = from_arrays(x, [0, 1, 0, 1])
    assert np.unique(found.x_train).tolist() == [0, 1]
