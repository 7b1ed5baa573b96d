"""Kinds of mistakes with pooling, each written here as a change of a small program of `causes`, and near misses."""

from tests.support.checker.causes import Sample

AT = "at = np.s_[e, y * sh:y * sh + kh, x * sw:x * sw + kw, k]"
PART = "part = A_prev[:, y * sh:y * sh + kh, x * sw:x * sw + kw]"
POOLED = 'part.max(axis=(1, 2)) if mode == "max" else part.mean(axis=(1, 2))'
OUT = f"out[:, y, x] = {POOLED}"
COUNTS = "oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1"
MASKED = "out[at] += (part == part.max()) * dA[e, y, x, k]"
SHARED = "out[at] += np.full((kh, kw), dA[e, y, x, k] / (kh * kw))"
RETURN = "    return out"


def _forward(what, cause, *changes, near=False):
    return Sample(1, what, cause, changes, near)


def _backward(what, cause, *changes, near=False):
    return Sample(3, what, cause, changes, near)


POOLING_SAMPLES = (
    # Where a window starts and ends
    _forward(
        "as large as the stride",
        "window_of_stride",
        (PART, "part = A_prev[:, y * sh:(y + 1) * sh, x * sw:(x + 1) * sw]"),
    ),
    _backward(
        "as wide as the stride",
        "window_of_stride",
        ("x * sw:x * sw + kw, k]", "x * sw:x * sw + sw, k]"),
        ("np.full((kh, kw), dA[e, y, x, k] / (kh * kw))", "dA[e, y, x, k] / (kh * kw)"),
    ),
    _forward("one row more", "window_end", ("y * sh:y * sh + kh", "y * sh:y * sh + kh + 1")),
    _forward(
        "from the first column on",
        "window_end",
        ("x * sw:x * sw + kw", "x * sw:kw"),
        ("part.mean(axis=(1, 2))", "part.sum(axis=(1, 2)) / (kh * kw)"),
    ),
    _forward(
        "scaled by the stride", "window_end", (PART, "part = A_prev[:, y * sh:(y + kh) * sh, x * sw:(x + kw) * sw]")
    ),
    _forward("ends by the other stride", "window_end", ("x * sw:x * sw + kw", "x * sw:x * sh + kw")),
    _forward("starts without stride", "stride_forgotten", (PART, "part = A_prev[:, y:y * sh + kh, x:x * sw + kw]")),
    _forward("the row from x", "index_of_other_axis", ("y * sh:y * sh + kh", "x * sh:x * sh + kh")),
    _backward("the column from y", "index_of_other_axis", ("x * sw:x * sw + kw", "y * sw:y * sw + kw")),
    _backward(
        "from the image's number", "index_of_example", (AT, AT.replace("x * sw", "y * sw").replace("y * sh", "e * sh"))
    ),
    _backward(
        "reads without stride", "stride_forgotten", ("part = A_prev[at]", "part = A_prev[e, y:y + kh, x:x + kw, k]")
    ),
    _backward(
        "writes without stride",
        "stride_forgotten",
        (MASKED, MASKED.replace("[at]", "[e, y:y + kh, x:x + kw, k]")),
        (SHARED, SHARED.replace("[at]", "[e, y:y + kh, x:x + kw, k]")),
    ),
    _forward(
        "for square images alone",
        "square_only",
        ("n, h, w, c = A_prev.shape", "n, h, _, c = A_prev.shape\n    w = h"),
        ("kh, kw = kernel_shape", "kh = kw = kernel_shape[0]"),
        ("sh, sw = stride", "sh = sw = stride[0]"),
    ),
    # How many windows there are
    _forward("the kernel is divided", "number_of_windows", (COUNTS, "oh, ow = (h - kh) // sh + 1, w - kw // sw + 1")),
    _forward("sizes divided by strides", "number_of_windows", (COUNTS, "oh, ow = h // sh, w // sw")),
    _forward("one is divided too", "number_of_windows", (COUNTS, "oh, ow = (h - kh + 1) // sh, (w - kw + 1) // sw")),
    _forward("the other kernel size", "number_of_windows", (COUNTS, "oh, ow = (h - kw) // sh + 1, (w - kw) // sw + 1")),
    _forward("a row stays empty", "windows_left_out", ("for y in range(oh)", "for y in range(oh - 1)")),
    _backward("the last row is left out", "windows_left_out", ("for y in range(oh)", "for y in range(oh - 1)")),
    _backward(
        "steps of the stride", "windows_left_out", ("range(oh)", "range(0, oh, sh)"), ("range(ow)", "range(0, ow, sw)")
    ),
    _forward("after the first row", "returned_early", (RETURN, f"        {RETURN}")),
    _backward("after the first row", "returned_early", (RETURN, f"            {RETURN}")),
    _forward(
        "after the inner loop",
        "after_loop",
        (PART, "pass"),
        (OUT, f"{PART}\n        {OUT}"),
        ("            part = A_prev", "        part = A_prev"),
    ),
    _backward(
        "after both loops",
        "after_loop",
        (
            "                for k in range(c):\n",
            "                k = c - 1\n                if (y, x) == (oh - 1, ow - 1):\n",
        ),
    ),
    _forward("x and y of the result", "result_transposed", (OUT, OUT.replace("y, x]", "x, y]"))),
    # Maxima and averages
    _forward("the minimum", "minimum", ("part.max", "part.min")),
    _backward("the minimum", "minimum", ("part.max()", "part.min()")),
    _backward(
        "the first minimum",
        "minimum",
        ("(part == part.max())", "(np.arange(part.size).reshape(part.shape) == part.argmin())"),
    ),
    _forward("the wrong way round", "modes_swapped", ('mode == "max"', 'mode != "max"')),
    _backward("the wrong way round", "modes_swapped", ('mode == "max"', 'mode == "avg"')),
    _forward(
        "the mean of all channels", "maximum_of_all", ("part.mean(axis=(1, 2))", "part.mean(axis=(1, 2, 3))[:, None]")
    ),
    _forward("the maximum of all images", "maximum_of_all", ("part.max(axis=(1, 2))", "part.max(axis=(0, 1, 2))")),
    _forward(
        "divided once more", "average_divided_twice", ("part.mean(axis=(1, 2))", "part.mean(axis=(1, 2)) / (kh * kw)")
    ),
    _forward(
        "divided by the width squared", "average_square", ("part.mean(axis=(1, 2))", "part.sum(axis=(1, 2)) / kw ** 2")
    ),
    _backward("divided by the strides", "average_square", ("(kh * kw))", "(sh * sw))")),
    _backward("divided by the number of windows", "average_square", ("(kh * kw))", "(oh * ow))")),
    _backward("rounded down", "average_divided_whole", ("k] / (kh * kw)", "k] // (kh * kw)")),
    # Which gradient goes where
    _backward("the mask alone", "gradient_ignored", ("* dA[e, y, x, k]", "* 1.0"), ("dA[e, y, x, k] / (kh", "1 / (kh")),
    _backward("the sum over channels", "gradient_total", ("* dA[e, y, x, k]", "* dA[e, y, x].sum()")),
    _backward("everywhere the whole gradient", "mask_missing", (MASKED, "out[at] += dA[e, y, x, k]")),
    _backward("all but the maximum", "mask_inverted", ("part == part", "part != part")),
    _backward("the image's maximum", "max_of_image", ("part.max()", "A_prev[e, :, :, k].max()")),
    _backward(
        "the last maximum",
        "ties_first",
        (
            "(part == part.max())",
            "(np.arange(part.size) == part.size - 1 - part.ravel()[::-1].argmax()).reshape(part.shape)",
        ),
    ),
    _backward(
        "to all channels", "to_all", (MASKED, MASKED.replace("[at]", "[at[:3]]").replace("max())", "max())[..., None]"))
    ),
    _backward(
        "x and y of the gradient",
        "gradient_transposed",
        (MASKED, MASKED.replace("y, x", "x, y")),
        (SHARED, SHARED.replace("y, x", "x, y")),
    ),
    _backward(
        "without the channel",
        "channel_forgotten",
        (AT, AT.replace(", k]", "]")),
        (SHARED, SHARED.replace("np.full((kh, kw), ", "").replace("kw))", "kw)")),
    ),
    # Two mistakes
    _backward(
        "neither masked nor added up",
        "mask_missing",
        (MASKED, "out[at] = dA[e, y, x, k]"),
        (SHARED, SHARED.replace("+=", "=")),
    ),
    # Two mistakes, of which the calls with one mode show only one
    _forward(
        "starts without stride, and averages of something else",
        "stride_forgotten",
        (PART, "part = A_prev[:, y:y + kh, x:x + kw]"),
        ("part.mean(axis=(1, 2))", "part.mean(axis=(1, 2)) / (kh * kw) + 1"),
    ),
    _backward(
        "never divided, and the first of other cells",
        "average_not_divided",
        (" / (kh * kw)", ""),
        ("(part == part.max())", "(part >= np.sort(part.ravel())[-2:][0]) * 0.75"),
    ),
    # The shape tells one of many mistakes
    _forward(
        "one image, and noise",
        "number_of_images",
        ("np.zeros((n,", "np.zeros((1,"),
        (PART, PART.replace("[:,", "[:1,")),
        (RETURN, "    return out + A_prev[:1].sum()"),
    ),
    _forward(
        "columns of windows, and noise",
        "number_of_windows",
        (COUNTS, "oh, ow = (h - kh) // sh + 1, (w - kw + sw) // kw + 1"),
        (RETURN, "    return out + A_prev[:1].sum()"),
    ),
    _forward(
        "all channels in one, and noise",
        "number_of_channels",
        (RETURN, "    return out.sum(axis=3, keepdims=True) + A_prev[0, 0, 0, 0]"),
    ),
    # One line raises, and no mistake with windows is the cause
    _backward("the number of channels", "IndexError in line 17", ("* dA[e, y, x, k]", "* dA[e, y, x, c]")),
    _backward(
        "two axes too many",
        "ValueError in line 19",
        (SHARED, "out[e, y * sh:y * sh + kh, x * sw:x * sw + kw] += dA[e, y, x][:, None, None] / (kh * kw)"),
    ),
    _backward(
        "another name's array",
        "IndexError in line 20",
        (SHARED, "dA = out[at]\n                        dA += dA[e, y, x, k] / (kh * kw)"),
    ),
    _backward(
        "a colon for a comma",
        "ValueError in line 19",
        (SHARED, "out[e, y * sh:y * sh + kh, x * sw:x * sw + kw:k] += dA[e, y, x, k]"),
    ),
    _backward("too many arguments", "TypeError in line 19", (SHARED, "out[at] += np.ones(e, kh, kw, k)")),
)
