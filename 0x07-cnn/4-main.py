#!/usr/bin/env python3
"""Train the LeNet-5 of TensorFlow 1's style on MNIST for five epochs"""
import random
import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

lenet5 = __import__('4-lenet5').lenet5
DATA = Path(__file__).resolve().parent.parent / "data" / "MNIST.npz"
EPOCHS = 5
BATCH = 32


def main():
    """Prints validation loss and accuracy, untrained and after each epoch"""
    if not DATA.is_file():
        sys.exit("No data/MNIST.npz yet: run `convlens data export "
                 "data/MNIST.npz` from the repository root.")
    with np.load(str(DATA)) as archive:
        train, valid = ((archive["X_" + part][..., np.newaxis],
                         np.eye(10)[archive["Y_" + part]])
                        for part in ("train", "valid"))
    tf.disable_eager_execution()
    random.seed(0)
    np.random.seed(0)
    tf.set_random_seed(0)
    x = tf.placeholder(tf.float32, (None, 28, 28, 1))
    y = tf.placeholder(tf.int32, (None, 10))
    _, step, loss, accuracy = lenet5(x, y)
    images, labels = train
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(EPOCHS + 1):
            found = session.run((loss, accuracy), {x: valid[0], y: valid[1]})
            print("After epoch {}: validation loss {:.4f}, accuracy {:.4f}"
                  .format(epoch, *found), flush=True)
            if epoch == EPOCHS:
                break
            order = np.random.permutation(len(images))
            for start in range(0, len(images), BATCH):
                batch = order[start:start + BATCH]
                session.run(step, {x: images[batch], y: labels[batch]})


if __name__ == "__main__":
    main()
