"""Layers, the stack of them, how weights start and how they move. Names as in Keras."""

from convlens.nn.dropout import Dropout
from convlens.nn.initializers import he_normal
from convlens.nn.layers import AveragePooling2D, Conv2D, Dense, Flatten, Layer, MaxPooling2D
from convlens.nn.norm import LocalResponseNormalization
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
