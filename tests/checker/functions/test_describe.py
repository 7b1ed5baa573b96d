"""The words and maps for a wrong call: right numbers only on request, errors in their places, the task's names."""

import pytest
from tests.support.checker.function_findings import findings, pooling

from convlens.checker.functions.describe import gradient_error
from convlens.checker.options import Options
from convlens.gradcheck import GradientError


def test_the_right_number_is_shown_only_on_request():
    text = pooling(lambda text: text.replace("start = -np.inf", "start = 0."))
    assert "is right" not in findings(1, text)["negative"].message
    assert "is 0, which is wrong: -1.75 is right" in findings(1, text, Options(reveal=True))["negative"].message


def test_a_map_shows_where_the_errors_are():
    def change(text):
        return text.replace("    return A\n", "    A[-1, 0, 1:, -1] += 1\n    A[-1, 0, 2:, -1] += 3\n    return A\n")

    found = findings(1, pooling(change), Options(seconds=0))["maximum"]  # no time to search for a smaller call
    (shown,) = found.maps
    assert shown.title == "result[2, :, :, 2]"
    assert shown.rows == [[0, 10], [0, 0]]


def test_a_map_shows_numbers_that_are_not_finite():
    found = findings(1, pooling(lambda text: text.replace("return A\n", "return A * np.inf\n")))["average"]
    assert found.maps[0].rows == [[-1, -1, -1]] * 3


@pytest.mark.parametrize(
    ("error", "reveal", "said"),
    [
        (("value", 0, 1.0, 2.0), False, "dA_prev is wrong, as finite differences show"),
        (("value", 1, 1.0, 2.0), True, "dW is wrong: along a random direction it gives 1, finite differences give 2"),
        (("shape", 2, (3,), (1, 1, 1, 3)), False, "db must have the shape of b, (1, 1, 1, 3); got (3,)"),
        (("finite", 0, 3, 0), False, "dA_prev must be finite; got 3 NaN or infinite numbers"),
    ],
)
def test_gradients_have_the_task_s_names(error, reveal, said):
    assert gradient_error(GradientError("a text that nobody reads", *error), reveal=reveal) == said
