"""Convolution and pooling straight from their definitions, one number at a time, in float64.

It is slow and simple on purpose: faster code is compared with it. Arrays are n h w c, kernels kh kw ci co, as in the
library. `pads` are ((top, bottom), (left, right)); a negative pad removes rows or columns.
"""

import numpy as np

NO_PADS = ((0, 0), (0, 0))


def course_pads(shape, kernel, stride, padding):
    """The pads of the course's two rules for images of `shape` (n, h, w, c)."""
    if padding == "valid":
        return NO_PADS
    pads = []
    for size, k, s in zip(shape[1:3], kernel, stride, strict=True):
        total = (size - 1) * s + k - size
        before = -(-total // 2)
        pads.append((before, total - before))
    return tuple(pads)


def output_size(shape, kernel, stride, pads):
    """The number of windows that fit vertically and horizontally, (oh, ow)."""
    return tuple(
        (size + before + after - k) // s + 1
        for size, k, s, (before, after) in zip(shape[1:3], kernel, stride, pads, strict=True)
    )


def windows(shape, kernel, stride, pads):
    """Yield every window (i, j) and its cells (p, q, r, s): kernel cell (p, q) lies on row r, column s of the image."""
    _, h, w, _ = shape
    (top, _), (left, _) = pads
    oh, ow = output_size(shape, kernel, stride, pads)
    for i in range(oh):
        for j in range(ow):
            cells = []
            for p in range(kernel[0]):
                for q in range(kernel[1]):
                    r, s = i * stride[0] + p - top, j * stride[1] + q - left
                    if 0 <= r < h and 0 <= s < w:
                        cells.append((p, q, r, s))
            yield i, j, cells


def conv_forward(x, w, b, pads, stride):
    """x (n, h, w, ci), w (kh, kw, ci, co), b (co numbers) -> y (n, oh, ow, co)."""
    n, ci, co = len(x), w.shape[2], w.shape[3]
    b = np.ravel(b)
    y = np.zeros((n, *output_size(x.shape, w.shape[:2], stride, pads), co))
    for i, j, cells in windows(x.shape, w.shape[:2], stride, pads):
        for e in range(n):
            for o in range(co):
                total = float(b[o])
                for p, q, r, s in cells:
                    for c in range(ci):
                        total += float(x[e, r, s, c]) * float(w[p, q, c, o])
                y[e, i, j, o] = total
    return y


def conv_backward(dy, x, w, pads, stride):
    """dy (n, oh, ow, co) -> dx like x, dw like w, db (co,): each product of the forward pass, once for each factor."""
    n, ci, co = len(x), w.shape[2], w.shape[3]
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(co)
    for i, j, cells in windows(x.shape, w.shape[:2], stride, pads):
        for e in range(n):
            for o in range(co):
                gradient = float(dy[e, i, j, o])
                db[o] += gradient
                for p, q, r, s in cells:
                    for c in range(ci):
                        dx[e, r, s, c] += gradient * float(w[p, q, c, o])
                        dw[p, q, c, o] += gradient * float(x[e, r, s, c])
    return dx, dw, db


def pool_forward(x, kernel, stride, mode, pads=NO_PADS):
    """x (n, h, w, c) -> y (n, oh, ow, c). Padding counts neither for the maximum nor for the average."""
    n, channels = len(x), x.shape[3]
    y = np.zeros((n, *output_size(x.shape, kernel, stride, pads), channels))
    for i, j, cells in windows(x.shape, kernel, stride, pads):
        for e in range(n):
            for c in range(channels):
                values = [float(x[e, r, s, c]) for _, _, r, s in cells]
                y[e, i, j, c] = max(values) if mode == "max" else sum(values) / len(values)
    return y


def pool_backward(dy, x, kernel, stride, mode, ties, pads=NO_PADS):
    """dy (n, oh, ow, c) -> dx like x. `ties` is "all" or "first": which of several maxima get the gradient."""
    n, channels = len(x), x.shape[3]
    dx = np.zeros(x.shape)
    for i, j, cells in windows(x.shape, kernel, stride, pads):
        for e in range(n):
            for c in range(channels):
                gradient = float(dy[e, i, j, c])
                if mode == "avg":
                    for _, _, r, s in cells:
                        dx[e, r, s, c] += gradient / len(cells)
                    continue
                largest = max(x[e, r, s, c] for _, _, r, s in cells)
                winners = [(r, s) for _, _, r, s in cells if x[e, r, s, c] == largest]
                for r, s in winners if ties == "all" else winners[:1]:
                    dx[e, r, s, c] += gradient
    return dx
