"""The table of layers equals convlens's network, and the first difference from it is reported."""

import dataclasses

import pytest

from convlens.checker.lenets.layer_difference import layer_difference
from convlens.checker.lenets.layer_table import WANTED, from_graph
from convlens.models.lenet5 import LAYERS
from convlens.nn import Conv2D, Dense, MaxPooling2D


def test_the_table_equals_convlens_s_network():
    layers = [layer for layer in LAYERS if isinstance(layer, Conv2D | MaxPooling2D | Dense)]
    assert len(layers) == len(WANTED)
    for layer, facts in zip(layers, WANTED, strict=True):
        if isinstance(layer, Dense):
            assert (facts.kind, facts.units) == ("dense", layer.units)
        elif isinstance(layer, Conv2D):
            want = ("convolution", layer.kernel_size, layer.filters, layer.strides, layer.padding)
            assert (facts.kind, facts.size, facts.units, facts.strides, facts.padding) == want
        else:
            assert (facts.kind, facts.size, facts.strides) == ("max pool", layer.pool_size, layer.strides)


CHANGES = [
    (0, {"padding": "valid"}, 'layer 1, convolution: padding "valid"; the task says "same"', "padding_valid"),
    (2, {"padding": "same"}, 'layer 3, convolution: padding "same"; the task says "valid"', "padding_same"),
    (2, {"size": (5, 3)}, "layer 3, convolution: kernels of 5 × 3; the task says 5 × 5", "kernel_size"),
    (2, {"strides": (2, 2)}, "layer 3, convolution: strides 2 × 2; the task says 1 × 1", "conv_stride"),
    (1, {"kind": "average pool"}, "layer 2 is average pool; the task says max pool", "average_pool"),
    (3, {"size": (3, 3)}, "layer 4, max pool: windows of 3 × 3; the task says 2 × 2", "pool_size"),
    (3, {"strides": (1, 1)}, "layer 4, max pool: strides 1 × 1; the task says 2 × 2", "pool_stride"),
    (4, {"units": 100}, "layer 5, dense: 100 outputs; the task says 120", "units"),
    (5, {"bias": False}, "layer 6, dense: no bias is added", "no_bias"),
    (5, {"activations": ()}, "layer 6, dense: no activation; the task says relu", "activation_missing"),
    (5, {"activations": ("softmax",)}, "layer 6, dense: softmax, which belongs only to layer 7", "softmax_wrong_layer"),
    (6, {"activations": ()}, "layer 7, dense: no activation; the task says softmax", "softmax_missing"),
    (6, {"activations": ("relu", "softmax")}, "layer 7, dense: relu and softmax; the", "relu_on_logits"),
]


@pytest.mark.parametrize(("place", "change", "message", "mistake"), CHANGES)
def test_a_layer_that_differs_is_reported(place, change, message, mistake):
    layers = list(WANTED)
    layers[place] = dataclasses.replace(layers[place], **change)
    found = layer_difference(layers)
    assert found is not None
    assert found.message.startswith(message)
    assert found.mistake == mistake


def test_missing_and_additional_layers_are_reported():
    assert layer_difference(WANTED) is None
    few, many = layer_difference(WANTED[:6]), layer_difference([*WANTED, WANTED[1]])
    assert few is not None and few.message == "layer 7, dense is missing"
    assert many is not None and many.message == "there is one more layer after layer 7, dense: max pool"


def test_a_pool_that_adds_no_zeros_is_accepted():
    layers = [dataclasses.replace(layer, padding="same") if layer.is_pool else layer for layer in WANTED]
    assert layer_difference(layers) is None


def test_a_layer_left_out_in_the_middle_is_named_and_the_others_keep_their_places():
    strided = dataclasses.replace(WANTED[2], strides=(2, 2))
    layers = [*WANTED[:2], strided, *WANTED[4:]]
    for unused, said, mistake in (
        ([], "layer 4, max pool is missing", "layer_missing"),
        (["max pool"], "the output of layer 4, max pool, is not used", "layer_unused"),
    ):
        found = layer_difference(layers, unused)
        assert found == (said, mistake)


def test_a_second_relu_changes_nothing():
    operations = [{"type": kind, "variables": [0], "out": [None, 120]} for kind in ("MatMul", "Relu", "Relu")]
    assert from_graph(operations, [(400, 120)])[0].activations == ("relu",)
