"""Wrong variants of tasks 2 and 3: all are caught, nearly all with the right hint. Correct files pass."""

from tests.support.checker.mutant_tests import mutant_suite

sandbox, test_a_correct_file_passes, test_a_wrong_file_fails_and_is_explained = mutant_suite(
    ("2-conv_backward.py", "3-pool_backward.py")
)
