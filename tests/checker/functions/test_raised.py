"""The words for a line that raises, from the exceptions of this Python and this NumPy."""

import numpy as np
import pytest

from convlens.checker.functions.answers import Answer
from convlens.checker.functions.cases import POOL_FORWARD, Case, Size
from convlens.checker.functions.raised import cause_of, what_it_does


def written(size, cells):
    np.zeros(cells)[...] = np.zeros(size)


def added(size, cells):
    total = np.zeros(cells)
    total += np.zeros(size)


def unset(times=0):
    for late in range(times):
        times += late
    return late


def two(a, b):
    return a, b


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda: written((0, 3), (2, 4)), "writes an empty array (0,3) into cells (2,4): the slice that cut it out"),
        (lambda: written((5, 3), (2, 3)), "writes an array (5,3) into cells (2,3)"),
        (lambda: added((4, 2), (1, 2)), "adds an array (4,2) to a slice (1,2): the slice does not have the size of"),
        (lambda: np.zeros((2, 3)) * np.zeros((2, 2)), "combines arrays (2,3) and (2,2), whose shapes do not fit"),
        (lambda: np.zeros((2, 3))[1, 3], "uses index 3 of axis 1, which has only 3 entries"),
        (lambda: np.zeros(6).reshape(10, 1), "turns an array of 6 numbers into the shape (10,1)"),
        (lambda: np.zeros((0, 2)).max(axis=0), "takes the maximum of an empty window"),
        (lambda: eval("two(*np.zeros(3))"), "takes fewer arguments than the course's call has"),
        (lambda: eval("two(1)"), "needs b, which the course's call does not give"),
        (lambda: eval("two(1, a=3)"), "gets a twice: the arguments must be in the course's order"),
        (lambda: eval("two(1, c=3)"), "has no argument c: the signature must be the course's"),
        (unset, "uses late before it gets a value in this call"),
        (lambda: eval("nobody"), "uses nobody, which has no value there: it is not an argument, nor set before"),
        (
            lambda: eval("np.zeros(3).nothing"),
            "uses .nothing on a value of type numpy.ndarray, which has no such attribute",
        ),
        (lambda: eval("1 // 0"), "divides by zero"),
        (lambda: np.zeros(3)[0:2:0], "cuts a slice start:end:step with the step 0"),
        (lambda: np.zeros((2, 3)).sum(axis=2), "uses axis 2 of an array of 2 axes, from 0 on"),
        (lambda: eval("np.identity((2, 3))"), "uses a value of type tuple in place of a whole number"),
        (lambda: [].pop(), "raises IndexError: pop from empty list"),
    ],
)
def test_the_words_for_an_exception(does, said):
    with pytest.raises(Exception) as caught:
        does()
    text = " ".join(str(caught.value).split())
    assert what_it_does(caught.type.__name__, text).startswith(said), text


def answer(size, raised="ValueError", line=3, text="a text"):
    case = Case(POOL_FORWARD, size, "max")
    value = None if raised else (np.zeros(1),)
    return [Answer(case, case.arrays(0), value, raised, text, line)]


def test_the_cause_is_the_line_of_the_smallest_call():
    calls = [answer(Size(2, 5, 5, 1, 1, 2, 2), line=9), answer(Size(1, 3, 3, 1, 1, 2, 2))]
    cause = cause_of(calls)
    assert cause is not None
    assert cause == ("ValueError in line 3", "line 3 raises ValueError: a text")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("two(*np.zeros(3))", "line 3 gives two() 3 arguments, but it takes 2"),
        ("two(1)", "line 3 calls two() without the argument 'b'"),
        ("two(1, a=3)", "line 3 gives two() the argument a twice"),
        ("two(1, c=3)", "line 3 gives two() the argument c, which it does not have"),
    ],
)
def test_a_line_that_calls_another_function(call, said):
    with pytest.raises(TypeError) as caught:
        eval(call)
    cause = cause_of([answer(Size(1, 3, 3, 1, 1, 2, 2), "TypeError", text=str(caught.value))])
    assert cause is not None
    assert cause.hint == said


def test_a_call_that_returns_a_value_has_no_line():
    assert cause_of([answer(Size(1, 3, 3, 1, 1, 2, 2)), answer(Size(1, 3, 4, 1, 1, 2, 2), raised="")]) is None
