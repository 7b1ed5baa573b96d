"""An answer is sure only if the network, small changes of the digit and the embedded digits agree."""

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens.data import load
from convlens.data.handwriting import Found
from convlens.data.handwriting.crossings import MOST, crossings
from convlens.data.handwriting.neighbours import likeness
from convlens.data.handwriting.variants import variants
from convlens.inspection.answers import Network, answer, reads_digits

Float = NDArray[np.float32]


@pytest.fixture(scope="module")
def digits() -> Float:
    """A validation digit of each class, (10, 28, 28, 1)."""
    embedded = load("embedded")
    return np.stack([embedded.x_valid[embedded.y_valid == label][7] for label in range(10)])


def says(*values: float) -> Network:
    """A network that gives the same probabilities to every image."""
    return lambda images: np.tile(np.array(values, dtype=np.float32), (len(images), 1))


def found(image: Float, *doubts: str, kept: bool = False) -> Found:
    return Found(image, (0, 0, 28, 28), doubts=doubts, kept=kept)


def only(digit: int, probability: float) -> Network:
    values = np.full(10, (1 - probability) / 9)
    values[digit] = probability
    return says(*values)


def test_the_embedded_digits_know_their_likes(digits: Float) -> None:
    alike = np.stack([likeness(digit) for digit in digits])
    assert np.array_equal(alike.argmax(axis=1), np.arange(10))
    assert (alike <= 1.0001).all() and alike.max(axis=1).min() > 0.75


def test_agreement_is_sure(digits: Float) -> None:
    said = answer(only(3, 0.99), found(digits[3], "it reaches the border of the picture"))
    assert (said.digit, said.why) == (3, "")
    assert 0.9 < said.probability <= 0.99


def test_a_firm_doubt_counts_however_sure_the_network_is(digits: Float) -> None:
    said = answer(only(1, 0.999), Found(digits[1], (0, 0, 28, 28), firm=("it may be a line",)))
    assert said.probability > 0.9 and said.why == "it may be a line"


def test_a_network_that_the_embedded_digits_contradict_is_unsure(digits: Float) -> None:
    said = answer(only(1, 0.8), found(digits[3]))
    assert said.digit == 1
    assert said.probability < 0.6
    assert said.why == "it also looks like 3"


def test_a_weak_answer_is_unsure_and_names_the_second(digits: Float) -> None:
    values = np.full(10, 0.01)
    values[[3, 5]] = 0.5, 0.42
    said = answer(says(*values), found(digits[3], "it is torn"))
    assert (said.digit, said.why.split("; ")[0]) == (3, "it is torn")
    assert said.probability <= 0.5


def test_a_turned_digit_and_a_scribble_are_unsure(digits: Float) -> None:
    turned = answer(only(4, 0.99), found(np.ascontiguousarray(np.rot90(digits[7]))))
    assert "the picture may be turned by 90°" in turned.why
    scribble = np.zeros((28, 28, 1), np.float32)
    scribble[4:24:4] = scribble[:, 4:24:5] = 0.9
    assert "it is unlike the digits of the data set" in answer(only(4, 0.99), found(scribble)).why


def test_a_kept_picture_has_the_probabilities_of_its_own_pixels(digits: Float) -> None:
    def network(images: Float) -> Float:
        first = np.all(images == digits[2], axis=(1, 2, 3))
        rows = np.where(first[:, np.newaxis], np.eye(10)[2], np.eye(10)[2] * 0.5 + 0.05)
        return np.asarray(rows, dtype=np.float32)

    assert answer(network, found(digits[2], kept=True)).probabilities[2] == 1
    assert answer(network, found(digits[2])).probabilities[2] < 0.6


def test_variants_are_small_changes(digits: Float) -> None:
    changed = variants(digits[5])
    assert changed.shape == (13, 28, 28, 1) and changed.dtype == np.float32
    assert np.array_equal(changed[0], digits[5])
    for other in changed[1:]:
        assert 0.5 < np.corrcoef(other.ravel(), digits[5].ravel())[0, 1] < 0.9999


def test_only_a_reader_of_digits_reads_digits() -> None:
    embedded = load("embedded")
    known = {image.tobytes(): label for image, label in zip(embedded.x_valid, embedded.y_valid, strict=True)}
    assert reads_digits(lambda images: np.eye(10)[[known[image.tobytes()] for image in images]])
    assert not reads_digits(only(3, 0.9))
    assert not reads_digits(says(0.5, 0.5))


def test_a_digit_that_changes_with_the_faint_ink_that_joins_it_is_unsure(digits: Float) -> None:
    """A 9 whose loop is faint at its top looks like a 4."""

    def network(images: Float) -> Float:
        nine = np.all(np.isin(images, variants(digits[9])), axis=(1, 2, 3))
        return np.asarray(np.eye(10)[np.where(nine, 9, 4)] * 0.98 + 0.002, dtype=np.float32)

    part = Found(digits[4], (0, 0, 28, 28), whole=digits[9])
    assert answer(network, part).why == "it looks different with the faint ink that joins it"
    assert answer(network, Found(digits[4], (0, 0, 28, 28), whole=digits[4])).why == ""


def test_a_zigzag_has_more_strokes_than_a_digit() -> None:
    """Five strokes side by side: the network and the embedded digits may still be sure."""
    zigzag = np.zeros((28, 28, 1), np.float32)
    for k in range(5):
        zigzag[4 + 4 * k : 6 + 4 * k, 6:22] = 0.9
    assert crossings(zigzag) == crossings(zigzag.swapaxes(0, 1)) == 5
    assert "it has more strokes than most digits: it may be a scribble" in answer(only(4, 0.99), found(zigzag)).why


def test_no_embedded_digit_has_as_many_strokes_as_a_scribble() -> None:
    embedded = load("embedded")
    assert max(crossings(image) for image in embedded.x_valid) <= MOST
    assert crossings(embedded.x_valid[embedded.y_valid == 1][7]) == 1
