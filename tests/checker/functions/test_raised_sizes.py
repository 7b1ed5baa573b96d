"""An exception fits the windows of a faulty program only if its text has one of their sizes."""

import numpy as np
import pytest

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import POOL_BACKWARD, Case, Size
from convlens.checker.functions.raised_sizes import fits, sizes_of

CASE = Case(POOL_BACKWARD, Size(2, 7, 8, 3, 1, 3, 2), "max")


def answer(raised, text):
    return Answer(CASE, {}, None, raised, text, 5)


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("operands could not be broadcast together with shapes (3,2) (3,3)", True),
        ("operands could not be broadcast together with shapes (2,3,3,3) (2,3,2,3)", True),
        ("operands could not be broadcast together with shapes (2,3,2,3) (2,3,1,1)", False),
        ("cannot reshape array of size 54 into shape (2,6,3)", True),
        ("cannot reshape array of size 55 into shape (2,6,3)", False),
        ("zero-size array to reduction operation maximum which has no identity", True),
        ("slice step cannot be zero", False),
    ],
)
def test_a_text_about_shapes_has_a_wrong_size(text, fitting):
    assert fits(answer("ValueError", text), frozenset({(3, 3)})) is fitting


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("index 7 is out of bounds for axis 1 with size 7", True),
        ("index 3 is out of bounds for axis 3 with size 3", False),
        ("index 4 is out of bounds for axis 1 with size 4", False),
        ("too many indices for array: array is 2-dimensional, but 4 were indexed", False),
    ],
)
def test_an_index_is_of_rows_or_columns(text, fitting):
    assert fits(answer("IndexError", text), frozenset({(3, 3)})) is fitting


def test_sizes_are_named_or_stand_in_the_text():
    assert sizes_of(IndexError("outside", (3, 3), (2, 3))) == {(3, 3), (2, 3)}
    with pytest.raises(ValueError, match="broadcast") as caught:
        np.zeros((2, 3, 2, 1)) + np.zeros((2, 3, 4, 1))
    assert sizes_of(caught.value) == {(3, 2), (3, 4)}
