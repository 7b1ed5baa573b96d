"""Every field of every layer, and every activation, is exported to ONNX and Keras or refused by name.

An export must never be wrong without an error. A layer, a field or an activation that is added to convlens fails here
until LAYERS has values for it.
"""

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens import nn
from convlens.engines import specs
from convlens.interop import layers, onnx_layers
from convlens.interop.keras_file import from_keras
from convlens.interop.keras_model import to_keras
from convlens.interop.onnx_model import to_onnx
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, Layer, Sequential
from convlens.ops import ACTIVATIONS

pytestmark = pytest.mark.frameworks

KINDS = [kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer]
IMAGE = (7, 6, 4)
WINDOW: dict[str, list[Any]] = {"strides": [(2, 1), 3], "padding": ["same", "course", ((1, 0), (0, 2))]}
POOL: dict[str, list[Any]] = {"pool_size": [(3, 2), 1], **WINDOW, "padding": ["same", ((1, 0), (0, 2))]}
ACTIVATION = [None, *ACTIVATIONS]

CONV: dict[str, list[Any]] = {**WINDOW, "activation": ACTIVATION, "dilation_rate": [(2, 1), 2], "use_bias": [False]}
BLOCK = (Conv2D(4, (3, 2), padding="same"), nn.BatchNormalization())
SHORTCUT = (Conv2D(4, 1), nn.Dropout(0.5))

CONV |= {"bias_initializer": ["random_normal"], "bias_regularizer": ["l1"]}
KERNEL = {"kernel_initializer": ["glorot_uniform", "truncated_normal(stddev=0.02)"], "kernel_regularizer": ["l2"]}
DEPTHWISE = {"depthwise_initializer": ["lecun_normal"], "depthwise_regularizer": ["l1_l2(l1=0.5, l2=0.25)"]}

PLACES: dict[str, list[Any]] = {"fill_mode": ["wrap"], "interpolation": ["nearest"], "fill_value": [0.5]}

# For each kind: the arguments of a layer, and other values of each of its fields.
LAYERS: dict[str, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    "Conv2D": (
        {"filters": 4, "kernel_size": (3, 2)},
        {"filters": [8], "kernel_size": [(2, 3), 1], **CONV, **KERNEL, "groups": [2, 4]},
    ),
    "DepthwiseConv2D": (
        {"kernel_size": (3, 2)},
        {"kernel_size": [(2, 3), 1], **CONV, **DEPTHWISE, "depth_multiplier": [2]},
    ),
    "SeparableConv2D": (
        {"filters": 5, "kernel_size": (3, 2)},
        {
            **{"filters": [8], "kernel_size": [(2, 3), 1], **CONV, **DEPTHWISE, "depth_multiplier": [2]},
            "pointwise_initializer": ["he_uniform"],
            "pointwise_regularizer": ["l2"],
        },
    ),
    "MaxPooling2D": ({"pool_size": (2, 3)}, POOL),
    "AveragePooling2D": ({"pool_size": (2, 3)}, POOL),
    "GlobalAveragePooling2D": ({}, {"keepdims": [True]}),
    "GlobalMaxPooling2D": ({}, {"keepdims": [True]}),
    "Flatten": ({}, {}),
    "Reshape": ({"target_shape": (6, 28)}, {"target_shape": [(3, -1, 2)]}),
    "ZeroPadding2D": ({}, {"padding": [2, (0, 3), ((1, 0), (0, 2))]}),
    "Identity": ({}, {}),
    "Dense": (
        {"units": 5},
        {
            **{"units": [7], "activation": ACTIVATION, "use_bias": [False], **KERNEL},
            **{"bias_initializer": ["ones"], "bias_regularizer": ["l2"]},
        },
    ),
    "Activation": ({"activation": "gelu"}, {"activation": ACTIVATION}),
    "ReLU": ({}, {"max_value": [0.5], "negative_slope": [0.25], "threshold": [0.125]}),
    "LeakyReLU": ({}, {"negative_slope": [0.25]}),
    "ELU": ({}, {"alpha": [0.5]}),
    "Softmax": ({}, {"axis": [3]}),
    "BatchNormalization": (
        {},
        {"axis": [3], "momentum": [0.5], "epsilon": [0.5], "center": [False], "scale": [False]},
    ),
    "Rescaling": ({"scale": 0.5}, {"scale": [(1.0, 2.0, 0.5, 3.0)], "offset": [0.25, (1.0, -1.0, 0.5, 0.0)]}),
    "Normalization": (
        {"mean": 0.5, "variance": 0.25},
        {"axis": [-1], "mean": [(1.0, 2.0, 0.5, 3.0)], "variance": [(1.0, 2.0, 0.5, 3.0)]},
    ),
    "Dropout": ({"rate": 0.5}, {"rate": [0, 0.25]}),
    "SpatialDropout2D": ({"rate": 0.5}, {"rate": [0, 0.25]}),
    "RandomFlip": ({}, {"mode": ["horizontal", "vertical"]}),
    "RandomRotation": ({"factor": 0.1}, {"factor": [(-0.1, 0.2)], **PLACES}),
    "RandomTranslation": (
        {"height_factor": 0.1, "width_factor": 0.2},
        {"height_factor": [(-0.1, 0.2)], "width_factor": [(0.0, 0.5)], **PLACES},
    ),
    "RandomZoom": ({"height_factor": 0.1}, {"height_factor": [(-0.1, 0.2)], "width_factor": [0.25], **PLACES}),
    "RandomContrast": ({"factor": 0.25}, {"factor": [(0.25, 0.5)], "value_range": [(0.0, 1.0)]}),
    "RandomBrightness": ({"factor": 0.25}, {"factor": [(-0.5, 0.25)], "value_range": [(0.0, 1.0)]}),
    "LocalResponseNormalization": ({}, {"size": [1, 2, 9], "k": [1.0], "alpha": [0.5], "beta": [0.5, 1.0]}),
    "Add": (
        {"branch": BLOCK},
        {
            "branch": [(nn.Add(BLOCK), nn.ReLU()), (Flatten(), Dense(168), nn.Reshape(IMAGE))],
            "shortcut": [SHORTCUT],
            "activation": ACTIVATION,
        },
    ),
}

CASES = [
    pytest.param(kind, {**LAYERS[kind.__name__][0], field: value}, id=f"{kind.__name__} {field} {value}")
    for kind in KINDS
    if kind.__name__ in LAYERS
    for field, value in [("", None), *((f, v) for f, values in LAYERS[kind.__name__][1].items() for v in values)]
]


def network(kind, given):
    """A network with this layer. Its weights and statistics are random, so that a fault changes the prediction."""
    layer = kind(**{field: value for field, value in given.items() if field})
    first = [Flatten()] if kind is Dense else []
    shape = layer.output_shape((math.prod(IMAGE),) if kind is Dense else IMAGE)
    last = [Flatten()] if len(shape) > 1 else []
    model = Sequential([*first, layer, *last, Dense(3)], IMAGE, seed=1, engine="numpy")
    rng = np.random.default_rng(2)
    model.flat += rng.standard_normal(model.flat.size).astype(np.float32) * 0.1
    model.flat_state[...] = rng.uniform(0.3, 2, model.flat_state.size)
    return model


def images():
    return np.random.default_rng(3).standard_normal((3, *IMAGE)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_and_field_has_values(kind):
    assert kind.__name__ in LAYERS, "a new layer needs values in LAYERS"
    fields = {field.name for field in dataclasses.fields(kind)} - {"name"}
    assert set(LAYERS[kind.__name__][1]) == fields, "a new field needs values in LAYERS"


def test_every_activation_is_tested_and_in_the_table():
    assert set(ACTIVATION) == {None, *ACTIVATIONS} and set(layers.ACTIVATIONS) == set(ACTIVATIONS)


def exported(convert, model, given):
    """The exported network, or None if `convert` refuses it with an error that names the layer and the field."""
    try:
        return convert(model)
    except ValueError as error:
        names = [*given, *(str(value) for value in given.values()), *(type(layer).__name__ for layer in model.layers)]
        told = re.fullmatch(r"layer \w+: (.*)", str(error))
        assert told and any(name and name in told[1] for name in names), error
        return None


def onnx_predictions(made):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images()})[0]


@pytest.mark.parametrize(("kind", "given"), CASES)
def test_onnx_predicts_the_same_or_refuses(kind, given):
    model = network(kind, given)
    made = exported(to_onnx, model, given)
    if made is None:
        assert given.get("size") == 2, "only a layer that ONNX Runtime lacks may be refused"
        return
    assert_allclose(onnx_predictions(made), model.probabilities(images()), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("kind", "given"), CASES)
def test_keras_predicts_the_same_or_refuses_and_the_import_gives_the_same_network(keras, kind, given):
    model = network(kind, given)
    made = exported(to_keras, model, given)
    refuses = kind.__name__ == "LocalResponseNormalization" or ("Pooling" in kind.__name__ and "padding" in given)
    refuses |= kind.__name__ in ("DepthwiseConv2D", "SeparableConv2D") and given.get("strides") == (2, 1)
    if made is None:
        assert refuses, "only a layer that Keras lacks may be refused"
        return
    assert_allclose(np.asarray(made(images(), training=False)), model.predict(images()), rtol=0, atol=1e-5)
    back = from_keras(made, engine="numpy")
    assert back.specs() == model.specs()
    assert back.flat.tobytes() == model.flat.tobytes()
    assert back.flat_state.tobytes() == model.flat_state.tobytes()


def test_a_field_that_the_table_does_not_know_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Dilated(Conv2D):
        dilation: int = 1

    class Wider(Dense):
        pass

    model = Sequential([Dilated(2, (3, 2), dilation=2), Flatten(), Dense(3)], IMAGE)
    with pytest.raises(ValueError, match=r"layer conv2d: only .*Conv2D.* can be exported to Keras; got Dilated"):
        to_keras(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn, "Conv2D", Dilated)
        Dilated.__name__ = "Conv2D"  # it stands for a Conv2D with one more field
        with pytest.raises(ValueError, match="layer conv2d: dilation cannot be exported to Keras: its Conv2D has"):
            to_keras(model)
    with pytest.raises(ValueError, match=r"layer dense: only .*Conv2D.* can be exported to Keras; got Wider"):
        to_keras(Sequential([Wider(3)], (4,)))


def test_a_field_of_a_specification_that_the_writer_does_not_know_is_refused():
    class Dilated(Conv2D):
        def specs(self, shape):
            (conv, *rest) = super().specs(shape)
            wider = dataclasses.make_dataclass("Conv", conv._fields)  # Conv with one more field
            wider._asdict = lambda self: {**conv._asdict(), "rounding": (2, 1)}  # type: ignore[attr-defined]
            return (wider(*conv), *rest)

    model = Sequential([Conv2D(2, (3, 2)), Flatten(), Dense(3)], IMAGE)
    row = model.table[0]
    (found, *_) = Dilated(2, (3, 2)).specs(IMAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(onnx_layers.ONNX, type(found), onnx_layers.ONNX[specs.Conv])
        with pytest.raises(ValueError, match=r"layer conv2d: rounding \(2, 1\) of Conv cannot be exported to ONNX"):
            onnx_layers.write_onnx(None, row.name, row.layer, [found], model.layer_weights[0])  # type: ignore[arg-type]  # no graph needed
    with pytest.raises(ValueError, match="layer conv2d: Conv cannot be exported to ONNX; got"):
        onnx_layers.write_onnx(None, row.name, row.layer, [found], model.layer_weights[0])  # type: ignore[arg-type]  # no graph needed


def test_a_layer_may_have_several_nodes():
    class PooledVector(AveragePooling2D):
        def output_shape(self, shape):
            return (math.prod(super().output_shape(shape)),)

        def specs(self, shape):
            pool = self._spec(shape)
            return (pool, specs.Flatten((*pool.out, shape[2])))

        def forward(self, x, weights, engine, rng=None):
            y, saved = super().forward(x, weights, engine, rng)
            return y.reshape(len(y), -1), saved

    model = Sequential([PooledVector((2, 3)), Dense(3)], IMAGE)
    assert_allclose(onnx_predictions(to_onnx(model)), model.probabilities(images()), rtol=0, atol=1e-5)
