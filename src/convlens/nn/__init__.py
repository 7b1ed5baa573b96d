"""Layers (one file for each kind), `Sequential`, initializers, optimizers and schedules. The names are Keras's."""

from convlens.nn.average_pooling2d import AveragePooling2D
from convlens.nn.conv2d import Conv2D
from convlens.nn.dense import Dense
from convlens.nn.dropout import Dropout
from convlens.nn.flatten import Flatten
from convlens.nn.initializers import he_normal
from convlens.nn.layer import Layer
from convlens.nn.local_response_normalization import LocalResponseNormalization
from convlens.nn.max_pooling2d import MaxPooling2D
from convlens.nn.optimizers import SGD, Adam, Optimizer
from convlens.nn.schedules import StepDecay
from convlens.nn.sequential import Sequential
from convlens.nn.ten_crops import predict_ten_crops

__all__ = [
    "SGD",
    "Adam",
    "AveragePooling2D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LocalResponseNormalization",
    "MaxPooling2D",
    "Optimizer",
    "Sequential",
    "StepDecay",
    "he_normal",
    "predict_ten_crops",
]
