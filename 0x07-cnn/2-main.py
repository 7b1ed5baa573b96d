#!/usr/bin/env python3
"""The gradients of a convolution over ten images"""
import sys
from pathlib import Path

import numpy as np

conv_backward = __import__('2-conv_backward').conv_backward
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"


def main():
    """A random gradient sent back through two random 3x3 kernels"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        images = archive["X_train"][:10, ..., np.newaxis]
    m, h, w, _ = images.shape
    np.random.seed(0)
    W = np.random.randn(3, 3, 1, 2)
    b = np.random.randn(1, 1, 1, 2)
    dZ = np.random.randn(m, h - 2, w - 2, 2)
    gradients = conv_backward(dZ, images, W, b, padding="valid")
    for name, gradient in zip(("dA_prev", "dW", "db"), gradients):
        print(name, gradient.shape)
        print(gradient)


if __name__ == "__main__":
    main()
