#!/usr/bin/env python3
"""LeNet-5, modified, in the style of TensorFlow 1: a graph of operations"""
import tensorflow.compat.v1 as tf


def weights(name, shape):
    """The kernel and the bias of one layer

    name: of the layer; a second layer of that name gets a number
    shape: of the kernel; its last number is that of the outputs

    The kernel starts from he_normal: a truncated normal distribution of
    variance 2 / (inputs to one output). The bias starts from zero.
    """
    he_normal = tf.keras.initializers.VarianceScaling(scale=2.0)
    with tf.variable_scope(None, name):
        kernel = tf.get_variable("kernel", shape, initializer=he_normal)
        bias = tf.get_variable("bias", shape[-1:],
                               initializer=tf.zeros_initializer())
    return kernel, bias


def lenet5(x, y):
    """Builds LeNet-5 for digits

    x: placeholder (m, 28, 28, 1), the images
    y: placeholder (m, 10), the labels, one-hot

    Returns the softmax output, the operation that trains by one step of
    Adam, the loss, the accuracy.
    """
    kernel, bias = weights("conv1", (5, 5, 1, 6))
    maps = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    maps = tf.nn.relu(maps + bias)
    maps = tf.nn.max_pool(maps, ksize=2, strides=2, padding="VALID")

    kernel, bias = weights("conv2", (5, 5, 6, 16))
    maps = tf.nn.conv2d(maps, kernel, strides=1, padding="VALID")
    maps = tf.nn.relu(maps + bias)
    maps = tf.nn.max_pool(maps, ksize=2, strides=2, padding="VALID")

    flat = tf.reshape(maps, (-1, 5 * 5 * 16))
    kernel, bias = weights("dense1", (5 * 5 * 16, 120))
    hidden = tf.nn.relu(tf.matmul(flat, kernel) + bias)
    kernel, bias = weights("dense2", (120, 84))
    hidden = tf.nn.relu(tf.matmul(hidden, kernel) + bias)
    kernel, bias = weights("dense3", (84, 10))
    logits = tf.matmul(hidden, kernel) + bias

    y_pred = tf.nn.softmax(logits)
    loss = tf.losses.softmax_cross_entropy(y, logits)
    train = tf.train.AdamOptimizer().minimize(loss)
    hits = tf.equal(tf.argmax(y_pred, axis=1), tf.argmax(y, axis=1))
    accuracy = tf.reduce_mean(tf.cast(hits, tf.float32))
    return y_pred, train, loss, accuracy
