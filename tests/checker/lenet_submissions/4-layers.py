#!/usr/bin/env python3
"""LeNet-5 with the functions of tf.layers"""
import tensorflow.compat.v1 as tf


def hidden(make, A, size, *more, **options):
    """One hidden layer"""
    he_normal = tf.keras.initializers.VarianceScaling(scale=2.0)
    return make(A, size, *more, activation="relu",
                kernel_initializer=he_normal, **options)


def lenet5(x, y):
    """x: placeholder (m, 28, 28, 1); y: placeholder (m, 10)"""
    A = hidden(tf.layers.conv2d, x, 6, (5, 5), padding="same")
    A = tf.layers.max_pooling2d(A, (2, 2), (2, 2))
    A = hidden(tf.layers.conv2d, A, 16, (5, 5), padding="valid")
    A = tf.layers.max_pooling2d(A, [2, 2], strides=2)
    A = tf.layers.flatten(A)
    A = hidden(tf.layers.dense, A, 120)
    A = hidden(tf.layers.dense, A, 84)
    init = tf.keras.initializers.VarianceScaling(scale=2.0)
    Z = tf.layers.dense(A, 10, kernel_initializer=init)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(
        labels=tf.cast(y, tf.float32), logits=Z))
    train = tf.train.AdamOptimizer().minimize(loss)
    hits = tf.equal(tf.argmax(Z, 1), tf.argmax(y, 1))
    return tf.nn.softmax(Z), train, loss, tf.reduce_mean(tf.cast(hits, "float"))
