"""Kinds of mistakes that students make, each written here as a change of a small program, and calls of no mistake.

A sample is a task, the changes of its program (`PROGRAMS`), and the name of the cause that the first hint must have.
A near miss looks like another sample, and must not get its hint.
"""

from typing import NamedTuple

CONV_FORWARD = """
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    n, h, w, _ = A_prev.shape
    kh, kw, _, co = W.shape
    sh, sw = stride
    rows, cols = (h - 1) * sh + kh - h, (w - 1) * sw + kw - w
    if padding == "valid":
        rows = cols = 0
    ph, pw = -(-rows // 2), -(-cols // 2)
    image = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    oh, ow = (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1
    out = np.zeros((n, oh, ow, co))
    for y in range(oh):
        for x in range(ow):
            part = image[:, y * sh:y * sh + kh, x * sw:x * sw + kw]
            for k in range(co):
                out[:, y, x, k] = (part * W[..., k]).sum(axis=(1, 2, 3))
    return activation(out + b)
"""
POOL_FORWARD = """
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    n, h, w, c = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
    out = np.zeros((n, oh, ow, c))
    for y in range(oh):
        for x in range(ow):
            part = A_prev[:, y * sh:y * sh + kh, x * sw:x * sw + kw]
            out[:, y, x] = part.max(axis=(1, 2)) if mode == "max" else part.mean(axis=(1, 2))
    return out
"""
CONV_BACKWARD = """
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    n, h, w, ci = A_prev.shape
    kh, kw, _, co = W.shape
    oh, ow = dZ.shape[1:3]
    sh, sw = stride
    rows, cols = (h - 1) * sh + kh - h, (w - 1) * sw + kw - w
    if padding == "valid":
        rows = cols = 0
    ph, pw = -(-rows // 2), -(-cols // 2)
    image = np.pad(A_prev, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    total = np.zeros(image.shape)
    dW = np.zeros(W.shape)
    for y in range(oh):
        for x in range(ow):
            for k in range(co):
                g = dZ[:, y, x, k].reshape(-1, 1, 1, 1)
                total[:, y * sh:y * sh + kh, x * sw:x * sw + kw] += W[..., k] * g
                dW[..., k] += (image[:, y * sh:y * sh + kh, x * sw:x * sw + kw] * g).sum(axis=0)
    dA = total[:, ph:ph + h, pw:pw + w]
    return dA, dW, dZ.sum(axis=(0, 1, 2)).reshape(b.shape)
"""
POOL_BACKWARD = """
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max"):
    n, oh, ow, c = dA.shape
    kh, kw = kernel_shape
    sh, sw = stride
    out = np.zeros(A_prev.shape)
    for e in range(n):
        for y in range(oh):
            for x in range(ow):
                for k in range(c):
                    at = np.s_[e, y * sh:y * sh + kh, x * sw:x * sw + kw, k]
                    part = A_prev[at]
                    if mode == "max":
                        out[at] += (part == part.max()) * dA[e, y, x, k]
                    else:
                        out[at] += np.full((kh, kw), dA[e, y, x, k] / (kh * kw))
    return out
"""
PROGRAMS = (CONV_FORWARD, POOL_FORWARD, CONV_BACKWARD, POOL_BACKWARD)


class Sample(NamedTuple):
    """task, changes: (old, new) texts of its program; cause: the name of the cause; near: whether it is a near miss."""

    task: int
    what: str
    cause: str
    changes: tuple[tuple[str, str], ...]
    near: bool = False

    def __str__(self):
        return f"{self.task}, {self.what}"

    def text(self):
        """The text of the file. Raise AssertionError unless each text to replace occurs once."""
        text = PROGRAMS[self.task]
        for old, new in self.changes:
            assert text.count(old) == 1, f"{self}: {old!r} must occur once"
            text = text.replace(old, new)
        return text


HALVES = "ph, pw = -(-rows // 2), -(-cols // 2)"
FLOORS = "ph, pw = rows // 2, cols // 2"
TOTALS = "rows, cols = (h - 1) * sh + kh - h, (w - 1) * sw + kw - w"
OF_DZ = "rows, cols = (oh - 1) * sh + kh - h, (ow - 1) * sw + kw - w"
COUNTS = "oh, ow = (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1"
INPUT_COUNTS = 'if padding == "same":\n        oh, ow = h, w'
CROP = "total[:, ph:ph + h, pw:pw + w]"
CUT = f'{CROP[:5]}[:, ph:-ph, pw:-pw] if padding == "same" else total'

SAMPLES = (
    # One line raises: the line is named, no mistake
    Sample(0, "a name that nobody set", "NameError in line 13", (("np.pad(A_prev", "np.pad(a_prev"),)),
    Sample(
        2, "a name of the loop before the loop", "UnboundLocalError in line 10", (("(h - 1) * sh", "(y - 1) * sh"),)
    ),
    Sample(2, "shapes that never fit", "ValueError in line 21", (("+= W[..., k] * g", "+= W * g"),)),
    Sample(3, "another order of arguments", "TypeError in the call", (("A_prev, kernel_shape, s", "kernel_shape, s"),)),
    # Zeros alone
    Sample(2, "summed up and never handed out", "never_filled", ((f"dA = {CROP}", "dA = np.zeros(A_prev.shape)"),)),
    Sample(2, "no gradient of the kernel", "never_filled", (("dW[..., k] +=", "lost ="),)),
    Sample(0, "the sum goes elsewhere", "never_filled", (("out[:, y, x, k] =", "lost ="), ("(out + b)", "(out)"))),
    Sample(1, "the maximum goes elsewhere", "never_filled", (("out[:, y, x] =", "lost ="),)),
    # A number in the code
    Sample(2, "ten images", "fixed_n", (("reshape(-1, 1, 1, 1)", "reshape(10, 1, 1, 1)"),)),
    Sample(1, "seven images", "fixed_n", (("np.zeros((n, oh, ow, c))", "np.zeros((7, oh, ow, c))"),)),
    Sample(0, "five channels", "fixed_co", (("np.zeros((n, oh, ow, co))", "np.zeros((n, oh, ow, 5))"),)),
    # Defaults
    Sample(1, "the default of mode", "wrong_default", (('mode="max"', 'mode="avg"'),)),
    Sample(3, "the default of stride", "wrong_default", (("stride=(1, 1)", "stride=(2, 2)"),)),
    Sample(0, "the default of padding", "wrong_default", (('padding="same"', 'padding="valid"'),)),
    Sample(2, "the default of padding", "wrong_default", (('padding="same"', 'padding="valid"'),)),
    # An index for a slice
    Sample(3, "one column", "index_for_slice", (("A_prev[at]", "A_prev[e, y * sh:y * sh + kh, x * sw + kw, k]"),)),
    Sample(3, "the first row", "index_for_slice", (("A_prev[at]", "A_prev[e, y * sh, x * sw:x * sw + kw, k]"),)),
    # Totals and halves
    Sample(0, "a stride too much", "total_off_by_term", ((TOTALS, TOTALS.replace(" - 1)", ")")),)),
    Sample(
        0,
        "a term, and as many windows as rows",
        "total_off_by_term",
        (
            (TOTALS, "rows, cols = h * sh + kh - h - 1, w * sw + kw - w - 1"),
            (HALVES, FLOORS),
            (COUNTS, f"{COUNTS}\n    {INPUT_COUNTS}"),
        ),
    ),
    Sample(
        0, "half of an odd total", "odd_total_halved", ((HALVES, FLOORS), (COUNTS, f"{COUNTS}\n    {INPUT_COUNTS}"))
    ),
    Sample(
        2,
        "from the gradient's size",
        "padding_from_dz",
        ((TOTALS, OF_DZ), (HALVES, FLOORS)),
    ),
    Sample(
        0,
        "the height decides for the width",
        "parity_of_other_axis",
        (
            (HALVES, "even = kh % 2 == 0\n    ph, pw = rows // 2 + even, cols // 2 + even"),
            ("rows = cols = 0", "rows = cols = -2 * (kh % 2 == 0)"),
        ),
    ),
    Sample(
        2,
        "one too much",
        "pad_one_too_much",
        ((HALVES, 'more = padding == "same"\n    ph, pw = rows // 2 + more, cols // 2 + more'),),
    ),
    # The gradient's array
    Sample(
        2,
        "an array without padding, cropped",
        "sum_unpadded",
        (("np.zeros(image.shape)", "np.zeros(A_prev.shape)"), (CROP, CUT)),
    ),
    Sample(
        2,
        "an array without padding",
        "sum_unpadded",
        (("np.zeros(image.shape)", "np.zeros(A_prev.shape)"), (CROP, "total")),
    ),
    Sample(2, "empty slice", "crop_zero", ((CROP, CUT),)),
    # Windows
    Sample(
        1,
        "one for even kernels",
        "one_for_even",
        (("// sh + 1, (w", "// sh + (kh % 2 == 0), (w"), ("// sw + 1", "// sw + (kw % 2 == 0)")),
    ),
    Sample(
        3, "copied", "direct_copy", (("    return out", "    out[...] = 0\n    out[:, :oh, :ow] = dA\n    return out"),)
    ),
    Sample(1, "rows by the column", "row_by_column", (("y * sh:y * sh + kh", "y * sh:x * sh + kh"),)),
    Sample(
        1, "width's stride for the height", "stride_width_for_height", (("sh, sw = stride", "sh = sw = stride[1]"),)
    ),
    # Two mistakes
    Sample(
        3,
        "neither divided nor added up",
        "average_not_divided",
        (
            ("out[at] += np.full((kh, kw), dA[e, y, x, k] / (kh * kw))", "out[at] = dA[e, y, x, k]"),
            ("out[at] += (part", "out[at] = (part"),
        ),
    ),
    # Near misses
    Sample(
        1,
        "zeros after the first image",
        "returned_early",
        (("    return out", "    out[1:] = 0\n    return out"),),
        near=True,
    ),
    Sample(
        0,
        "half of the kernel",
        "pad_ignores_stride",
        ((HALVES, "ph, pw = (kh // 2, kw // 2) if rows or cols else (0, 0)"),),
        near=True,
    ),
    Sample(3, "mode ignored", "mode_ignored", (('if mode == "max"', "if True"),), near=True),
    Sample(2, "never cropped", "not_cropped", ((CROP, "total"),), near=True),
    Sample(2, "the first image alone", "", (("* g).sum(axis=0)", "* g)[0] + 1"),), near=True),
    Sample(
        0, "a number of nobody's", "", (("activation(out + b)", "activation(out + b) * 1.5 - 0.25 * ph"),), near=True
    ),
    Sample(3, "noise", "", (("    return out", "    return out + A_prev.sum()"),), near=True),
)
