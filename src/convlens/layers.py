"""Layers by their names in Keras: `convlens.layers.Conv2D`."""

from __future__ import annotations

from typing import Any

from convlens import nn
from convlens.nn import Input, InputLayer, Layer
from convlens.nn.absent import names_of

_OTHER_NAMES = {
    "AvgPool2D": "AveragePooling2D",
    "Convolution2D": "Conv2D",
    "DepthwiseConvolution2D": "DepthwiseConv2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "MaxPool2D": "MaxPooling2D",
    "SeparableConvolution2D": "SeparableConv2D",
}
_IMAGES = "convlens has layers for images (n, h, w, channels)"
_AUGMENT = "augmentation is fit's argument augment=, see convlens.data.augmentation"
_GRAPH = "a network is a Sequential, without a graph of layers"
_KINDS = {
    name: kind
    for name in nn.__all__
    if isinstance(kind := getattr(nn, name), type) and issubclass(kind, Layer | InputLayer)
}

__all__ = ["Input", *_KINDS]

_absent = names_of(
    __name__,
    {
        **dict.fromkeys(
            ("Conv1D", "Conv3D", "MaxPooling1D", "MaxPooling3D", "AveragePooling1D"), f"{_IMAGES}: Conv2D, MaxPooling2D"
        ),
        **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "Bidirectional", "Embedding", "TimeDistributed"), _IMAGES),
        **dict.fromkeys(
            ("MultiHeadAttention", "Attention", "AdditiveAttention"), f"{_IMAGES}: Conv2D sees a neighbourhood"
        ),
        **dict.fromkeys(
            ("RandomCrop", "RandomShear", "RandomErasing", "RandomHue", "RandomSaturation", "RandomColorJitter"),
            _AUGMENT,
        ),
        **dict.fromkeys(("Resizing", "CenterCrop"), "convlens.load(FOLDER, size=(32, 32)) gives images of one size"),
        **dict.fromkeys(("Concatenate", "Multiply", "Average", "Maximum", "Subtract", "Dot", "concatenate"), _GRAPH),
        "Lambda": "a function has no gradient here; write a subclass of convlens.nn.Layer with forward and backward",
        "Conv2DTranspose": "Conv2D with strides makes images smaller; none makes them larger",
        "UpSampling2D": "Conv2D with strides makes images smaller; none makes them larger",
        "Cropping2D": "a negative ZeroPadding2D is not there either; crop the images before training",
        "GaussianNoise": "Dropout, or augment= of fit, makes a network robust to noise",
        "GaussianDropout": "Dropout",
        "AlphaDropout": "Dropout",
        "LayerNormalization": "BatchNormalization, or LocalResponseNormalization as in AlexNet",
        "GroupNormalization": "BatchNormalization, or LocalResponseNormalization as in AlexNet",
        "UnitNormalization": "BatchNormalization",
        "PReLU": "LeakyReLU, whose slope is fixed",
        "ActivityRegularization": "AdamW(weight_decay=...) keeps weights small",
        "TFSMLayer": "import the model with `convlens import`",
    },
)


def __getattr__(name: str) -> Any:
    name = _OTHER_NAMES.get(name, name)
    return _KINDS[name] if name in _KINDS else _absent(name)
