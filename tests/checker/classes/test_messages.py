"""What is sent to a grading process arrives as it was."""

import pytest

from convlens.checker.classes.messages import pack, unpack
from convlens.checker.options import Options
from convlens.checker.submission import File, Submission

pytestmark = pytest.mark.smoke


def test_a_submission_and_its_options_arrive_unchanged():
    files = {
        "0-conv_forward.py": File(b"\xff\x00", runs=True),
        "1-pool_forward.py": File(None, problem="gone", missing=True),
    }
    submission = Submission("李\udcff", files)
    options = Options((0, 1), "landlock", 7, 2.5, True, "own = 'é'\n", "own.py")
    got, given, unsafe = unpack(pack(submission, options, True))
    assert (got.name, got.files, given, unsafe) == (submission.name, submission.files, options, True)
    assert pack(submission, options, False).count(b"\n") == 1
