"""Correct coursework files with a wrong form: submission, file, the check that must fail, what is wrong, the change."""

from tests.support.checker.samples import Form

CONV_FORWARD, POOL_FORWARD, CONV_BACKWARD, POOL_BACKWARD = (
    "0-conv_forward.py",
    "1-pool_forward.py",
    "2-conv_backward.py",
    "3-pool_backward.py",
)


def replaced(old, new):
    """A function that replaces bytes of a file. They must occur exactly once."""

    def spoil(path):
        content = path.read_bytes()
        assert content.count(old) == 1, f"{old!r} must occur once in {path.name}"
        path.write_bytes(content.replace(old, new))

    return spoil


def rewritten(change):
    """A function that replaces all bytes of a file by `change(bytes)`."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def link(path):
    """Rename the file and leave a link to it."""
    path.symlink_to(path.rename(path.with_suffix(".txt")))


def folder(path):
    """Replace the file by a folder of the same name."""
    path.unlink()
    path.mkdir()


def other_case(path):
    """Rename the file: its name gets capital letters."""
    path.rename(path.with_name(path.name.upper()))


NUMPY = b"import numpy as np\n"
FORMS = [
    Form("loops", CONV_FORWARD, "exists", "no file", lambda path: path.unlink()),
    Form("windows", POOL_FORWARD, "exists", "name in capitals", other_case),
    Form("einsum", CONV_BACKWARD, "readable", "a link", link),
    Form("cells", POOL_BACKWARD, "readable", "a folder", folder),
    Form("singles", POOL_FORWARD, "readable", "too large", rewritten(lambda text: text + b"# more\n" * 2**16)),
    Form("windows", CONV_FORWARD, "run_bit", "for nobody", lambda path: path.chmod(0o644)),
    Form("im2col", POOL_FORWARD, "run_bit", "only for others", lambda path: path.chmod(0o655)),
    Form(
        "loops", CONV_BACKWARD, "first_line", "without env", replaced(b"#!/usr/bin/env python3", b"#!/usr/bin/python3")
    ),
    Form(
        "einsum", POOL_FORWARD, "first_line", "a space", replaced(b"#!/usr/bin/env python3", b"#! /usr/bin/env python3")
    ),
    Form("cells", CONV_FORWARD, "first_line", "an empty line above", rewritten(lambda text: b"\n" + text)),
    Form("singles", CONV_FORWARD, "first_line", "a byte order mark", rewritten(lambda text: b"\xef\xbb\xbf" + text)),
    Form("windows", CONV_BACKWARD, "final_newline", "none", rewritten(lambda text: text.rstrip(b"\n"))),
    Form("im2col", CONV_FORWARD, "line_ends", "all CRLF", rewritten(lambda text: text.replace(b"\n", b"\r\n"))),
    Form("loops", POOL_BACKWARD, "line_ends", "some CRLF", replaced(NUMPY, b"import numpy as np\r\n")),
    Form("loops", POOL_FORWARD, "parses", "a bracket too few", replaced(b"np.zeros((m, ", b"np.zeros(m, ")),
    Form("einsum", CONV_FORWARD, "parses", "no colon", replaced(b'if padding == "same":', b'if padding == "same"')),
    Form(
        "windows",
        POOL_FORWARD,
        "parses",
        "print of Python 2",
        replaced(b"    return pool", b"    print pool\n    return pool"),
    ),
    Form("cells", POOL_FORWARD, "parses", "a tab", replaced(b"    start = -np.inf", b"\tstart = -np.inf")),
    Form("singles", CONV_BACKWARD, "parses", "no UTF-8", replaced(b"single precision", b"single pr\xe9cision")),
    Form("im2col", POOL_BACKWARD, "parses", "a byte 0", rewritten(lambda text: text + b"\0\n")),
    Form("loops", CONV_FORWARD, "imports", "from math", replaced(NUMPY, NUMPY + b"from math import ceil\n")),
    Form("windows", POOL_BACKWARD, "imports", "os and numpy", replaced(NUMPY, b"import os\n" + NUMPY)),
    Form(
        "einsum",
        POOL_BACKWARD,
        "imports",
        "inside the function",
        replaced(b"    kh, kw = kernel", b"    import scipy.signal\n    kh, kw = kernel"),
    ),
    Form(
        "cells",
        CONV_BACKWARD,
        "imports",
        "__import__",
        replaced(NUMPY, NUMPY + b'\nSIGNAL = __import__("scipy").signal\n'),
    ),
    Form(
        "singles",
        POOL_BACKWARD,
        "imports",
        "importlib",
        replaced(NUMPY, b"import importlib\n\nnp = importlib.import_module('numpy')\n"),
    ),
    Form("im2col", CONV_FORWARD, "imports", "everything", replaced(NUMPY, NUMPY + b"from tensorflow import *\n")),
    Form("windows", CONV_FORWARD, "imports", "relative", replaced(NUMPY, NUMPY + b"from .pad import pad\n")),
    Form(
        "loops",
        CONV_FORWARD,
        "documentation",
        "none of the module",
        replaced(b'"""Forward propagation of a convolutional layer, with plain loops"""\n', b""),
    ),
    Form(
        "singles",
        POOL_FORWARD,
        "documentation",
        "the module's is a comment",
        replaced(
            b'"""\nThis module does the forward pass of a pooling layer in single precision\n"""',
            b"# This module does the forward pass of a pooling layer",
        ),
    ),
    Form(
        "einsum",
        POOL_FORWARD,
        "documentation",
        "the function's is empty",
        replaced(
            b"Pools A_prev (m, h, w, c) by windows of kernel_shape\n\n"
            b"    The windows are a view of A_prev with two more axes, that are reduced\n    ",
            b"",
        ),
    ),
    Form(
        "im2col",
        CONV_BACKWARD,
        "documentation",
        "none of a helper",
        replaced(b'    """How many zeros go before and after, so that the size stays the same"""\n', b""),
    ),
    Form(
        "windows",
        CONV_BACKWARD,
        "style",
        "a long line",
        replaced(
            b"                    kernel = W[:, :, :, f]\n",
            b"                    kernel = W[:, :, :, f]  # of this filter, for all the channels of the input\n",
        ),
    ),
    Form(
        "loops", POOL_FORWARD, "style", "no spaces around =", replaced(b"kh, kw = kernel_shape", b"kh, kw=kernel_shape")
    ),
    Form("cells", CONV_BACKWARD, "style", "one empty line", replaced(NUMPY + b"\n\n", NUMPY + b"\n")),
    Form(
        "einsum",
        CONV_BACKWARD,
        "style",
        "a space at the end",
        replaced(b"    sh, sw = stride\n", b"    sh, sw = stride \n"),
    ),
    Form("singles", POOL_BACKWARD, "style", "an empty line at the end", rewritten(lambda text: text + b"\n")),
    Form(
        "loops", CONV_BACKWARD, "signature", "another function", replaced(b"def conv_backward(", b"def conv_backwards(")
    ),
    Form(
        "windows",
        POOL_FORWARD,
        "signature",
        "another argument",
        replaced(
            b"(A_prev, kernel_shape, stride=(1, 1), mode='max')", b"(A_prev, kernel_shape, strides=(1, 1), mode='max')"
        ),
    ),
    Form(
        "im2col",
        POOL_BACKWARD,
        "signature",
        "no default",
        replaced(b"stride=(1, 1), mode='max')", b"stride=(1, 1), mode=None)"),
    ),
    Form(
        "einsum",
        CONV_FORWARD,
        "signature",
        "another default",
        replaced(b'padding="same", stride', b'padding="valid", stride'),
    ),
    Form(
        "cells",
        CONV_FORWARD,
        "signature",
        "another order",
        replaced(b"(A_prev, W, b, activation, ", b"(A_prev, W, activation, b, "),
    ),
    Form(
        "singles",
        CONV_BACKWARD,
        "signature",
        "an argument too few",
        replaced(b"(dZ, A_prev, W, b, padding", b"(dZ, A_prev, W, padding"),
    ),
    Form(
        "im2col",
        POOL_FORWARD,
        "signature",
        "default missing",
        replaced(b"stride=(1, 1), mode='max')", b"stride, mode)"),
    ),
    Form("loops", POOL_BACKWARD, "loads", "raises", replaced(NUMPY, NUMPY + b"\nBLOCK = 1 // 0\n")),
    Form(
        "windows",
        POOL_BACKWARD,
        "loads",
        "a name that numpy lacks",
        replaced(NUMPY, NUMPY + b"\nFLOAT = np.no_such_type\n"),
    ),
    Form(
        "einsum",
        POOL_BACKWARD,
        "loads",
        "reads a file",
        rewritten(lambda text: text + b"\n\nA = np.load('../data/MNIST.npz')['X_train']\n"),
    ),
    Form("singles", CONV_FORWARD, "loads", "exits", rewritten(lambda text: text + b"\n\nraise SystemExit\n")),
]
