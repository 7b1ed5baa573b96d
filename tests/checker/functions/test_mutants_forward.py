"""Wrong variants of tasks 0 and 1: all are caught, nearly all with the right hint. Correct files pass."""

from tests.support.checker.mutant_tests import MISSED, mutant_suite
from tests.support.checker.mutants import MUTANTS

sandbox, test_a_correct_file_passes, test_a_wrong_file_fails_and_is_explained = mutant_suite(
    ("0-conv_forward.py", "1-pool_forward.py")
)


def test_nine_of_ten_hints_are_right():
    assert {str(mutant) for mutant in MUTANTS} >= MISSED
    assert len(MUTANTS) >= 60
    assert len(MISSED) <= 0.1 * len(MUTANTS)
