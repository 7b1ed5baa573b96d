"""More kinds of mistakes in convolutions, as changes of the programs in `causes`."""

from tests.support.checker.causes import COUNTS, CROP, FLOORS, HALVES, OF_DZ, TOTALS, Sample

FORWARD, BACKWARD = 0, 2
CUT = "total[:, ph:-ph, pw:-pw]"
SUM = "total[:, y * sh:y * sh + kh, x * sw:x * sw + kw] += W[..., k] * g"
CORNER = (
    "room = total[:, y * sh:y * sh + kh, x * sw:x * sw + kw]\n"
    "                room += (W[..., k] * g)[:, :room.shape[1], :room.shape[2]]"
)
UNPADDED = ("np.zeros(image.shape)", "np.zeros(A_prev.shape)")
PAD = "((0, 0), (ph, ph), (pw, pw), (0, 0))"
DW = "                dW[..., k] += (image[:, y * sh:y * sh + kh, x * sw:x * sw + kw] * g).sum(axis=0)\n"
DB = ".reshape(b.shape)"
ONLY_SAME = "ph, pw = (0, 0) if padding == 'valid' else"
FILTERS = (
    ("n, h, w, _ = A_prev.shape", "n, h, w, ci = A_prev.shape"),
    ("range(co)", "range(ci)"),
)


def both(formula):
    """The change of the zeros to this formula for the height, and to the same for the width."""
    width = formula
    for letter in ("h", "kh", "sh", "oh"):
        width = width.replace(f" {letter} ", f" {letter[:-1]}w ")
    return HALVES, f"{ONLY_SAME} ({formula.strip()}, {width.strip()})"


SAMPLES = (
    # What is cut off
    Sample(BACKWARD, "cut if a zero was added", "crop_zero", ((CROP, f"{CUT} if ph or pw else total"),)),
    Sample(BACKWARD, "cut if rows were added", "crop_zero", ((CROP, f"{CUT} if ph else total"),)),
    Sample(BACKWARD, "cut if both were added", "crop_guarded", ((CROP, f"{CUT} if ph > 0 and pw > 0 else total"),)),
    Sample(BACKWARD, "cut if columns were added", "crop_guarded", ((CROP, f"{CROP} if pw else total"),)),
    Sample(BACKWARD, "cut with valid", "cut_if_valid", ((CROP, f"{CUT} if padding == 'valid' else total"),)),
    Sample(BACKWARD, "from the corner", "cropped_from_corner", ((SUM, CORNER), UNPADDED, (CROP, "total"))),
    Sample(BACKWARD, "cut as in the image", "crop_end", ((CROP, "total[:, ph:h - ph, pw:w - pw]"),)),
    Sample(BACKWARD, "cut before, not after", "crop_end", ((CROP, "total[:, ph:, pw:]"),)),
    # How many zeros
    Sample(FORWARD, "all on each side", "not_halved", ((HALVES, "ph, pw = rows, cols"),)),
    Sample(FORWARD, "a quarter", "halved_twice", ((HALVES, "ph, pw = rows // 2 - rows // 4, cols // 2 - cols // 4"),)),
    Sample(FORWARD, "kernel times stride", "total_wrong", (both(" ( kh - 1) * sh // 2 "),)),
    Sample(FORWARD, "kernel less stride", "total_wrong", (both(" max(0, kh - sh ) // 2 "),)),
    Sample(FORWARD, "half of the height alone", "total_wrong", (both(" ( h - 1) * sh + kh - h // 2 "),)),
    Sample(BACKWARD, "an even image", "parity_of_image", (both(" (( h - 1) * sh + kh - h ) // 2 + ( h % 2 == 0) "),)),
    # Which axis
    Sample(FORWARD, "the other axis's zeros", "pad_swapped", ((PAD, "((0, 0), (pw, pw), (ph, ph), (0, 0))"),)),
    Sample(
        FORWARD, "kernel width for height", "pad_width_for_height", ((TOTALS, TOTALS.replace("sh + kh", "sh + kw")),)
    ),
    Sample(FORWARD, "width less height", "pad_height_for_width", ((TOTALS, TOTALS.replace("kw - w", "kw - h")),)),
    Sample(
        BACKWARD,
        "stride of the width",
        "pad_width_for_height",
        ((TOTALS, TOTALS.replace("(h - 1) * sh", "(h - 1) * sw")),),
    ),
    Sample(
        FORWARD, "one stride for the size", "stride_height_for_width", ((COUNTS, COUNTS.replace("// sw", "// sh")),)
    ),
    # How many windows
    Sample(
        FORWARD,
        "size without zeros",
        "output_without_padding",
        ((COUNTS, "oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1"),),
    ),
    Sample(
        FORWARD,
        "rows over stride",
        "tensorflow_same",
        ((COUNTS, f"{COUNTS}\n    if padding == 'same':\n        oh, ow = -(-h // sh), -(-w // sw)"),),
    ),
    Sample(
        FORWARD,
        "a last row without window",
        "output_one_too_many",
        (("np.zeros((n, oh, ow,", "np.zeros((n, oh + 1, ow,"),),
    ),
    Sample(
        FORWARD,
        "a loop in steps",
        "loop_in_steps",
        (
            ("range(oh)", "range(0, oh, sh)"),
            ("range(ow)", "range(0, ow, sw)"),
            ("image[:, y * sh:y * sh + kh, x * sw:x * sw + kw]", "image[:, y:y + kh, x:x + kw]"),
            ("out[:, y, x, k]", "out[:, y // sh, x // sw, k]"),
        ),
    ),
    Sample(
        BACKWARD,
        "a loop in steps",
        "loop_in_steps",
        (("range(oh)", "range(0, oh, sh)"), ("range(ow)", "range(0, ow, sw)")),
    ),
    # Which filters and examples
    Sample(FORWARD, "a loop over the input's channels", "filters_by_input", FILTERS),
    Sample(BACKWARD, "a loop over the input's channels", "filters_by_input", FILTERS[1:]),
    Sample(BACKWARD, "outside of the loop", "last_filter_only", ((DW, DW[4:]),)),
    Sample(BACKWARD, "from A_prev", "from_input", (("total = np.zeros(image.shape)", "total = image.copy()"),)),
    Sample(
        BACKWARD, "example after example", "carried_over", ((CROP, "total.cumsum(axis=0)[:, ph:ph + h, pw:pw + w]"),)
    ),
    Sample(
        FORWARD,
        "a bias for each product",
        "bias_repeated",
        (("(part * W[..., k])", "(part * W[..., k] + b[0, 0, 0, k])"), ("activation(out + b)", "activation(out)")),
    ),
    # Several mistakes, each in its own gradient
    Sample(
        BACKWARD,
        "three gradients, three mistakes",
        "from_input",
        (
            ("total = np.zeros(image.shape)", "total = image.copy()"),
            ("dW[..., k] += (image[", "dW[..., k] += 1 + y * (image["),
            (DB, ""),
        ),
    ),
    Sample(
        BACKWARD,
        "an unknown mistake in two gradients",
        "db_shape",
        ((CROP, f"1 + ph + {CROP}"), ("dW[..., k] += (image[", "dW[..., k] += 1 + y * (image["), (DB, "")),
    ),
    Sample(
        BACKWARD,
        "never cut, and zeros from the gradient's size",
        "not_cropped",
        ((TOTALS, OF_DZ.replace("- h,", "- oh,").replace("kw - w", "kw - ow")), (HALVES, FLOORS), (CROP, "total")),
    ),
    # Near misses
    Sample(BACKWARD, "cut and shifted", "", ((CROP, f"np.roll({CROP}, 1, axis=1)"),), near=True),
    Sample(
        FORWARD,
        "the last filter twice",
        "",
        (("activation(out + b)", "activation(out + b + out[..., -1:])"),),
        near=True,
    ),
    Sample(
        BACKWARD,
        "an unknown mistake in each gradient",
        "",
        ((CROP, f"{CROP} + ph + 1"), (DB, f"{DB} + 1 + oh"), ("return dA, dW,", "return dA, dW + ow,")),
        near=True,
    ),
)
