#!/usr/bin/env python3
"""LeNet-5 from tf.Variable, with tf.nn's own loss"""
import tensorflow.compat.v1 as tf


def convolve(maps, channels, padding):
    """A convolution of 5 x 5 with bias and ReLU, and a pool

    maps: what goes in; channels: how many come out; padding: of both axes
    """
    init = tf.keras.initializers.VarianceScaling(scale=2.0)
    shape = (5, 5, int(maps.shape[3]), channels)
    W = tf.Variable(init(shape))
    b = tf.Variable(tf.zeros((channels,)))
    Z = tf.nn.conv2d(maps, W, (1, 1, 1, 1), padding)
    A = tf.nn.relu(tf.nn.bias_add(Z, b))
    return tf.nn.max_pool(A, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def connect(rows, outputs, activation=None):
    """A dense layer

    rows: what goes in; outputs: how many come out of it; activation: a
    function or None
    """
    init = tf.keras.initializers.VarianceScaling(scale=2.0)
    W = tf.Variable(init((int(rows.shape[1]), outputs)))
    b = tf.Variable(tf.zeros((outputs,)))
    Z = tf.matmul(rows, W) + b
    return Z if activation is None else activation(Z)


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)

    Returns output, training operation, loss, accuracy.
    """
    maps = convolve(convolve(x, 6, "SAME"), 16, "VALID")
    size = int(maps.shape[1] * maps.shape[2] * maps.shape[3])
    flat = tf.reshape(maps, (tf.shape(maps)[0], size))
    flat.set_shape((None, size))
    hidden = connect(connect(flat, 120, tf.nn.relu), 84, tf.nn.relu)
    logits = connect(hidden, 10)
    losses = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(losses)
    train = tf.train.AdamOptimizer(learning_rate=0.001).minimize(loss)
    right = tf.math.equal(tf.argmax(logits, 1), tf.argmax(y, 1))
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    return tf.nn.softmax(logits), train, loss, accuracy
