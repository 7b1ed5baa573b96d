"""Compiled kernels for what comes after the images: dense layers and the loss, example by example, and Adam.

Arrays are (examples, features), with room for LANES examples: the kernels take two, four or eight of them at a time,
and those past the last hold zeros or numbers of no meaning.
"""

from __future__ import annotations

import numpy as np

from convlens.engines.numba_lanes import compiled


@compiled
def dense(x, w, b, active, y, n):
    """y = x w + b, then ReLU if `active`: x (n, in), w (in, out), b (out,) -> y (n, out)"""
    size, units = w.shape
    zero = x.dtype.type(0)
    for e in range(0, n, 2):
        y0 = y[e]
        y1 = y[e + 1]
        for p in range(units):
            y0[p] = b[p]
        for p in range(units):
            y1[p] = b[p]
        for k in range(0, size - 3, 4):
            w0 = w[k]
            w1 = w[k + 1]
            w2 = w[k + 2]
            w3 = w[k + 3]
            p0, p1, p2, p3 = x[e, k], x[e, k + 1], x[e, k + 2], x[e, k + 3]
            q0, q1, q2, q3 = x[e + 1, k], x[e + 1, k + 1], x[e + 1, k + 2], x[e + 1, k + 3]
            for p in range(units):
                y0[p] += p0 * w0[p] + p1 * w1[p] + p2 * w2[p] + p3 * w3[p]
                y1[p] += q0 * w0[p] + q1 * w1[p] + q2 * w2[p] + q3 * w3[p]
        for k in range(size - size % 4, size):
            w0 = w[k]
            p0, q0 = x[e, k], x[e + 1, k]
            for p in range(units):
                y0[p] += p0 * w0[p]
                y1[p] += q0 * w0[p]
        if active:
            for p in range(units):
                y0[p] = zero if y0[p] < 0 else y0[p]
            for p in range(units):
                y1[p] = zero if y1[p] < 0 else y1[p]


@compiled
def dense_dx(dy, w, dx, n):
    """dx = dy w^T: dy (n, out), w (in, out) -> dx (n, in)"""
    size, units = w.shape
    zero = dy.dtype.type(0)
    for e in range(0, n, 4):
        d0 = dy[e]
        d1 = dy[e + 1]
        d2 = dy[e + 2]
        d3 = dy[e + 3]
        for k in range(size):
            r = w[k]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for p in range(units):
                s0 += d0[p] * r[p]
                s1 += d1[p] * r[p]
                s2 += d2[p] * r[p]
                s3 += d3[p] * r[p]
            dx[e, k] = s0
            dx[e + 1, k] = s1
            dx[e + 2, k] = s2
            dx[e + 3, k] = s3


@compiled
def dense_dw(dy, x, y, active, dw, db, n):
    """dy = dy where y > 0, in place (if `active`); dw += x^T dy and db += the sum of dy; dw (in, out), db (out,)"""
    size, units = dw.shape
    zero = dy.dtype.type(0)
    for e in range(n):
        d0 = dy[e]
        r0 = y[e]
        if active:
            for p in range(units):
                d0[p] = d0[p] if r0[p] > 0 else zero
        for p in range(units):
            db[p] += d0[p]
    for e in range(n, dy.shape[0]):
        for p in range(units):
            dy[e, p] = zero
    for e in range(0, n, 8):
        d0 = dy[e]
        d1 = dy[e + 1]
        d2 = dy[e + 2]
        d3 = dy[e + 3]
        d4 = dy[e + 4]
        d5 = dy[e + 5]
        d6 = dy[e + 6]
        d7 = dy[e + 7]
        for k in range(size):
            g = dw[k]
            x0, x1, x2, x3 = x[e, k], x[e + 1, k], x[e + 2, k], x[e + 3, k]
            x4, x5, x6, x7 = x[e + 4, k], x[e + 5, k], x[e + 6, k], x[e + 7, k]
            for p in range(units):
                g[p] += (x0 * d0[p] + x1 * d1[p] + x2 * d2[p] + x3 * d3[p]) + (
                    x4 * d4[p] + x5 * d5[p] + x6 * d6[p] + x7 * d7[p]
                )


@compiled
def cross_entropy(logits, labels, first, weight, losses, dlogits, n):
    """losses[first + e] = -log softmax(logits[e])[labels[first + e]], dlogits = weight times its gradient"""
    classes = logits.shape[1]
    for e in range(n):
        top = logits[e, 0]
        for k in range(1, classes):
            top = max(top, logits[e, k])
        total = logits.dtype.type(0)
        for k in range(classes):
            power = np.exp(logits[e, k] - top)
            dlogits[e, k] = power
            total += power
        label = labels[first + e]
        losses[first + e] = np.log(total) - (logits[e, label] - top)
        for k in range(classes):
            dlogits[e, k] *= weight / total
        dlogits[e, label] -= weight


@compiled
def adam(weights, m, v, gradient, rate, one_less_beta_1, one_less_beta_2, epsilon):
    """One step of Adam in one pass, in place: see `convlens.nn.optimizers.Adam`"""
    for i in range(weights.size):
        g = gradient[i]
        m[i] += (g - m[i]) * one_less_beta_1
        v[i] += (g * g - v[i]) * one_less_beta_2
        weights[i] -= m[i] / (np.sqrt(v[i]) + epsilon) * rate
