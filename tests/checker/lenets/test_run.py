"""A file of task 5 that only a later Keras refuses is judged with Keras 2, and the report says so."""

from contextlib import nullcontext

import pytest
from tests.support.checker.lenet_guests import PARSES, Inside
from tests.support.lenet5_checks import source

from convlens.checker.lenets.run import run
from convlens.checker.options import Options
from convlens.checker.verdict import FAIL, PASS

pytestmark = pytest.mark.frameworks

ADAM = "K.optimizers.Adam()"
MODEL = "model = K.Model(inputs=X, outputs=Y)"


def findings(text):
    begun = []

    def open_guest(more):
        begun.append(more)
        return nullcontext(Inside(more.pop("framework"), text, **more))

    return {one.name: one for one in run("keras", open_guest, [PARSES], Options())}, len(begun)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (MODEL, f"assert X.get_shape().as_list()[1:] == [28, 28, 1]\n    {MODEL}"),
        (ADAM, "K.optimizers.legacy.Adam()"),
    ],
)
def test_a_right_file_for_keras_2_passes(tf, old, new):
    found, times = findings(source("keras").replace(old, new))
    assert {one.status for one in found.values()} == {PASS}, found
    assert "Keras 2" in found["loads"].message
    assert times == 2


@pytest.mark.parametrize(
    ("old", "new", "mistake", "times"),
    [
        ("", "", None, 1),
        ("K.layers.Flatten", "K.layers.flatten", "unknown_name", 2),
        ("outputs=Y", "outputs=y", "undefined_name", 1),
        (ADAM, "K.optimizers.legacy.SGD()", "optimizer_not_adam", 2),
    ],
)
def test_a_mistake_stays_one(tf, old, new, mistake, times):
    found, runs = findings(source("keras").replace(old, new))
    failures = [one.mistake for one in found.values() if one.status == FAIL]
    assert failures[:1] == ([mistake] if mistake else [])
    assert runs == times
