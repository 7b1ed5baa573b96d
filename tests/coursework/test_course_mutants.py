"""The checks of `course_files.verify` find every wrong variant of the course files in MUTANTS."""

import pytest
from tests.support.course_files import FILES, FOLDER, from_text, verify

# function -> what is wrong -> (text of the file, its replacement)
MUTANTS = {
    "conv_forward": {
        "odd zero at the bottom": ("((extra_h + 1) // 2, extra_h // 2)", "(extra_h // 2, (extra_h + 1) // 2)"),
        "width padded like height": ("extra_w = (w_prev - 1) * sw + kw - w_prev", "extra_w = extra_h"),
        "padding forgets the stride": ("extra_h = (h_prev - 1) * sh + kh - h_prev", "extra_h = kh - 1"),
        "strides swapped": ("sh, sw = stride", "sw, sh = stride"),
        "stride forgotten": ("q:q + sw * w_new:sw]", "q:q + w_new]"),
        "leftover row kept": ("(h_prev + extra_h - kh) // sh + 1", "-((kh - h_prev - extra_h) // sh) + 1"),
        "bias missing": (" + bias)", ")"),
        "activation missing": ("activation(np", "(np"),
        "kernel flipped": ("[:, :, :, p, q]", "[:, :, :, kh - 1 - p, kw - 1 - q]"),
        "first block for every block": ("np.pad(A_prev[block]", "np.pad(A_prev[:step]"),
        "integers kept": ("dtype = np.dtype(float)", "pass"),
    },
    "pool_forward": {
        "height for width": ("for q in range(1, kw)", "for q in range(1, kh)"),
        "one row too many": ("(h_prev - kh) // sh + 1", "(h_prev - kh) // sh + 2"),
        "stride forgotten": ("x[:, p:p + sh * h_new:sh]", "x[:, p:p + h_new]"),
        "mode ignored": ('np.maximum if mode == "max" else np.add', "np.maximum"),
        "average of a square window": ("windows / (kh * kw)", "windows / (kh * kh)"),
        "integers kept": ("dtype = np.dtype(float)", "pass"),
    },
    "conv_backward": {
        "one row of padding too much": ("kh - h_prev + 1) // 2", "kh - h_prev + 1) // 2 + 1"),
        "odd zero at the bottom": ("kh - h_prev + 1) // 2", "kh - h_prev) // 2"),
        "crop from top to -top": ("top:top + h_prev, left:left + w_prev", "top:-top, left:-left"),
        "padding not cropped": ("dA_prev[block] = dx[image]", "dA_prev = dx"),
        "kernel flipped": ("W[p, q].T", "W[kh - 1 - p, kw - 1 - q].T"),
        "last window wins": ("dx[cell] += (dz", "dx[cell] = (dz"),
        "last block wins": ("dW[p, q] +=", "dW[p, q] ="),
        "sum over the wrong axes": ("axis=(0, 1, 2)", "axis=(1, 2)"),
        "db of another shape": ("keepdims=True, dtype=dtype", "dtype=dtype"),
        "divided by m": ("keepdims=True, dtype=dtype)", "keepdims=True, dtype=dtype) / m"),
        "strides swapped": ("sh, sw = stride", "sw, sh = stride"),
    },
    "pool_backward": {
        "height for width": ("kh, kw = kernel_shape", "kw, kh = kernel_shape"),
        "nothing below zero wins": ("largest = x[cells[0]]", "largest = 0 * x[cells[0]]"),
        "last window wins": ("dx[cell] += da * (", "dx[cell] = da * ("),
        "first maximum only": (
            "                dx[cell] += da * (x[cell] == largest)",
            "                dx[cell] += da * (x[cell] == largest)\n"
            "                largest = np.where(x[cell] == largest, np.inf, largest)",
        ),
        "average not divided": ("da / (kh * kw)", "da"),
        "input used as output": ("np.zeros(A_prev.shape, dtype)", "A_prev"),
        "stride forgotten": ("q:q + sw * w_new:sw]", "q:q + w_new]"),
    },
}


@pytest.mark.parametrize(("name", "mutation"), [(name, mutation) for name in MUTANTS for mutation in MUTANTS[name]])
def test_verify_finds_a_wrong_variant(name, mutation):
    source = (FOLDER / FILES[name]).read_text()
    old, new = MUTANTS[name][mutation]
    assert source.count(old) == 1, f"{old!r} must occur once in {FILES[name]}"
    assert verify(from_text(source.replace(old, new)))
