"""Wrong variants of pool_forward, by submission: mistake, what is wrong, text of the file, its replacement."""

# The text between two lines of "cells" that are changed
CELLS = """    for p in range(kh):
        for q in range(kw):
            shifted = A_prev[:, p:p + (h_new - 1) * sh + 1:sh,
                             q:q + (w_new - 1) * sw + 1:sw]
            if mode == 'max':
                """

TABLE = {
    "loops": [
        ("max_starts_at_zero", "best = 0", "best = A_prev[n, top, left, c]", "best = 0"),
        ("average_square", "kh * kh", "total / (kh * kw)", "total / (kh * kh)"),
        ("height_for_width", "of the inner loop", "for q in range(kw)", "for q in range(kh)"),
        (
            "stride_forgotten",
            "starts at i and j",
            "top = i * sh\n                    left = j * sw",
            "top = i\n                    left = j",
        ),
        (
            "stride_swapped",
            "where a window starts",
            "top = i * sh\n                    left = j * sw",
            "top = i * sw\n                    left = j * sh",
        ),
        ("first_example_only", "example 0 for all", "A_prev[n, top", "A_prev[0, top", 2),
        ("output_one_too_many", "+ 2", "(h_prev - kh) / sh) + 1", "(h_prev - kh) / sh) + 2"),
        ("returned_early", "after the first example", "\n    return A\n", "\n        return A\n"),
        ("average_not_divided", "the sum", "total / (kh * kw)", "total"),
    ],
    "windows": [
        (
            "output_one_too_many",
            "rounded up",
            "(h_prev - kh) // sh + 1\n    pool_w = (w_prev - kw) // sw + 1",
            "-(-(h_prev - kh) // sh) + 1\n    pool_w = -(-(w_prev - kw) // sw) + 1",
        ),
        (
            "output_one_too_many",
            "for even kernels",
            "(h_prev - kh) // sh + 1\n    pool_w = (w_prev - kw) // sw + 1",
            "(h_prev - 2 * ((kh - 1) // 2) - 1) // sh + 1\n    pool_w = (w_prev - 2 * ((kw - 1) // 2) - 1) // sw + 1",
        ),
        ("height_for_width", "in the window", "j * sw:j * sw + kw", "j * sw:j * sw + kh"),
        (
            "window_end_without_stride",
            "i + kh",
            "i * sh:i * sh + kh, j * sw:j * sw + kw",
            "i * sh:i + kh, j * sw:j + kw",
        ),
        ("stride_forgotten", "i:i + kh", "i * sh:i * sh + kh, j * sw:j * sw + kw", "i:i + kh, j:j + kw"),
        ("stride_swapped", "where it is taken apart", "(sh, sw) = stride", "(sw, sh) = stride"),
        ("stride_height_for_width", "where it is taken apart", "(sh, sw) = stride", "sh = sw = stride[0]"),
        ("mode_ignored", "any mode is true", "if mode == 'max':", "if mode:"),
        ("mode_misspelt", "'average'", "mode == 'avg'", "mode == 'average'"),
        ("average_not_divided", "the sum", "np.mean(window", "np.sum(window"),
        ("maximum_of_all", "no axes", "np.max(window, axis=(1, 2))", "np.max(window)"),
        ("first_channel_only", "channel 0 for all", "j * sw + kw, :]", "j * sw + kw, :1]"),
        ("first_example_only", "example 0 for all", "A_prev[:, i", "A_prev[:1, i"),
        (
            "wrong_dtype",
            "zeros of the input's type",
            "np.zeros((m, pool_h, pool_w, c_prev))",
            "np.zeros((m, pool_h, pool_w, c_prev), dtype=A_prev.dtype)",
        ),
        ("returns_missing", "printed", "return pool", "print(pool)"),
        ("transposed", "rows where columns belong", "    return pool", "    return np.transpose(pool, (0, 2, 1, 3))"),
        (
            "input_changed",
            "sorts the window",
            "            if mode == 'max':\n",
            "            if mode == 'max':\n                window.sort(axis=1)\n",
        ),
    ],
    "einsum": [
        (
            "stride_is_kernel",
            "windows side by side",
            "view[:, ::sh, ::sw]",
            "view[:, ::kernel_shape[0], ::kernel_shape[1]]",
        ),
        (
            "height_for_width",
            "a square window",
            "A_prev, kernel_shape, axis=(1, 2))",
            "A_prev, kernel_shape[:1] * 2, axis=(1, 2))",
        ),
        ("stride_swapped", "of the view", "view[:, ::sh, ::sw]", "view[:, ::sw, ::sh]"),
        ("stride_height_for_width", "of the view", "view[:, ::sh, ::sw]", "view[:, ::sh, ::sh]"),
        ("average_square", "kh ** 2", "(kh * kw)", "kh ** 2"),
        ("average_not_divided", "the sum", " / (kh * kw)", ""),
        ("average_divided_whole", "integers", " / (kh * kw)", " // (kh * kw)"),
        ("mode_ignored", "always the average", "mode == 'max'", "mode == max"),
    ],
    "im2col": [
        ("mode_ignored", "always the maximum", "{'max': np.max, 'avg': np.mean}[mode]", "np.max"),
        ("stride_forgotten", "of the view", "(s0, sh * s1, sw * s2, s3, s1, s2)", "(s0, s1, s2, s3, s1, s2)"),
        (
            "wrong_dtype",
            "turned into the input's type",
            "reduce(rows, axis=-1)",
            "reduce(rows, axis=-1).astype(A_prev.dtype)",
        ),
        ("average_not_divided", "the sum", "'avg': np.mean", "'avg': np.sum"),
    ],
    "cells": [
        ("max_starts_at_zero", "no -inf", "start = -np.inf if mode == 'max' else 0.", "start = 0."),
        ("average_square", "kh * kh", "shifted / (kh * kw)", "shifted / (kh * kh)"),
        ("overwritten", "the last cell stays", "A = A + shifted / (kh * kw)", "A = shifted / (kh * kw)"),
        ("height_for_width", "cells of a square window", "for q in range(kw)", "for q in range(kh)"),
        ("window_end_without_stride", "of the rows", "p:p + (h_new - 1) * sh + 1:sh", "p:p + h_new:sh"),
        (
            "input_changed",
            "the largest kept in the image",
            "start)\n" + CELLS + "A = np.maximum(A, shifted)",
            "start)\n    if mode == 'max':\n        A = A_prev[:, :(h_new - 1) * sh + 1:sh, :(w_new - 1) * sw + 1:sw]\n"
            + CELLS
            + "np.maximum(A, shifted, out=A)",
        ),
    ],
    "singles": [
        ("output_one_too_many", "one start too many", "h_prev - kh + 1, sh", "h_prev - kh + 2, sh"),
        ("output_one_too_many", "a window for every start", "w_prev - kw + 1, sw", "w_prev, sw"),
        ("stride_height_for_width", "of the columns", "w_prev - kw + 1, sw", "w_prev - kw + 1, sh"),
        ("average_not_divided", "the sum", ".sum(axis=0) / len(window)", ".sum(axis=0)"),
        ("mode_ignored", "max is no text", 'mode == "max"', "mode == max"),
        ("max_starts_at_zero", "initial", "window.max(axis=0)", "window.max(axis=0, initial=0)"),
        ("wrong_dtype", "of the input's type", "np.array(out, dtype=np.float32)", "np.array(out).astype(A_prev.dtype)"),
        ("returned_early", "after the first example", "\n    return np.array(out", "\n        return np.array(out"),
    ],
}
