"""A wrong call is made smaller as long as it fails in the same way."""

from tests.support.checker.function_findings import findings, pooling


def test_the_smallest_call_and_its_first_wrong_cell():
    found = findings(1, pooling(lambda text: text.replace("start = -np.inf", "start = 0.")))["negative"]
    assert found.status == "fail"
    assert found.message == (
        "for A_prev (1, 1, 1, 1) = [-0.25], kernel_shape (1, 1), stride (1, 1), mode 'max', result[0, 0, 0, 0] is 0, "
        "which is wrong"
    )
    assert found.hint == "the search for the maximum starts at 0: numbers below 0 are never found"
    assert found.mistake == "max_starts_at_zero"
