"""AlexNet: the paper's layers and initial weights; a step lowers the loss; TensorFlow gives the same logits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import ops
from convlens.models.alexnet import INPUT_SHAPE, alexnet
from convlens.nn import SGD


@pytest.fixture(scope="module")
def model():
    """One AlexNet for all tests; no test may change it."""
    return alexnet(seed=1)


def noise(n):
    return np.random.default_rng(2).standard_normal((n, *INPUT_SHAPE), dtype=np.float32)


def test_table_and_number_of_parameters(model):
    assert model.name == "alexnet" and model.dtype == np.float32
    assert [(row.name, row.output_shape, row.parameters) for row in model.table] == [
        ("conv2d", (55, 55, 96), 34_944),
        ("local_response_normalization", (55, 55, 96), 0),
        ("max_pooling2d", (27, 27, 96), 0),
        ("conv2d_1", (27, 27, 256), 307_456),
        ("local_response_normalization_1", (27, 27, 256), 0),
        ("max_pooling2d_1", (13, 13, 256), 0),
        ("conv2d_2", (13, 13, 384), 885_120),
        ("conv2d_3", (13, 13, 384), 663_936),
        ("conv2d_4", (13, 13, 256), 442_624),
        ("max_pooling2d_2", (6, 6, 256), 0),
        ("flatten", (9216,), 0),
        ("dense", (4096,), 37_752_832),
        ("dropout", (4096,), 0),
        ("dense_1", (4096,), 16_781_312),
        ("dropout_1", (4096,), 0),
        ("dense_2", (1000,), 4_097_000),
    ]
    assert model.count_params() == 60_965_224


def test_initial_weights_are_those_of_section_5(model):
    for name, w in model.named_weights().items():
        if name.endswith("kernel"):
            assert w.std() == pytest.approx(0.01, rel=0.02) and abs(w.mean()) < 3e-4, name
    biases = {name.split("/")[0]: set(w.tolist()) for name, w in model.named_weights().items() if name.endswith("bias")}
    assert {name for name, values in biases.items() if values == {1.0}} == {
        *("conv2d_1", "conv2d_3", "conv2d_4"),
        *("dense", "dense_1"),
    }
    assert all(biases[name] == {0.0} for name in ("conv2d", "conv2d_2", "dense_2"))


def test_equal_seeds_give_equal_weights_and_a_step_lowers_the_loss(model):
    other = alexnet(seed=1)
    assert np.array_equal(other.flat, model.flat)
    x, labels, gradient = noise(2), np.array([3, 999]), np.full_like(other.flat, np.nan)
    before = ops.softmax_cross_entropy_forward(other.logits(x), labels)
    other.loss_gradient(x, labels, 1 / 2, gradient, rng=np.random.default_rng(0))
    SGD(0.01, momentum=0.9, weight_decay=0.0005).update(other.flat, gradient)
    after = ops.softmax_cross_entropy_forward(other.logits(x), labels)
    assert after.mean() < before.mean() - 0.1


@pytest.mark.frameworks
def test_tensorflow_gives_the_same_logits(tf, model, quick_engine):
    """AlexNet is written again with TensorFlow's operations; each of the two groups is computed separately."""
    ours = {}  # one dictionary, to keep few copies of 61 million numbers
    for name, w in model.named_weights().items():
        ours[name] = tf.constant(w if name.endswith("kernel") else w + np.linspace(0, 0.1, w.size, dtype=w.dtype))

    def conv(y, name, stride, padding, groups=1):
        kernel, bias = ours[f"{name}/kernel"], ours[f"{name}/bias"]
        parts = zip(tf.split(y, groups, axis=3), tf.split(kernel, groups, axis=3), strict=True)
        sums = [tf.nn.conv2d(part, w, stride, padding) for part, w in parts]
        return tf.nn.relu(tf.concat(sums, axis=3) + bias)

    def pool(y):
        return tf.nn.max_pool2d(y, 3, 2, "VALID")

    def norm(y):
        return tf.nn.local_response_normalization(y, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75)

    x = 50 * noise(2)  # large numbers, so that the normalisation matters
    y = pool(norm(conv(tf.constant(x), "conv2d", 4, "VALID")))
    y = pool(norm(conv(y, "conv2d_1", 1, "SAME", groups=2)))
    y = conv(conv(y, "conv2d_2", 1, "SAME"), "conv2d_3", 1, "SAME", groups=2)
    y = tf.reshape(pool(conv(y, "conv2d_4", 1, "SAME", groups=2)), (2, 9216))
    for name in ("dense", "dense_1"):
        y = tf.nn.relu(y @ ours[f"{name}/kernel"] + ours[f"{name}/bias"])
    want = (y @ ours["dense_2/kernel"] + ours["dense_2/bias"]).numpy()

    h = x
    for row, weights in zip(model.table, model.layer_weights, strict=True):
        given = {name: w if name == "kernel" else ours[f"{row.name}/{name}"].numpy() for name, w in weights.items()}
        h, _ = row.layer.forward(h, given, quick_engine)
    assert_allclose(h, want, rtol=0, atol=1e-4 * np.abs(want).max())
