"""A course's own checks: convlens check DIR --checks own_checks.py

Each check has a docstring, the rule that a student reads, and gets the student's file, or the student's function, or
both. It fails if it raises Failed or an AssertionError.
"""

import ast

import numpy as np

from convlens.checker.own_checks import Activation, Failed, check

LOOPS = (ast.For, ast.While, ast.comprehension)


@check(0, 1, 2, 3, part="form")
def four_loops_at_most(file):
    """The file has at most four loops: the assignment asks for few."""
    loops = [node for node in ast.walk(file.tree) if isinstance(node, LOOPS)]
    if len(loops) > 4:
        raise Failed(f"it has {len(loops)}", hint="let NumPy work on all images and channels at once")


@check(0)
def one_pixel(function):
    """For one pixel and a kernel of one number, the output is their product plus the bias."""
    pixel, kernel, bias = (np.full((1, 1, 1, 1), number) for number in (2.0, 3.0, 0.5))
    got = function(pixel, kernel, bias, Activation.IDENTITY, padding="valid")
    np.testing.assert_allclose(got, [[[[6.5]]]])


@check(1)
def whole_image(function):
    """A window as large as the image gives its largest number."""
    image = np.arange(6.0).reshape(1, 2, 3, 1)
    got = function(image, (2, 3))
    if np.shape(got) != (1, 1, 1, 1) or got.item() != 5:
        raise Failed(f"for the numbers 0 to 5 in a window of 2 × 3, the result is {np.asarray(got).tolist()}")
