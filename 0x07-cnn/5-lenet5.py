#!/usr/bin/env python3
"""LeNet-5, modified, in Keras"""
import tensorflow.keras as K


def lenet5(X):
    """Builds LeNet-5 for digits

    X: K.Input of shape (m, 28, 28, 1), the images

    Returns a K.Model, compiled with Adam and accuracy; its labels are
    one-hot (m, 10).
    """
    hidden = {"activation": "relu", "kernel_initializer": "he_normal"}
    maps = K.layers.Conv2D(6, (5, 5), padding="same", **hidden)(X)
    maps = K.layers.MaxPooling2D((2, 2), strides=(2, 2))(maps)
    maps = K.layers.Conv2D(16, (5, 5), padding="valid", **hidden)(maps)
    maps = K.layers.MaxPooling2D((2, 2), strides=(2, 2))(maps)
    flat = K.layers.Flatten()(maps)
    flat = K.layers.Dense(120, **hidden)(flat)
    flat = K.layers.Dense(84, **hidden)(flat)
    Y = K.layers.Dense(10, activation="softmax",
                       kernel_initializer="he_normal")(flat)
    model = K.Model(inputs=X, outputs=Y)
    model.compile(optimizer=K.optimizers.Adam(),
                  loss="categorical_crossentropy", metrics=["accuracy"])
    return model
