"""Files of each edition of the course run as they did on its TensorFlow, and the report names the edition."""

import pytest
from tests.support.checker.lenet_guests import Inside, check, told
from tests.support.lenet5_checks import source
from tests.support.places import CHECKER

from convlens.checker.sandbox.guest_side.editions import edition
from convlens.checker.verdict import FAIL, PASS, UNKNOWN

pytestmark = pytest.mark.frameworks

FIRST = (CHECKER / "lenet_submissions" / "4-first_edition.py").read_text()


@pytest.mark.parametrize(
    ("framework", "text", "number"),
    [
        ("tensorflow", "import tensorflow as tf", 1),
        ("tensorflow", "from tensorflow.contrib import layers", 1),
        ("tensorflow", "import tensorflow.compat.v1 as tf", 2),
        ("tensorflow", "import tensorflow as t\nfrom tensorflow.compat import v1 as tf", 2),
        ("tensorflow", "import numpy as tensorflow", 2),
        ("keras", "import tensorflow.keras as K", 2),
        ("keras", "import tensorflow as tf\nimport tensorflow.keras as K", 2),
        ("keras", "import tensorflow as tf\nfrom tensorflow import keras", 3),
        ("keras", "import tensorflow.keras as K\nK.initializers.HeNormal(seed=0)", 3),
        ("keras", "import tensorflow.keras as K\nK.initializers.HeNormal(seed=None)", 2),
    ],
)
def test_the_imports_tell_the_edition(framework, text, number):
    assert edition(text.encode(), framework) == number


@pytest.mark.parametrize(
    ("name", "said"), [("4-first_edition", "first edition"), ("5-third_edition", "third edition"), ("4-layers", "")]
)
def test_the_report_names_another_edition_than_the_usual_one(tf, name, said):
    text = (CHECKER / "lenet_submissions" / f"{name}.py").read_text()
    loads = check({"4": "tensorflow", "5": "keras"}[name[0]], Inside({"4": "tensorflow", "5": "keras"}[name[0]], text))[
        0
    ]
    assert loads.status == PASS
    assert said in loads.message and bool(said) == bool(loads.message)


def test_tensorflow_2_has_no_contrib(tf):
    text = FIRST.replace("import tensorflow as tf", "import tensorflow.compat.v1 as tf")
    found = {one.name: one for one in check("tensorflow", Inside("tensorflow", text))}
    assert (found["builds"].status, found["builds"].mistake) == (FAIL, "tf_contrib")


def test_a_part_of_contrib_without_a_stand_in_is_not_judged(tf):
    text = FIRST.replace("contrib.layers.flatten", "contrib.slim.flatten")
    found = {one.name: one for one in check("tensorflow", Inside("tensorflow", text))}
    assert found["builds"].status == UNKNOWN
    assert "contrib.slim" in found["builds"].message


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("initializer()", "initializer(factor=1.0)", "initializer_scale"),
        ("initializer()", 'initializer(mode="FAN_AVG")', "initializer_other"),
        ("variance_scaling_initializer()", "xavier_initializer()", "initializer_missing"),
    ],
)
def test_a_wrong_initializer_of_contrib_is_found(tf, old, new, mistake):
    found = {one.name: one for one in check("tensorflow", Inside("tensorflow", FIRST.replace(old, new)))}
    assert found["start"].mistake == mistake


def test_nothing_changes_for_other_code(tf):
    before = dict(vars(tf.compat.v1))
    assert told(check("tensorflow", Inside("tensorflow", FIRST))) == []
    assert dict(vars(tf.compat.v1)) == before
    assert told(check("tensorflow", Inside("tensorflow", source("tensorflow")))) == []
