"""Make docs/lenet5.png: the forward and backward pass of LeNet-5 for one digit.

    python scripts/make_picture.py

The script trains the network first, in a few seconds. The same machine makes the same picture each time. On another
machine the numbers may differ in the last bits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convlens.data import load
from convlens.inspection.trace import trace
from convlens.models.lenet5 import lenet5
from convlens.report.figures import png
from convlens.report.passes import forward_and_backward
from convlens.storage.atomic import atomic_write
from convlens.training import fit

OUT = Path(__file__).parents[1] / "docs" / "lenet5.png"
DIGIT = 290  # index in the validation part: a 3 that looks a little like a 5
EPOCHS = 5


def main(arguments: list[str] | None = None) -> None:
    """Train the network, trace one digit, draw the picture, and print its path and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=OUT, help="the picture to write (default: %(default)s)")
    parser.add_argument(
        "--digit", type=int, default=DIGIT, help="index of the digit in the validation part (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    digits, model = load("embedded"), lenet5(seed=0, engine="numpy")
    epoch = fit(
        model, digits.x_train, digits.y_train, validation=(digits.x_valid, digits.y_valid), epochs=EPOCHS, seed=0
    ).epochs[-1]
    one = slice(options.digit, options.digit + 1)
    label = int(digits.y_valid[options.digit])
    figure = forward_and_backward(trace(model, digits.x_valid[one], digits.y_valid[one]), label=label)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(options.out) as file:
        file.write(png(figure))
    print(f"{options.out}: {options.out.stat().st_size:,} bytes; validation accuracy {epoch.val_accuracy:.1%}")


if __name__ == "__main__":
    main()
