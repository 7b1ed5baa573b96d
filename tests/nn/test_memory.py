"""A network that does not fit into memory is refused before the memory is asked for."""

import re

import pytest

from convlens.data import room
from convlens.nn import Conv2D, Dense, Flatten, Input, Sequential, ZeroPadding2D


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: 10**9)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Conv2D(2, (10**9, 10**9), padding="same")],
            "a network with 2,000,000,000,000,000,002 parameters, most of them in layer conv2d, needs 8,000,000,000 GB "
            "of memory; this machine has 1,000 MB free",
        ),
        (
            [Flatten(), Dense(10**7), Dense(30)],
            "a network with 510,000,030 parameters, most of them in layer dense_1, needs 2,040 MB of memory; this "
            "machine has 1,000 MB free",
        ),
        (
            [Conv2D(3, (2, 1)), ZeroPadding2D((2 * 10**4, 10**4))],
            "layer zero_padding2d with an output (40003, 20005, 3) for each image needs 9,603 MB of memory; this "
            "machine has 1,000 MB free",
        ),
        ([Flatten(), Dense(10**400)], "a network with 21"),
    ],
)
def test_what_is_too_large_is_said(layers, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Sequential([Input((4, 5, 1)), *layers])


def test_what_fits_is_built():
    assert Sequential([Input((4, 5, 1)), Flatten(), Dense(10**6)]).count_params() == 21 * 10**6
