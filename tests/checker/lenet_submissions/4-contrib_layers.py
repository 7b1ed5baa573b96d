#!/usr/bin/env python3
"""LeNet-5 for TensorFlow 1, made of the layers of contrib"""
import tensorflow as tf
from tensorflow.contrib import layers


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)"""
    he = layers.variance_scaling_initializer()
    A = layers.conv2d(x, 6, 5, weights_initializer=he)
    A = layers.max_pool2d(A, 2)
    A = layers.conv2d(A, 16, [5, 5], padding="VALID", weights_initializer=he)
    A = layers.flatten(layers.max_pool2d(A, [2, 2], stride=[2, 2]))
    for units in (120, 84):
        A = layers.fully_connected(A, units, weights_initializer=he)
    A = layers.fully_connected(A, 10, activation_fn=None,
                               weights_initializer=he)
    loss = tf.losses.softmax_cross_entropy(y, A)
    right = tf.equal(tf.argmax(A, axis=1), tf.argmax(y, axis=1))
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    return (tf.nn.softmax(A), tf.train.AdamOptimizer().minimize(loss), loss,
            accuracy)
