#!/usr/bin/env python3
"""LeNet-5 in small pieces: activations by themselves, one pool used twice"""
import tensorflow.keras as K


def lenet5(X):
    """X: K.Input of shape (m, 28, 28, 1); returns a compiled K.Model"""
    init = K.initializers.he_normal()
    pool = K.layers.MaxPool2D(pool_size=(2, 2), strides=(2, 2))
    Y = K.layers.Conv2D(filters=6, kernel_size=(5, 5), padding="same",
                        kernel_initializer=init)(X)
    Y = pool(K.layers.Activation("relu")(Y))
    Y = K.layers.Conv2D(filters=16, kernel_size=(5, 5), padding="valid",
                        kernel_initializer=init)(Y)
    Y = pool(K.layers.ReLU()(Y))
    Y = K.layers.Flatten()(Y)
    for units in (120, 84):
        Y = K.layers.Dense(units=units, kernel_initializer=init)(Y)
        Y = K.layers.Activation(K.activations.relu)(Y)
    Y = K.layers.Dense(units=10, kernel_initializer=init)(Y)
    Y = K.layers.Softmax()(Y)
    model = K.models.Model(X, Y)
    model.compile(optimizer=K.optimizers.Adam(learning_rate=0.001),
                  loss=K.losses.CategoricalCrossentropy(), metrics=["acc"])
    return model
