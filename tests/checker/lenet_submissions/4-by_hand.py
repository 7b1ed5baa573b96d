#!/usr/bin/env python3
"""LeNet-5 with padding, softmax and loss written out"""
import tensorflow.compat.v1 as tf


def variable(*shape):
    """A kernel of that shape"""
    init = tf.initializers.variance_scaling(scale=2.0)
    return tf.Variable(lambda: init(shape), dtype=tf.float32)


def pool(maps):
    """Halves height and width"""
    h, w, c = (int(size) for size in maps.shape[1:])
    windows = tf.reshape(maps, (-1, h // 2, 2, w // 2, 2, c))
    return tf.reduce_max(windows, axis=(2, 4))


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)

    Returns output, training operation, loss, accuracy.
    """
    y = tf.cast(y, tf.float32)
    k1, k2 = variable(5, 5, 1, 6), variable(5, 5, 6, 16)
    k3, k4, k5 = variable(400, 120), variable(120, 84), variable(84, 10)
    b1, b2, b3, b4, b5 = (tf.Variable(tf.zeros((1, n)))
                          for n in (6, 16, 120, 84, 10))
    wide = tf.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    maps = tf.nn.convolution(wide, k1, padding="VALID") + b1
    maps = pool(tf.maximum(maps, 0))
    maps = tf.nn.convolution(maps, k2, padding="VALID") + b2
    maps = pool(tf.maximum(maps, 0))
    flat = tf.reshape(maps, (-1, 400))
    hidden = tf.maximum(tf.einsum("mi,io->mo", flat, k3) + b3, 0)
    hidden = tf.maximum(tf.tensordot(hidden, k4, 1) + b4, 0)
    Z = tf.matmul(hidden, k5) + b5
    Z = Z - tf.stop_gradient(tf.reduce_max(Z, axis=1, keepdims=True))
    total = tf.reduce_sum(tf.exp(Z), axis=1, keepdims=True)
    loss = -tf.reduce_mean(tf.reduce_sum(y * (Z - tf.log(total)), axis=1))
    train = tf.train.AdamOptimizer(0.001, 0.9, 0.999, 1e-8).minimize(
        loss, global_step=tf.train.get_or_create_global_step())
    hits = tf.equal(tf.argmax(Z, axis=1), tf.argmax(y, axis=1))
    return (tf.exp(Z) / total, train, loss,
            tf.reduce_mean(tf.cast(hits, tf.float32)))
