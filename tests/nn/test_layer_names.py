"""The names of layers and networks are those that Keras takes: weights are named "layer/weight" in files."""

import re

import numpy as np
import pytest

from convlens import load_model
from convlens.nn import Add, Dense, Input, Sequential
from convlens.training.model_file import build, describe

WRONG = ["", "  ", "a/b", "../a", "two\nlines", "nul\0", "\x1b[31mred", "a\u2028b", "a\u202eb", "\ud800"]


def model(**names):
    """Return a network with the names of its parts: network, layer, inner."""
    inner = Add((Dense(5, name=names.get("inner")),))
    return Sequential([Input((5,)), inner, Dense(2, name=names.get("layer"))], name=names.get("network"))


@pytest.mark.parametrize("name", [*WRONG, 5])
@pytest.mark.parametrize("place", ["layer", "inner"])
def test_a_name_that_files_could_not_hold_is_refused(name, place):
    message = f"the name of a layer must be a text in one line, not empty and without '/'; got {name!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        model(**{place: name})


@pytest.mark.parametrize("name", WRONG)
def test_the_name_of_a_network_is_a_folder_and_follows_the_same_rule(name):
    message = f"the name of a network must be a text in one line, not empty and without '/'; got {name!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        model(network=name)


@pytest.mark.parametrize("place", ["network", "layer", "inner"])
def test_a_name_has_an_end(place):
    what = "network" if place == "network" else "layer"
    model(**{place: "名" * 200})
    with pytest.raises(ValueError) as caught:
        model(**{place: "x" * 5000})
    said = f"the name of a {what} must have at most 200 letters; got 5,000 letters, '{'x' * 59}…"
    assert str(caught.value) == said


def test_a_specification_altered_by_hand_follows_the_same_rule():
    written = describe(model())
    with pytest.raises(ValueError, match="the name of a network must be a text in one line"):
        build({**written, "name": "a\nb"})
    written["layers"][-1]["name"] = "a\nb"
    with pytest.raises(ValueError, match="the name of a layer must be a text in one line"):
        build(written)


def test_any_other_text_is_a_name(tmp_path):
    network = model(network="-x {a} %s <b>", layer="слой 1.a", inner="a:b\\c")
    assert list(network.named_weights())[-2:] == ["слой 1.a/kernel", "слой 1.a/bias"]
    network.save(tmp_path / "x.safetensors")
    again = load_model(tmp_path / "x.safetensors")
    assert again.name == network.name
    assert np.array_equal(again.flat, network.flat)
