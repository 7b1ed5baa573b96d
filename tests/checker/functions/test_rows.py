"""The tables of inputs: every row earns its place, and no geometry is left out."""

import itertools

import pytest
from tests.support.checker import row_mutants
from tests.support.course_files import from_text

from convlens.checker.functions import rows
from convlens.checker.functions.cases import CONV_BACKWARD, POOL_FORWARD
from convlens.checker.functions.judge import judge
from convlens.checker.rules import RULES

TABLES = (rows.CONVOLUTIONS, rows.POOLINGS) * 2
MUTANTS = [(task, mutant) for mutant in [*row_mutants.CONVOLUTIONS, *row_mutants.POOLINGS] for task in mutant.tasks]
ACTIVATIONS = {"identity": lambda z: z, "relu": lambda z: z * (z > 0), "curve": lambda z: z / 2 + 1}


def right(function, case):
    """Whether the function is right for a case in one of its readings."""
    for reading in case.readings():
        given = reading.arrays(0)
        order, named, arrays = reading.arguments(given)
        values = [
            tuple(one["tuple"]) if "tuple" in one else ACTIVATIONS[one["activation"]] for one in order[len(arrays) :]
        ]
        named = {name: tuple(one["tuple"]) if isinstance(one, dict) else one for name, one in named.items()}
        try:
            got = function(*arrays, *values, **named)
        except (AssertionError, IndexError, ValueError):
            continue
        if judge(reading, given, got if isinstance(got, tuple) else (got,), reveal=False)[1] is None:
            return True
    return False


def failing(task, text, mode=None):
    """The rows for which a program is wrong."""
    function = getattr(from_text(text), RULES[task].function)
    found = [row for row in TABLES[task] if task in row.tasks and mode in (None, row.how)]
    return {row.name for row in found if not right(function, row.case(task))}


@pytest.mark.parametrize("task", range(4))
def test_a_right_program_passes_all_rows(task):
    assert failing(task, row_mutants.PROGRAMS[task]) == set()


@pytest.mark.parametrize(("task", "mutant"), MUTANTS, ids=lambda one: str(getattr(one, "row", one)))
def test_without_its_row_a_wrong_program_passes(task, mutant):
    for mode in ("max", "avg") if task % 2 else (None,):
        known = {row.name for row in TABLES[task] if task in row.tasks and mode in (None, row.how)}
        assert failing(task, mutant.text(task), mode) == {mutant.row} & known


@pytest.mark.parametrize("task", range(4))
def test_every_row_has_such_a_program(task):
    assert {row.name for row in TABLES[task] if task in row.tasks} == {
        mutant.row for number, mutant in MUTANTS if number == task
    }


def test_every_row_has_a_name_and_a_reason():
    for table in (rows.CONVOLUTIONS, rows.POOLINGS):
        assert len({(row.name, row.how) for row in table}) == len(table)
        assert all(row.why for row in table)


@pytest.mark.parametrize("axis", [0, 1])
def test_every_branch_of_the_geometry_is_met_on_each_axis(axis):
    """An odd or even kernel, stride 1, 2 or 3, an even or odd total of zeros: all that occur together."""
    met, odd_axes = set(), []
    for row in rows.CONVOLUTIONS:
        if row.how == "same":
            size, k, s = row.size[1 + axis], row.size[5 + axis], row.size[7 + axis]
            totals = [(row.size[1 + a] - 1) * row.size[7 + a] + row.size[5 + a] - row.size[1 + a] for a in (0, 1)]
            met.add((k % 2, s, totals[axis] % 2))
            odd_axes.append(sum(total % 2 for total in totals))
            assert size >= k
    wanted = {(k % 2, s, ((n - 1) * s + k - n) % 2) for n, k, s in itertools.product((6, 7), (2, 3), (1, 2, 3))}
    assert met >= wanted
    assert max(odd_axes) == 1


def test_batches_and_channels_differ_from_row_to_row():
    sizes = [row.size for row in rows.CONVOLUTIONS]
    assert {size.n for size in sizes} >= {1, 2, 3}
    assert 10 not in {size.n for size in sizes}
    assert {size.ci for size in sizes} == {size.co for size in sizes} == {1, 2, 3}
    small = [size for size in sizes if size.h < 28]
    assert all(size.h != size.w for size in small)


def test_the_rows_of_a_check_are_found():
    assert [case.size.n for case in rows.cases(rows.CONVOLUTIONS, CONV_BACKWARD, "examples", "valid", "bias")] == [3, 1]
    assert {case.how for case in rows.cases(rows.POOLINGS, POOL_FORWARD, "disjoint")} == {"max", "avg"}
