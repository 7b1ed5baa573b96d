#!/usr/bin/env python3
"""LeNet-5, modified, in the style of TensorFlow 1: a graph of operations"""
import tensorflow.compat.v1 as tf


def layer(name, shape, combine, inputs, activation):
    """One layer: its kernel, its bias, what combines them, an activation

    name: of the layer, for its variables; a second one of the name gets a
        number
    shape: of the kernel; its last number is that of the outputs
    combine: a function of the inputs and the kernel
    inputs: tensor of the layer below
    activation: a function of the sum, or None

    The kernel starts from he_normal: a truncated normal distribution of
    variance 2 / (number of inputs to an output). The bias starts from zero.
    """
    he_normal = tf.keras.initializers.VarianceScaling(scale=2.0)
    with tf.variable_scope(None, name):
        kernel = tf.get_variable("kernel", shape, initializer=he_normal)
        bias = tf.get_variable("bias", shape[-1:],
                               initializer=tf.zeros_initializer())
    total = tf.nn.bias_add(combine(inputs, kernel), bias)
    return total if activation is None else activation(total)


def lenet5(x, y):
    """Build LeNet-5 for digits

    x: placeholder (m, 28, 28, 1), the images
    y: placeholder (m, 10), the labels, one-hot

    Returns the softmax output, the operation that trains by one step of
    Adam, the loss, the accuracy.
    """
    def same(images, kernel):
        """Windows at every pixel, the image framed with zeros"""
        return tf.nn.conv2d(images, kernel, [1, 1, 1, 1], "SAME")

    def valid(images, kernel):
        """Windows where they fit"""
        return tf.nn.conv2d(images, kernel, [1, 1, 1, 1], "VALID")

    def pool(images):
        """The largest of each 2x2"""
        return tf.nn.max_pool(images, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")

    relu = tf.nn.relu
    maps = pool(layer("conv1", (5, 5, 1, 6), same, x, relu))
    maps = pool(layer("conv2", (5, 5, 6, 16), valid, maps, relu))
    flat = tf.reshape(maps, (-1, 5 * 5 * 16))
    hidden = layer("dense1", (400, 120), tf.matmul, flat, relu)
    hidden = layer("dense2", (120, 84), tf.matmul, hidden, relu)
    logits = layer("dense3", (84, 10), tf.matmul, hidden, None)

    y_pred = tf.nn.softmax(logits)
    loss = tf.losses.softmax_cross_entropy(y, logits)
    train = tf.train.AdamOptimizer().minimize(loss)
    hits = tf.equal(tf.argmax(y_pred, 1), tf.argmax(y, 1))
    accuracy = tf.reduce_mean(tf.cast(hits, tf.float32))
    return y_pred, train, loss, accuracy
