"""A specification holds every field of every layer, and each fault of a specification is named."""

import json
import re
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest

from convlens import nn
from convlens.models.alexnet import INPUT_SHAPE, LAYERS
from convlens.nn import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D
from convlens.nn.specification import from_specification, layer_words, read_specification, to_specification

STACK = (Conv2D(4, (2, 3), strides=(1, 2), padding=((1, 0), (0, 2)), activation="tanh"), Flatten(), Dense(3))


def there_and_back(layers, shape=(9, 8, 1), name="mine", dtype=np.float32):
    return from_specification(json.loads(json.dumps(to_specification(layers, shape, name, dtype))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_equal(dtype):
    assert there_and_back(STACK, (9, 8, 1), "mine", dtype) == (STACK, (9, 8, 1), "mine", np.dtype(dtype))
    assert there_and_back(LAYERS, INPUT_SHAPE).layers == LAYERS


def test_every_field_is_written():
    written = to_specification(STACK, (9, 8, 1), "mine", np.float32)
    assert {key: written[key] for key in ("format", "version", "name", "input_shape", "dtype")} == {
        "format": "convlens network",
        "version": 1,
        "name": "mine",
        "input_shape": [9, 8, 1],
        "dtype": "float32",
    }
    for layer, found in zip(STACK, written["layers"], strict=True):
        assert found["layer"] == type(layer).__name__
        assert found.keys() - {"layer"} == {field.name for field in fields(layer)} - {"name"}
    assert written["layers"][0]["padding"] == [[1, 0], [0, 2]]


def test_a_specification_may_leave_defaults_out():
    found = from_specification(
        {
            "format": "convlens network",
            "version": 1,
            "input_shape": [6, 5, 1],
            "layers": [{"layer": "MaxPooling2D"}, {"layer": "Flatten"}, {"layer": "Dense", "units": 2}],
        }
    )
    assert found == ((MaxPooling2D(), Flatten(), Dense(2)), (6, 5, 1), "sequential", np.dtype("float32"))


@dataclass(frozen=True)
class Block(Layer):
    """A layer that holds layers."""

    layers: tuple[Layer, ...]
    shortcut: Layer | None = None
    kind: ClassVar[str] = "block"


@dataclass(frozen=True)
class Mine(Dropout):
    """A layer of a user's own."""


def test_layers_within_layers_come_back(monkeypatch):
    kinds = {"Block": Block, "Conv2D": Conv2D, "Dropout": Dropout, "Flatten": Flatten}
    monkeypatch.setattr("convlens.nn.specification._known", lambda: kinds)
    inner = (Conv2D(2, (3, 1), padding="same"), Block((Flatten(),), Dropout(0.25)))
    assert there_and_back([Block(inner)]).layers == (Block(inner),)
    with pytest.raises(
        ValueError, match=r"^layer 1 \(Block\), layers 2 must be one of convlens's own layers.*got .*Mine"
    ):
        to_specification([Block((Flatten(), Mine(0.5)))], (4, 3, 1), "mine", np.float32)
    with pytest.raises(ValueError, match=r"^layer 1 \(Block\), layers 1 \(Flatten\) must have only the fields"):
        from_specification(changed(layers=[{"layer": "Block", "layers": [{"layer": "Flatten", "x": 1}]}]))


def test_what_could_not_be_built_again_is_refused():
    with pytest.raises(ValueError, match=r"^layer 2 must be one of convlens's own layers, so that .* got .*\.Mine$"):
        to_specification([Flatten(), Mine(0.5)], (4, 3, 1), "mine", np.float32)
    impostor = type("Flatten", (Flatten,), {})
    with pytest.raises(ValueError, match=r"^layer 1 must be one of convlens's own layers"):
        to_specification([impostor()], (4, 3, 1), "mine", np.float32)


WRITTEN = to_specification(STACK, (9, 8, 1), "mine", np.float32)


def changed(**parts):
    return {**WRITTEN, **parts}


def dense(**parts):
    return changed(layers=[{"layer": "Dense", **parts}])


FAULTS = [
    ([], 'a specification must be JSON with "format": "convlens network"; got list'),
    ({}, 'a specification must be JSON with "format": "convlens network"; got None'),
    (changed(format="keras"), 'a specification must be JSON with "format": "convlens network"; got \'keras\''),
    (
        changed(version=2),
        "a specification must be of version 1; got version 2: a later version of convlens wrote it",
    ),
    (changed(version="1"), "a specification must be of version 1; got version '1'"),
    (changed(version=True), "a specification must be of version 1; got version True"),
    (
        changed(weights=[]),
        "a specification must have only format, version, name, input_shape, dtype, layers; got 'weights' too",
    ),
    (changed(layers=[]), "a specification's layers must be a list that is not empty; got []"),
    (changed(layers={}), "a specification's layers must be a list that is not empty; got {}"),
    (changed(input_shape=28), "a specification's input_shape must be a list that is not empty; got 28"),
    (
        changed(input_shape=[28, 28.0]),
        "a specification's input_shape must be integers of at least 1; got [28, 28.0]",
    ),
    (changed(input_shape=[0, 28]), "a specification's input_shape must be integers of at least 1; got [0, 28]"),
    (changed(name=3), "a specification's name must be a text that is not empty; got 3"),
    (changed(dtype="int8"), "a specification's dtype must be float32 or float64; got 'int8'"),
    (changed(layers=["Dense"]), 'layer 1 must have the form {"layer": "Conv2D", …}; got \'Dense\''),
    (changed(layers=[{"units": 3}]), 'layer 1 must have the form {"layer": "Conv2D", …}; got {\'units\': 3}'),
    (dense(), "layer 1 (Dense) must have the field units; it has none"),
    (dense(units="six"), "layer 1 (Dense): units must be an integer of at least 1; got 'six'"),
    (dense(units=[3]), "layer 1 (Dense): units must be an integer of at least 1; got (3,)"),
    (
        dense(units={"layer": "Flatten"}),
        "layer 1 (Dense): units must be an integer of at least 1; got Flatten(",
    ),
    (dense(units=3, name=7), "layer 1 (Dense)"),
]


@pytest.mark.parametrize(("found", "message"), FAULTS)
def test_a_fault_is_named(found, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        from_specification(found)


def test_an_unknown_layer_and_an_unknown_field_are_named_with_what_there_is():
    with pytest.raises(ValueError, match=r"^layer 1 must be one of .*AveragePooling2D.*Conv2D, .*; got 'Transformer'$"):
        from_specification(changed(layers=[{"layer": "Transformer"}]))
    with pytest.raises(ValueError, match=r"^layer 1 \(Dense\) must have only the fields units, .*; got 'unit'$"):
        from_specification(dense(unit=3))
    with pytest.raises(ValueError, match=r"; got 'Layer'$"):
        from_specification(changed(layers=[{"layer": "Layer"}]))


def test_a_text_that_is_no_specification_is_named():
    with pytest.raises(ValueError, match=r"^net\.json must be a specification in JSON; it is not: Expecting"):
        read_specification("layers: 3", "net.json")
    with pytest.raises(ValueError, match=r"^net\.json: a specification must be of version 1; got version 9: a later"):
        read_specification(json.dumps(changed(version=9)), "net.json")
    with pytest.raises(ValueError, match=r"^net\.json must be a specification in JSON; it is not: "):
        read_specification("[" * 100_000, "net.json")
    with pytest.raises(ValueError, match=r"^net\.json must be a specification in JSON; it is not: "):
        read_specification(b"\xff\xfe\xfa", "net.json")


def test_layers_are_told_as_they_are_written():
    assert layer_words(STACK[0]) == ("Conv2D(4, (2, 3), strides=(1, 2), padding=((1, 0), (0, 2)), activation='tanh')")
    assert [layer_words(layer) for layer in STACK[1:]] == ["Flatten()", "Dense(3)"]
    assert layer_words(Block((Flatten(), Dropout(0.5)))) == "Block((Flatten(), Dropout(0.5)))"
    for layer in (*LAYERS, *STACK):
        assert eval(layer_words(layer), vars(nn)) == layer
