#!/usr/bin/env python3
"""LeNet-5 in Keras, each layer with an initializer of seed 0"""
from tensorflow import keras as K


def lenet5(X):
    """X: K.Input of shape (m, 28, 28, 1)"""
    def seeded(layer, *sizes, activation="relu", **more):
        """A layer that starts from numbers of seed 0"""
        he_normal = K.initializers.HeNormal(seed=0)
        return layer(*sizes, activation=activation,
                     kernel_initializer=he_normal, **more)

    A = seeded(K.layers.Conv2D, 6, 5, padding="same")(X)
    A = K.layers.MaxPool2D()(A)
    A = seeded(K.layers.Conv2D, 16, 5)(A)
    A = K.layers.MaxPool2D(strides=2)(A)
    A = K.layers.Flatten()(A)
    A = seeded(K.layers.Dense, 120)(A)
    A = seeded(K.layers.Dense, 84)(A)
    A = seeded(K.layers.Dense, 10, activation="softmax")(A)
    model = K.models.Model(X, A)
    model.compile("adam", K.losses.CategoricalCrossentropy(),
                  metrics=["accuracy"])
    return model
