"""The tests of the mutants. One test file uses them for files 0 and 1, another for 2 and 3, to run in parallel."""

import pytest
from tests.support.checker.checking import best, examine, explained, failing, open_sandbox
from tests.support.checker.mutants import MUTANTS
from tests.support.checker.samples import BASES, source

# The hint for these mutants is missing, or it is the line that raises: no program in the checker's table of mistakes
# gives the same results on all calls.
MISSED = {
    "0-conv_forward, loops, output_one_too_many: a row and a column of zeros",
    "0-conv_forward, cells, window_end_without_stride: of the rows",
    "0-conv_forward, cells, bias_repeated: for each cell of the kernel",
    "0-conv_forward, singles, height_for_width: in the window",
    "1-pool_forward, windows, output_one_too_many: for even kernels",
    "1-pool_forward, cells, height_for_width: cells of a square window",
    "1-pool_forward, cells, window_end_without_stride: of the rows",
    "1-pool_forward, singles, returned_early: after the first example",
    "2-conv_backward, einsum, overwritten: dx of the last window",
    "2-conv_backward, einsum, stride_height_for_width: of dx",
    "2-conv_backward, im2col, db_axes: channels, not rows",
    "2-conv_backward, singles, overwritten: db of the last position",
    "3-pool_backward, singles, overwritten: the last window's maximum",
}

# The task leaves open what these files do with images of integers, or with the arrays that they are given: advice
LEFT_OPEN = {"wrong_dtype", "input_changed"}


def mutant_suite(files):
    """A fixture and tests: correct files pass, wrong ones fail and are explained."""
    mutants = [mutant for mutant in MUTANTS if mutant.file in files]

    @pytest.fixture(scope="module")
    def sandbox():
        with open_sandbox(best()) as opened:
            yield opened

    @pytest.mark.parametrize(("base", "file"), [(base, file) for base in BASES for file in files])
    def test_a_correct_file_passes(sandbox, base, file):
        report = examine(sandbox, file, source(base, file))
        assert [(found.name, found.message) for found in report.checks if found.status != "pass"] == []
        assert report.seconds > 0

    @pytest.mark.parametrize("mutant", mutants, ids=str)
    def test_a_wrong_file_fails_and_is_explained(sandbox, mutant):
        report, mistake = explained(sandbox, mutant)
        assert failing(report) or mistake in LEFT_OPEN, "nothing fails"
        assert (mistake == mutant.mistake) != (str(mutant) in MISSED), f"the hint is {mistake!r}"
        assert all(found.message for found in report.checks if found.status != "pass")

    return sandbox, test_a_correct_file_passes, test_a_wrong_file_fails_and_is_explained
