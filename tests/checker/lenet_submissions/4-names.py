#!/usr/bin/env python3
"""LeNet-5 with a name for each variable, one initializer for all of them"""
import tensorflow.compat.v1 as tf


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)

    All variables come first, biases before kernels. A pool of padding SAME
    pads nothing where the size is even, and ReLU may as well come after it.
    """
    he_normal = tf.keras.initializers.VarianceScaling(scale=2.0)
    zeros = tf.zeros_initializer()
    shapes = [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)]
    b = [tf.get_variable("b%d" % k, (shape[-1],), initializer=zeros)
         for k, shape in enumerate(shapes)]
    W = [tf.get_variable("W%d" % k, shape, initializer=he_normal)
         for k, shape in enumerate(shapes)]
    A = x
    for k, padding in ((0, "SAME"), (1, "VALID")):
        Z = tf.nn.conv2d(A, W[k], strides=[1, 1, 1, 1], padding=padding)
        pool = tf.nn.max_pool(b[k] + Z, ksize=2, strides=2, padding="SAME")
        A = tf.nn.relu(pool, name="A%d" % k)
    A = tf.reshape(A, [-1, 400])
    for k in (2, 3):
        A = tf.nn.relu(b[k] + A @ W[k])
    Z = tf.add(tf.matmul(A, W[4]), b[4])
    y_pred = tf.nn.softmax(Z, name="y_pred")
    loss = tf.losses.softmax_cross_entropy(onehot_labels=y, logits=Z)
    optimizer = tf.train.AdamOptimizer()
    train_op = optimizer.apply_gradients(optimizer.compute_gradients(loss))
    hits = tf.equal(tf.argmax(y, 1), tf.argmax(y_pred, 1))
    acc = tf.reduce_mean(tf.cast(hits, "float"))
    return [y_pred, train_op, loss, acc]
