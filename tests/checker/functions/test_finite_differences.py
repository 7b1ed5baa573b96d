"""What a comparison with finite differences says to a student: the names of the arrays, as the task has them."""

from types import SimpleNamespace

import pytest

from convlens.checker.functions.conv import shown
from convlens.gradcheck import GradientError

WRONG = "gradient 0 is wrong: along a random direction it gives 1, finite differences give 2"


@pytest.mark.parametrize(
    ("text", "reveal", "said"),
    [
        (WRONG, False, "dA_prev is wrong, as finite differences show"),
        (WRONG.replace("0", "1"), True, "dW is wrong: along a random direction it gives 1, finite differences give 2"),
        (
            "gradient 2 must have the shape of args[2], (1, 1, 1, 3); got (3,)",
            False,
            "db must have the shape of b, (1, 1, 1, 3); got (3,)",
        ),
        ("gradient 0 must be finite; got 3 NaN", False, "dA_prev must be finite; got 3 NaN"),
    ],
)
def test_gradients_have_the_names_of_the_task(text, reveal, said):
    bench = SimpleNamespace(options=SimpleNamespace(reveal=reveal))
    assert shown(bench, GradientError(text)) == said
