"""Metrics of counts, the area under a curve, F1, and the root of an error, compared with Keras."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import metrics

RNG = np.random.default_rng(11)
FLAG = RNG.integers(0, 2, 40).astype("float32")
GIVEN = np.clip(FLAG * 0.3 + RNG.random(40) * 0.7, 0, 1).astype("float32")
HOT, ROWS = np.eye(3)[RNG.integers(0, 3, 40)], RNG.dirichlet(np.ones(3), 40).astype("float32")

CASES: dict[str, tuple[Any, Any, Any]] = {
    "AUC": ({}, FLAG, GIVEN),
    "AUC of a precision-recall curve": ({"curve": "PR", "num_thresholds": 50}, FLAG, GIVEN),
    "AUC of rows": ({}, HOT, ROWS),
    "AUC of logits": ({"from_logits": True}, FLAG, GIVEN * 4 - 2),
    "TruePositives": ({}, FLAG, GIVEN),
    "FalsePositives": ({"thresholds": 0.4}, FLAG, GIVEN),
    "TrueNegatives": ({}, FLAG, GIVEN),
    "FalseNegatives": ({}, FLAG, GIVEN),
    "F1Score macro": ({"average": "macro"}, HOT, ROWS),
    "F1Score micro": ({"average": "micro", "threshold": 0.4}, HOT, ROWS),
    "F1Score weighted": ({"average": "weighted"}, HOT, ROWS),
    "RootMeanSquaredError": ({}, FLAG, GIVEN),
    "MeanAbsolutePercentageError": ({}, GIVEN + 1, FLAG),
}


@pytest.mark.frameworks
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_result_is_keras(keras, case, weighted):
    words, true, given = CASES[case]
    name = case.split()[0]
    if weighted and name.startswith("Mean"):
        pytest.skip("a mean over weights, which Keras tests with its own function")
    weights = RNG.random(40).astype("float32") if weighted else None
    rows = [x[:, None] if x.ndim == 1 else x for x in (true, given)]
    found = []
    for module in (keras.metrics, metrics):
        metric = getattr(module, name)(**words)
        for part in (slice(0, 25), slice(25, 40)):
            metric.update_state(rows[0][part], rows[1][part], None if weights is None else weights[part])
        found.append(float(metric.result()))
    assert_allclose(found[1], found[0], rtol=1e-4)


def test_bad_arguments():
    for make, message in (
        (lambda: metrics.AUC(curve="DET"), "curve must be 'ROC' or 'PR'; got 'DET'"),
        (lambda: metrics.AUC(multi_label=True), "AUC has equal steps between its thresholds"),
        (lambda: metrics.AUC()(FLAG, GIVEN + 1), "AUC needs outputs from 0 to 1, or from_logits=True; got "),
        (lambda: metrics.TruePositives()(FLAG, ROWS), r"true_positives needs labels and outputs of one shape; got "),
        (metrics.F1Score, "average must be 'macro', 'micro' or 'weighted'"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    assert metrics.AUC().result() == 0 and metrics.get("auc").name == "auc"
