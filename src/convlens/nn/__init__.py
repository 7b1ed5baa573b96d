"""Layers (one file a kind, or a few alike), `Sequential`, initializers, optimizers and schedules, named as in Keras."""

from convlens.nn.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from convlens.nn.add import Add
from convlens.nn.average_pooling2d import AveragePooling2D
from convlens.nn.batch_normalization import BatchNormalization
from convlens.nn.conv2d import Conv2D
from convlens.nn.dense import Dense
from convlens.nn.depthwise_conv2d import DepthwiseConv2D
from convlens.nn.dropout import Dropout
from convlens.nn.flatten import Flatten
from convlens.nn.global_pooling2d import GlobalAveragePooling2D, GlobalMaxPooling2D
from convlens.nn.initializers import he_normal
from convlens.nn.input import Input, InputLayer
from convlens.nn.layer import Layer
from convlens.nn.local_response_normalization import LocalResponseNormalization
from convlens.nn.max_pooling2d import MaxPooling2D
from convlens.nn.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, Optimizer, RMSprop
from convlens.nn.random_layers import (
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from convlens.nn.scaling import Normalization, Rescaling
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
from convlens.nn.separable_conv2d import SeparableConv2D
from convlens.nn.sequential import Sequential
from convlens.nn.shapes import Identity, Reshape, ZeroPadding2D
from convlens.nn.spatial_dropout2d import SpatialDropout2D
from convlens.nn.ten_crops import predict_ten_crops

__all__ = [
    "ELU",
    "SGD",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "CosineDecay",
    "CosineDecayRestarts",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "ExponentialDecay",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Identity",
    "Input",
    "InputLayer",
    "InverseTimeDecay",
    "Layer",
    "LeakyReLU",
    "LearningRateSchedule",
    "LocalResponseNormalization",
    "MaxPooling2D",
    "Nadam",
    "Normalization",
    "Optimizer",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "RMSprop",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "Sequential",
    "Softmax",
    "SpatialDropout2D",
    "StepDecay",
    "ZeroPadding2D",
    "he_normal",
    "predict_ten_crops",
]
