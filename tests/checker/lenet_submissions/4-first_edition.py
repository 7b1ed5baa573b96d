#!/usr/bin/env python3
"""LeNet-5 for TensorFlow 1: tf.layers as objects, an initializer of contrib"""
import tensorflow as tf


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)"""
    draw = {
        "kernel_initializer": tf.contrib.layers.variance_scaling_initializer()
    }
    active = dict(draw, activation=tf.nn.relu)
    network = [tf.layers.Conv2D(6, 5, padding="same", **active),
               tf.layers.MaxPooling2D(2, 2),
               tf.layers.Conv2D(16, 5, **active),
               tf.layers.MaxPooling2D(2, 2),
               tf.contrib.layers.flatten,
               tf.layers.Dense(120, **active),
               tf.layers.Dense(84, **active),
               tf.layers.Dense(10, **draw)]
    A = x
    for step in network:
        A = step(A)
    loss = tf.losses.softmax_cross_entropy(y, A)
    best = [tf.arg_max(scores, 1) for scores in (A, y)]
    accuracy = tf.reduce_mean(tf.to_float(tf.equal(*best)))
    train = tf.train.AdamOptimizer().minimize(loss)
    return tf.contrib.layers.softmax(A), train, loss, accuracy
