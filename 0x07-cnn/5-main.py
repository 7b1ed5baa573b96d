#!/usr/bin/env python3
"""Train the LeNet-5 of Keras on MNIST for five epochs"""
import random
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow.keras as K

lenet5 = __import__('5-lenet5').lenet5
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"
EPOCHS = 5
BATCH = 32


def main():
    """Prints loss and accuracy after each epoch"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        train, valid = ((archive["X_" + part][..., np.newaxis],
                         np.eye(10)[archive["Y_" + part]])
                        for part in ("train", "valid"))
    random.seed(0)
    np.random.seed(0)
    tf.random.set_seed(0)
    model = lenet5(K.Input(shape=(28, 28, 1)))
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, verbose=2,
              validation_data=valid)


if __name__ == "__main__":
    main()
