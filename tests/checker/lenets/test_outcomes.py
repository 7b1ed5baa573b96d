"""The message about a guest's exception has the student's line, without TensorFlow's additions."""

import pytest

from convlens.checker.lenets.outcomes import exception_outcome
from convlens.checker.sandbox.guest_side.lenet_tools import plain

GRAPH = """Graph execution error:

Detected at node 'Placeholder' defined at (most recent call last):
    File "/run/convlens/guest_side/fork_server.py", line 57, in main
    File "4-lenet5.py", line 6, in lenet5
Node: 'Placeholder'
You must feed a value for placeholder tensor 'Placeholder' with dtype float and shape [?,3]
\t [[{{node Placeholder}}]]

Original stack trace for 'Placeholder':
  File "/usr/lib/python3/ops.py", line 1221, in from_node_def
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GRAPH, "You must feed a value for placeholder tensor 'Placeholder' with dtype float and shape [?,3]"),
        ("out of bounds. for '{{node a}} = B[i=1](c, d)'", "out of bounds"),
        (
            "3 and 2 for '{{node a}} = B[](c, d)' with input shapes: [?,3], [2,2].",
            "3 and 2 with input shapes: [?,3], [2,2].",
        ),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_tensorflow_s_additions_to_an_error_are_left_out(text, said):
    assert plain(text) == said


def test_the_first_line_of_a_statement_is_quoted():
    said = "module 'tensorflow.compat.v1' has no attribute 'x'"
    told = exception_outcome(
        {"type": "NameError", "message": said, "line": 9, "code": "y = tf.layers.Conv2D(6,\nname='a')"}
    )
    assert str(told) == f"NameError: {said} (line 9: `y = tf.layers.Conv2D(6,`)"
