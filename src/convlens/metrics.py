"""Metrics by their names in Keras: `convlens.metrics.SparseCategoricalAccuracy`."""

from convlens.nn.absent import names_of
from convlens.nn.metrics import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    get,
)

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "get",
]

# Keras's functions, as metrics: compile(metrics=[metrics.sparse_categorical_accuracy])
binary_accuracy = BinaryAccuracy
categorical_accuracy = CategoricalAccuracy
sparse_categorical_accuracy = SparseCategoricalAccuracy

_COUNTS = "Precision and Recall are here, and the report has the confusion matrix of all classes"
__getattr__ = names_of(
    __name__,
    {
        "AUC": _COUNTS,
        "F1Score": _COUNTS,
        "FBetaScore": _COUNTS,
        "TruePositives": _COUNTS,
        "FalsePositives": _COUNTS,
        "TrueNegatives": _COUNTS,
        "FalseNegatives": _COUNTS,
        "RootMeanSquaredError": "MeanSquaredError is its square",
        "MeanIoU": "networks classify whole images",
        "KLDivergence": "CategoricalCrossentropy differs from it by the entropy of the labels",
    },
)
