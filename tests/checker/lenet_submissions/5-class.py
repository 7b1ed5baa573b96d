#!/usr/bin/env python3
"""LeNet-5 as a class of its own"""
import tensorflow.keras as K


class LeNet5(K.Model):
    """The network; layers are made in no order at all"""

    def __init__(self):
        """Makes the layers"""
        super().__init__()
        he = {"kernel_initializer": "HeNormal"}
        self.output_layer = K.layers.Dense(10, "softmax", **he)
        self.dense = [K.layers.Dense(84, "relu", **he),
                      K.layers.Dense(120, "relu", **he)]
        self.conv2 = K.layers.Conv2D(16, 5, activation="relu", **he)
        self.conv1 = K.layers.Conv2D(6, 5, padding="same", activation="relu",
                                     **he)
        self.pool = K.layers.MaxPooling2D()
        self.flatten = K.layers.Flatten()

    def call(self, X):
        """X: images (m, 28, 28, 1); returns probabilities (m, 10)"""
        maps = self.pool(self.conv2(self.pool(self.conv1(X))))
        small, large = self.dense
        return self.output_layer(small(large(self.flatten(maps))))


def lenet5(X):
    """X: K.Input of shape (m, 28, 28, 1); returns a compiled K.Model"""
    model = LeNet5()
    model(X)
    model.compile(K.optimizers.Adam(), "categorical_crossentropy",
                  metrics=["categorical_accuracy"])
    return model
