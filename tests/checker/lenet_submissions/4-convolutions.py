#!/usr/bin/env python3
"""LeNet-5 whose dense layers are convolutions or have turned kernels"""
import tensorflow.compat.v1 as tf


class Layer:
    """A kernel and a bias"""

    def __init__(self, shape, turned=False):
        """shape: of the kernel; turned: whether it is kept transposed"""
        init = tf.keras.initializers.VarianceScaling(scale=2.0)
        start = tf.transpose(init(shape)) if turned else init(shape)
        with tf.name_scope("layer"):
            self.kernel = tf.Variable(start, name="kernel")
            self.bias = tf.Variable(tf.zeros((1, 1, 1, shape[-1])))

    def convolve(self, maps, padding="VALID"):
        """The layer's sums"""
        maps = tf.nn.conv2d(maps, self.kernel, 1, padding)
        return tf.add(maps, self.bias)

    def multiply(self, rows):
        """The sums of a turned kernel"""
        bias = tf.reshape(self.bias, (1, -1))
        return tf.matmul(rows, self.kernel, transpose_b=True) + bias


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)

    Returns output, training operation, loss, accuracy.
    """
    maps = tf.nn.relu(Layer((5, 5, 1, 6)).convolve(x, "SAME"))
    maps = tf.nn.max_pool2d(maps, 2, 2, "VALID")
    maps = tf.nn.relu(Layer((5, 5, 6, 16)).convolve(maps))
    maps = tf.nn.max_pool2d(maps, 2, 2, "VALID")
    maps = tf.nn.relu(Layer((5, 5, 16, 120)).convolve(maps))
    rows = tf.squeeze(maps, axis=(1, 2))
    rows = tf.nn.relu(Layer((120, 84), turned=True).multiply(rows))
    logits = tf.identity(Layer((84, 10), turned=True).multiply(rows), "logits")
    loss = tf.losses.softmax_cross_entropy(y, logits=logits)
    train_op = tf.train.AdamOptimizer().minimize(loss)
    y_pred = tf.identity(tf.nn.softmax(logits))
    labels, said = tf.argmax(y, axis=1), tf.argmax(y_pred, axis=1)
    wrong = tf.cast(tf.not_equal(labels, said), tf.float32)
    return y_pred, train_op, loss, 1 - tf.reduce_mean(wrong)
