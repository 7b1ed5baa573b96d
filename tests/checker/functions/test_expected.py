"""The accepted values agree with the oracle of the tests, for every case of every check, in every reading."""

import itertools

import numpy as np
import pytest
from tests.support import oracle
from tests.support.checker.checking import all_cases
from tests.support.course_files import pads_for

from convlens.checker.functions.answers import close
from convlens.checker.functions.cases import CONV_BACKWARD, CONV_FORWARD, POOL_FORWARD, Case, Size, odd
from convlens.checker.functions.expected import ACTIVATIONS, accepted
from convlens.checker.functions.faulty import run_faulty
from convlens.checker.sandbox.guest_side import course_file

CASES = [case for case in all_cases() if case.size.h < 20]  # the oracle computes one number at a time


def right(case, given, before=None):
    """Return the oracle's answer. before: the number of zeros before the image, if there is a choice."""
    x = given["A_prev"]
    if case.task == CONV_FORWARD:
        z = oracle.conv_forward(x, given["W"], given["b"], case.pads(), case.stride)
        return (ACTIVATIONS[case.activation](z),)
    if case.task == CONV_BACKWARD:
        dz = given["dZ"]
        pads = pads_for(x.shape, case.kernel, case.stride, case.how, dz.shape[1:3])
        if before is not None:
            sizes = zip(before, dz.shape[1:3], x.shape[1:3], case.kernel, case.stride, strict=True)
            pads = [(b, (n - 1) * s + k - b - size) for b, n, size, k, s in sizes]
        dx, dw, db = oracle.conv_backward(dz, x, given["W"], pads, case.stride)
        return dx, dw, db.reshape(1, 1, 1, -1)
    if case.task == POOL_FORWARD:
        return (oracle.pool_forward(x, case.kernel, case.stride, case.how),)
    return (oracle.pool_backward(given["dA"], x, case.kernel, case.stride, case.how, "all"),)


@pytest.mark.parametrize("task", range(4))
def test_the_first_accepted_value_is_the_oracle_s(task):
    cases = [case for case in CASES if case.task == task]
    assert len(cases) > 15
    for case in cases:
        given = case.arrays(seed=3)
        assert close(next(accepted(case, given)), right(case, given)), case
        assert any(close(run_faulty(case, given, frozenset()), value) for value in accepted(case, given)), case


def test_conv_backward_accepts_both_halves_of_odd_zeros():
    cases = [case for case in CASES if case.task == CONV_BACKWARD and odd(case)]
    assert len(cases) >= 16
    for case in cases:
        given = case.arrays(seed=0)
        sizes = zip(given["A_prev"].shape[1:3], case.kernel, case.stride, strict=True)
        totals = [(size - 1) * s + k - size for size, k, s in sizes]
        for value, up in zip(accepted(case, given), (1, 0), strict=True):
            assert close(value, right(case, given, [(total + up) // 2 for total in totals])), case


def test_the_cases_distinguish_height_and_width():
    strided = [case.size for case in CASES if max(case.stride) > 1]
    assert any(size.sh > size.sw for size in strided) and any(size.sh < size.sw for size in strided)
    assert all(case.size.h != case.size.w for case in CASES if case.kernel == (1, 1))
    kernels = {(case.task, np.sign(case.size.kh - case.size.kw)) for case in CASES}
    assert kernels >= set(itertools.product(range(4), (-1, 1)))


def test_numbers_are_different_quarters():
    for case in CASES:
        for name, array in case.arrays(seed=1).items():
            assert np.array_equal(array * 4, np.rint(array * 4))
            assert name == "b" or array.all() or case.numbers in ("integers", "whole")
    case = Case(POOL_FORWARD, Size(2, 5, 4, 3, 1, 2, 3), "max")
    assert len(np.unique(case.arrays(seed=1)["A_prev"])) == 2 * 5 * 4 * 3
    assert not np.array_equal(case.arrays(seed=1)["A_prev"], case.arrays(seed=2)["A_prev"])


def test_both_sides_have_the_same_activations():
    z = np.array([-2.0, 0.0, 3.0])
    assert ACTIVATIONS.keys() == course_file.ACTIVATIONS.keys()
    for name, function in ACTIVATIONS.items():
        assert np.array_equal(function(z), course_file.ACTIVATIONS[name](z))
    twice = ACTIVATIONS["curve"](ACTIVATIONS["curve"](z))
    assert not np.isclose(twice, ACTIVATIONS["curve"](z)).all()
