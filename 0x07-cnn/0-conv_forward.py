#!/usr/bin/env python3
"""Forward propagation over a convolutional layer"""
import numpy as np

BLOCK = 2 ** 18  # numbers in one block of patches: few enough for the cache


def conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1)):
    """Lays every patch of the images out as a row, and multiplies by W

    A[m, i, j, o] = activation(
        b[o] + sum over p, q, c of
        padded[m, i * sh + p, j * sw + q, c] * W[p, q, c, o])

    A_prev (m, h_prev, w_prev, c_prev), W (kh, kw, c_prev, c_new),
    b (1, 1, 1, c_new) -> A (m, h_new, w_new, c_new)

    activation: function of an array, called on one block of examples at
        a time, so that no second array of the size of A is ever needed
    padding: "valid" adds nothing; "same" adds zeros until there are as
        many windows as rows and columns of A_prev, whatever the stride
    stride: (sh, sw), the step from one window to the next
    """
    m, h_prev, w_prev, c_prev = A_prev.shape
    kh, kw, c_kernel, c_new = W.shape
    sh, sw = stride
    if padding not in ("same", "valid"):
        raise ValueError(
            f"padding must be 'same' or 'valid'; got {padding!r}")
    if sh < 1 or sw < 1:
        raise ValueError(f"stride must be at least 1; got {stride}")
    if c_prev != c_kernel or c_new != b.shape[-1]:
        raise ValueError("channels must agree; got "
                         f"A_prev {A_prev.shape}, W {W.shape}, b {b.shape}")

    extra_h = extra_w = 0
    if padding == "same":
        extra_h = (h_prev - 1) * sh + kh - h_prev
        extra_w = (w_prev - 1) * sw + kw - w_prev
    if kh > h_prev + extra_h or kw > w_prev + extra_w:
        raise ValueError("the window must fit in the padded input; got "
                         f"window {(kh, kw)}, input {(h_prev, w_prev)}")
    # an odd number of zeros has its odd one at the top and at the left
    zeros = ((0, 0), ((extra_h + 1) // 2, extra_h // 2),
             ((extra_w + 1) // 2, extra_w // 2), (0, 0))
    h_new = (h_prev + extra_h - kh) // sh + 1
    w_new = (w_prev + extra_w - kw) // sw + 1

    dtype = np.result_type(A_prev, W, b)
    if not np.issubdtype(dtype, np.inexact):
        dtype = np.dtype(float)
    A = np.empty((m, h_new, w_new, c_new), dtype)
    bias = np.tile(b, (h_new, w_new, 1))  # one long sum beats many short
    step = max(1, BLOCK // (h_new * w_new * W[..., 0].size))
    for start in range(0, m, step):
        block = slice(start, start + step)
        x = np.pad(A_prev[block], zeros)
        patches = np.empty((len(x), h_new, w_new, kh, kw, c_prev), dtype)
        for p in range(kh):
            for q in range(kw):
                patches[:, :, :, p, q] = x[:, p:p + sh * h_new:sh,
                                           q:q + sw * w_new:sw]
        A[block] = activation(np.tensordot(patches, W, axes=3) + bias)
    return A
