"""Losses by their names in Keras: `convlens.losses.SparseCategoricalCrossentropy`.

A loss of one's own is a subclass of `Loss` with `forward(logits, targets)` and `backward(dy, logits, targets)`.
"""

from convlens.nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    get,
)
from convlens.nn.losses import TrainingLoss as Loss

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

# Keras's functions: losses.categorical_crossentropy; called, each gives the mean over the examples
binary_crossentropy = BinaryCrossentropy()
categorical_crossentropy = CategoricalCrossentropy()
mean_squared_error = MeanSquaredError()
sparse_categorical_crossentropy = SparseCategoricalCrossentropy()
