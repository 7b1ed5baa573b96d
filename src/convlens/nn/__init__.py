"""Layers (one file for each kind), `Sequential`, initializers, optimizers and schedules. The names are Keras's."""

from convlens.nn.average_pooling2d import AveragePooling2D
from convlens.nn.conv2d import Conv2D
from convlens.nn.dense import Dense
from convlens.nn.dropout import Dropout
from convlens.nn.flatten import Flatten
from convlens.nn.initializers import he_normal
from convlens.nn.input import Input, InputLayer
from convlens.nn.layer import Layer
from convlens.nn.local_response_normalization import LocalResponseNormalization
from convlens.nn.max_pooling2d import MaxPooling2D
from convlens.nn.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, Optimizer, RMSprop
from convlens.nn.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
)
from convlens.nn.sequential import Sequential
from convlens.nn.ten_crops import predict_ten_crops

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "AveragePooling2D",
    "Conv2D",
    "CosineDecay",
    "CosineDecayRestarts",
    "Dense",
    "Dropout",
    "ExponentialDecay",
    "Flatten",
    "Input",
    "InputLayer",
    "InverseTimeDecay",
    "Layer",
    "LearningRateSchedule",
    "LocalResponseNormalization",
    "MaxPooling2D",
    "Nadam",
    "Optimizer",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "Sequential",
    "StepDecay",
    "he_normal",
    "predict_ten_crops",
]
