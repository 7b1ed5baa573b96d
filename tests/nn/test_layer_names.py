"""The names of layers are those that Keras takes: weights are named "layer/weight" in files."""

import re

import pytest

from convlens.nn import Dense, Input, Sequential


@pytest.mark.parametrize("name", ["", "  ", "a/b", "two\nlines", "nul\0", 5])
def test_a_name_that_files_could_not_hold_is_refused(name):
    message = f"the name of a layer must be a text in one line, not empty and without '/'; got {name!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Sequential([Input((5,)), Dense(2, name=name)])


def test_any_other_text_is_a_name():
    model = Sequential([Input((5,)), Dense(2, name="слой 1.a")])
    assert list(model.named_weights()) == ["слой 1.a/kernel", "слой 1.a/bias"]
