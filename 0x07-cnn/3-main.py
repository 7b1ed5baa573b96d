#!/usr/bin/env python3
"""The gradient of max pooling over ten two-channel images"""
import sys
from pathlib import Path

import numpy as np

pool_backward = __import__('3-pool_backward').pool_backward
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"


def main():
    """A random gradient sent back through windows of 2x2"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        images = archive["X_train"][:10, ..., np.newaxis]
    m, h, w, _ = images.shape
    images = np.concatenate((images, 1 - images), axis=3)
    np.random.seed(0)
    dA = np.random.randn(m, h // 2, w // 2, 2)
    dA_prev = pool_backward(dA, images, (2, 2), stride=(2, 2))
    print("dA_prev", dA_prev.shape)
    print(dA_prev)


if __name__ == "__main__":
    main()
