#!/usr/bin/env python3
"""LeNet-5 with objects and functions where others have names"""
import tensorflow.keras as K


def dense(units, activation):
    """A dense layer with that activation, a function"""
    init = K.initializers.VarianceScaling(scale=2.0)
    return K.layers.Dense(units, activation, kernel_initializer=init,
                          bias_initializer=K.initializers.Zeros())


def lenet5(X):
    """X: K.Input of shape (m, 28, 28, 1); returns a compiled K.Model"""
    relu = K.activations.relu
    init = K.initializers.HeNormal
    Y = K.layers.Conv2D(6, (5, 5), (1, 1), "same", activation=relu,
                        kernel_initializer=init())(X)
    Y = K.layers.MaxPooling2D((2, 2), (2, 2), padding="same")(Y)
    Y = K.layers.Conv2D(16, (5, 5), (1, 1), "valid", activation=relu,
                        kernel_initializer=init())(Y)
    Y = K.layers.MaxPooling2D((2, 2), (2, 2), padding="same")(Y)
    Y = K.layers.Reshape((400,))(Y)
    Y = dense(10, K.activations.softmax)(dense(84, relu)(dense(120, relu)(Y)))
    model = K.Model(inputs=[X], outputs=[Y])
    model.compile(optimizer=K.optimizers.Adam(),
                  loss=K.losses.categorical_crossentropy,
                  metrics=[K.metrics.CategoricalAccuracy()])
    return model
