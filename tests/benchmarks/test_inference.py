"""benchmarks/inference.py: the programs predict the same, and ONNX Runtime has a row of its own."""

import numpy as np
import pytest
from benchmarks import inference
from benchmarks.network_list import data, model_of


def test_the_exported_model_predicts_like_ours():
    pytest.importorskip("onnxruntime")
    x, _ = data("LeNet-5", 3)
    found = inference.make(inference.ONNX, "LeNet-5", 3)(x)
    np.testing.assert_allclose(found, inference.ours("LeNet-5", "numpy")(x), atol=1e-5)


def test_jax_predicts_like_ours():
    pytest.importorskip("jax")
    x, _ = data("LeNet-5", 3)
    found = inference.make("jax jit", "LeNet-5", 3)(x)
    np.testing.assert_allclose(found, model_of("LeNet-5").predict(x), atol=1e-5)


class Fake:
    id = 0
    ready = {"kernels": "MKL"}  # noqa: RUF012

    def __init__(self, seconds):
        self.seconds = seconds

    def close(self):
        pass


@pytest.mark.smoke
def test_the_rows_compare_with_the_fastest_framework_and_with_onnx_runtime(monkeypatch):
    seconds = {"convlens numba": 0.2e-3, "torch eager": 0.6e-3, "jax jit": 0.4e-3, inference.ONNX: 0.1e-3}
    workers = {name: Fake(value) for name, value in seconds.items()}
    monkeypatch.setattr(inference, "start", lambda *_: (workers, []))
    answers = {name: [{"seconds": value, "others": 0.0}] for name, value in seconds.items()}
    monkeypatch.setattr(inference, "take_turns", lambda *_, again: answers)
    rows, which = inference.rows_of("LeNet-5", 1)
    assert rows[0].measured == pytest.approx(0.2) and rows[0].unit == "ms" and not rows[0].ok
    fastest, onnx = rows[-2:]
    assert fastest.measured == pytest.approx(2) and fastest.note.startswith("jax jit") and fastest.ok
    assert onnx.measured == pytest.approx(0.5) and onnx.asked == "at least 1, aim 1.5" and not onnx.ok
    assert which.note.endswith(": MKL")
    rows, _ = inference.rows_of("small VGG", 8)
    assert rows[0].measured == pytest.approx(8 / 0.2e-3) and rows[0].unit == "images/s" and rows[0].asked == ""
