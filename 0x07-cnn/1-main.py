#!/usr/bin/env python3
"""Both poolings of two-channel images, and a look at what they keep"""
import sys
from pathlib import Path

import numpy as np

pool_forward = __import__('1-pool_forward').pool_forward
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"


def draw(pictures, name):
    """Shows rows of pictures, or saves them if there is no display

    pictures: dict from a title to an image (h, w, 2); a row each
    name: file to save to, in the current folder
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: matplotlib is not installed.")
        return
    figure, axes = plt.subplots(len(pictures), 2, squeeze=False,
                                figsize=(6, 3.2 * len(pictures)))
    for row, (title, image) in zip(axes, pictures.items()):
        for channel, axis in enumerate(row):
            axis.imshow(image[..., channel], cmap="gray")
            axis.set_title(f"{title}, channel {channel}")
            axis.axis("off")
    figure.tight_layout()
    if figure.canvas.required_interactive_framework:
        plt.show()
    else:
        figure.savefig(name)
        print("picture saved to", name)
    plt.close(figure)


def main():
    """Channel 0 is the image, channel 1 its negative; windows of 2x2"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        images = archive["X_train"][..., np.newaxis]
    images = np.concatenate((images, 1 - images), axis=3)
    print("images", images.shape)
    largest = pool_forward(images, (2, 2), stride=(2, 2))
    print("maximum", largest.shape)
    average = pool_forward(images, (2, 2), stride=(2, 2), mode="avg")
    print("average", average.shape)
    draw({"original": images[0], "maximum": largest[0],
          "average": average[0]}, "1-pool_forward.png")


if __name__ == "__main__":
    main()
