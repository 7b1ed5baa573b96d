"""Wrong programs for tasks 0 to 3, each with a mistake that a single row of `checker.functions.rows` finds.

A mutant is a line that stands in a right program at a mark, such as `# start`, or an edit of the program.
"""

from typing import NamedTuple

_ZEROS = """    ph = pw = 0
    if padding == "same":
        ph = -(-((h - 1) * sh + kh - h) // 2)
        pw = -(-((w - 1) * sw + kw - w) // 2)
        # zeros
    P = np.zeros((m, h + 2 * ph, w + 2 * pw, ci))
    P[:, ph:ph + h, pw:pw + w] = A_prev
    # padded
"""
CONV_FORWARD = f"""
import numpy as np


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    m, h, w, ci = A_prev.shape
    kh, kw, ci, co = W.shape
    sh, sw = stride
    # start
{_ZEROS}    oh, ow = (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1
    # count
    Z = np.zeros((m, oh, ow, co))
    for i in range(oh):
        for j in range(ow):
            for k in range(co):
                window = P[:, i * sh:i * sh + kh, j * sw:j * sw + kw]
                Z[:, i, j, k] = (window * W[..., k]).sum(axis=(1, 2, 3))
    A = activation(Z + b)
    # end
    return A
"""
CONV_BACKWARD = f"""
import numpy as np


def conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1)):
    m, h, w, ci = A_prev.shape
    kh, kw, ci, co = W.shape
    sh, sw = stride
    oh, ow = dZ.shape[1:3]
    # start
{_ZEROS}    # count
    D, dW = np.zeros(P.shape), np.zeros(W.shape)
    for i in range(oh):
        for j in range(ow):
            for k in range(co):
                g = dZ[:, i, j, k].reshape(-1, 1, 1, 1)
                D[:, i * sh:i * sh + kh, j * sw:j * sw + kw] += g * W[..., k]
                dW[..., k] += (g * P[:, i * sh:i * sh + kh, j * sw:j * sw + kw]).sum(axis=0)
    A = D[:, ph:ph + h, pw:pw + w]
    # end
    return A, dW, dZ.sum(axis=(0, 1, 2), keepdims=True)
"""
POOL_FORWARD = """
import numpy as np


def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    m, h, w, c = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    # start
    oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
    # count
    A = np.zeros((m, oh, ow, c))
    for i in range(oh):
        for j in range(ow):
            window = A_prev[:, i * sh:i * sh + kh, j * sw:j * sw + kw]
            assert window.shape[1:3] == (kh, kw)
            A[:, i, j] = window.max(axis=(1, 2)) if mode == "max" else window.mean(axis=(1, 2))
    # end
    return A
"""
POOL_BACKWARD = """
import numpy as np


def pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max"):
    m, h, w, c = A_prev.shape
    kh, kw = kernel_shape
    sh, sw = stride
    oh, ow = dA.shape[1:3]
    # start
    # count
    A = np.zeros(A_prev.shape)
    for i in range(oh):
        band = np.zeros((m, kh, w, c))
        for j in range(ow):
            window = A_prev[:, i * sh:i * sh + kh, j * sw:j * sw + kw]
            largest = window == window.max(axis=(1, 2), keepdims=True)
            # largest
            share = largest if mode == "max" else np.ones(window.shape) / (kh * kw)
            band[:, :, j * sw:j * sw + kw] += share * dA[:, i:i + 1, j:j + 1]
        A[:, i * sh:i * sh + kh] += band
    # end
    return A
"""
PROGRAMS = (CONV_FORWARD, POOL_FORWARD, CONV_BACKWARD, POOL_BACKWARD)


class Mutant(NamedTuple):
    """A mutant for the row `row`. mark: where the line stands, or the text that it replaces; tasks: its programs"""

    row: str
    mark: str
    line: str
    tasks: tuple[int, ...] = (0, 2)

    def text(self, task: int) -> str:
        """The mutant's program."""
        old = PROGRAMS[task]
        place = f"# {self.mark}\n" if f"# {self.mark}\n" in old else self.mark
        assert place in old
        return old.replace(place, self.line + "\n" if place != self.mark else self.line)


CONVOLUTIONS = [
    Mutant("three_examples", "end", "A[m - m % 2 or 1:] = 0"),
    Mutant("one_example", "end", "A = A[0] if m == 1 else A"),
    Mutant("strides", "count", "oh, ow = (oh, ow) if ph or pw else ((h - kh + 1) // sh, (w - kw + 1) // sw)"),
    Mutant("leftover", "count", "oh = oh if padding == 'same' else -(-(h - kh) // sh) + 1"),
    Mutant("rows_only", "zeros", "ph = ph if pw else 0"),
    Mutant("columns_only", "zeros", "pw = pw if ph else 0"),
    Mutant("stride_three", "zeros", "pw = (w * sw + kw - w - 1) // 2"),
    Mutant("above_image", "start", "sh = min(sh, h - 1)"),
    Mutant("odd_across_1", "zeros", "pw += kw % 2 == 0 and sw == 1"),
    Mutant("odd_down_1", "zeros", "ph += kh % 2 == 0 and sh == 1"),
    Mutant("odd_across_3", "zeros", "pw += kw % 2 == 0 and sw == 3"),
    Mutant("odd_down_3", "zeros", "ph += kh % 2 == 0 and sh == 3"),
    Mutant("even_down_2", "zeros", "ph = ((h - 1) * sh + kh - h) // 2 + (kh % 2 == 0)"),
    Mutant("even_across_2", "zeros", "pw = ((w - 1) * sw + kw - w) // 2 + (kw % 2 == 0)"),
    Mutant("odd_across_2", "zeros", "pw += kw % 2 == 0 and sw == 2 and w % 2"),
    Mutant("odd_down_2", "zeros", "ph += kh % 2 == 0 and sh == 2 and h % 2"),
    Mutant("one_by_one", "zeros", "ph, pw = (ph, pw) if ph or pw else (1, 1)"),
    Mutant("one_by_one_strides", "start", "sh, sw = (sh, sw) if kh * kw > 1 else (1, 1)"),
    Mutant("whole_image", "count", "ow = ow if w > kw else 0"),
    Mutant("more_inputs", "padded", "P[..., 2:] = 0"),
    Mutant("more_outputs", "    # end", "    Z[..., 2:] = 0; A = activation(Z + b)", (0,)),
    Mutant("more_outputs", "end", "dW[..., 2:] = 0", (2,)),
    Mutant("bias", "start", "b = b[..., :1]", (0,)),
    Mutant("activation", "end", "A = activation(A)", (0,)),
    Mutant("defaults", 'padding="same"', 'padding="valid"'),
    Mutant("defaults", "stride=(1, 1)", "stride=(2, 2)"),
    Mutant("together", "padded", "P[..., 1:] *= padding == 'valid'"),
    Mutant("digits", "count", "oh = min(oh, 10)"),
]
POOLINGS = [
    Mutant("three_examples", "end", "A[m - m % 2 or 1:] = 0", (1, 3)),
    Mutant("three_examples", "end", "A[..., 2:] = 0", (1, 3)),
    Mutant("one_example", "end", "A = A[0] if m == 1 else A", (1, 3)),
    Mutant("overlapping", "start", "sh = kh if sh == 1 < kh and kw == 2 else sh", (1, 3)),
    Mutant("overlapping", "+= band", "= band", (3,)),
    Mutant("strides", "start", "sw = kw if 1 < sw < kw else sw", (1, 3)),
    Mutant("leftover", "count", "oh = -(-(h - kh) // sh) + 1", (1,)),
    Mutant("leftover", "count", "oh = -(-(h - kh) // sh) + 1; dA = np.pad(dA, ((0, 0), (0, 1), (0, 0), (0, 0)))", (3,)),
    Mutant("gaps", "start", "sh, sw = min(sh, kh), min(sw, kw)", (1, 3)),
    Mutant("whole_image", "count", "oh = oh if h > kh else 0", (1, 3)),
    Mutant("ties", "largest", "largest[:, 1:] &= ~largest[:, :1].any(axis=(1, 2), keepdims=True)", (3,)),
    Mutant("defaults", 'mode="max"', 'mode="avg"', (1, 3)),
    Mutant("digits", "count", "oh = min(oh, 10)", (1, 3)),
]
