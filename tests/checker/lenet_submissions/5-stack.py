#!/usr/bin/env python3
"""LeNet-5 as a stack inside a model"""
import tensorflow.keras as K


def lenet5(X):
    """X: K.Input of shape (m, 28, 28, 1); returns a compiled K.Model"""
    he = {"kernel_initializer": "he_normal"}
    stack = K.Sequential([
        K.layers.Conv2D(6, 5, padding="same", activation="relu", **he),
        K.layers.MaxPooling2D(2, 2),
        K.layers.Conv2D(16, 5, activation="relu", **he),
        K.layers.MaxPooling2D(),
        K.layers.Flatten(),
        K.layers.Dense(120, activation="relu", **he),
        K.layers.Dense(84, activation="relu", **he),
        K.layers.Dense(10, activation="softmax", **he),
    ])
    model = K.Model(inputs=X, outputs=stack(X))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model
