#!/usr/bin/env python3
"""A convolution over the training images, and a look at its feature maps"""
import sys
from pathlib import Path

import numpy as np

conv_forward = __import__('0-conv_forward').conv_forward
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"


def relu(Z):
    """Zero for whatever is negative"""
    return np.maximum(Z, 0)


def draw(pictures, name):
    """Shows the pictures side by side, or saves them if there is no display

    pictures: dict from a title to an image (h, w)
    name: file to save to, in the current folder
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: matplotlib is not installed.")
        return
    figure, axes = plt.subplots(1, len(pictures), squeeze=False,
                                figsize=(3 * len(pictures), 3.2))
    for axis, (title, image) in zip(axes[0], pictures.items()):
        axis.imshow(image, cmap="gray")
        axis.set_title(title)
        axis.axis("off")
    figure.tight_layout()
    if figure.canvas.required_interactive_framework:
        plt.show()
    else:
        figure.savefig(name)
        print("picture saved to", name)
    plt.close(figure)


def main():
    """Two random 3x3 kernels over every training image"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        images = archive["X_train"][..., np.newaxis]
    np.random.seed(0)
    W = np.random.randn(3, 3, 1, 2)
    b = np.random.randn(1, 1, 1, 2)
    print("images", images.shape)
    maps = conv_forward(images, W, b, relu, padding="valid")
    print("feature maps", maps.shape)
    draw({"original": images[0, :, :, 0],
          "feature map 0": maps[0, :, :, 0],
          "feature map 1": maps[0, :, :, 1]}, "0-conv_forward.png")


if __name__ == "__main__":
    main()
