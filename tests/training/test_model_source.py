"""`--model`: a name, a function in a file, or a specification. Whatever is wrong with them is one sentence."""

import json
import re

import numpy as np
import pytest

from convlens.models import MODELS, build_model
from convlens.nn import Dense, Flatten, Sequential
from convlens.nn.specification import to_specification
from convlens.training.model_source import Wanted, make_model, short_name

WANTED = Wanted((6, 5, 2), 4, seed=3)

HEAD = "from convlens.nn import Conv2D, Dense, Dropout, Flatten, Input, Sequential\nimport numpy as np\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(code, source="net.py:net"):
    """Write net.py with this code and return the model of `source`."""
    with open("net.py", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(HEAD + code)
    return make_model(source, WANTED, "numpy")


WITH_SEED = """
def net(input_shape, classes, seed):
    return Sequential([Flatten(), Dense(classes, activation="softmax")], input_shape, seed=seed)
"""


def test_a_function_gets_what_it_asks_for(place):
    model = make(WITH_SEED)
    assert (model.name, model.input_shape, model.output_shape, model.end) == ("net", (6, 5, 2), (4,), "softmax")
    assert model.engine.name == "numpy"
    same = Sequential([Flatten(), Dense(4)], (6, 5, 2), seed=3)
    np.testing.assert_array_equal(model.flat, same.flat)


@pytest.mark.parametrize(
    "function",
    [
        "def net():\n    return Sequential([Flatten(), Dense(4)], (6, 5, 2), name='mine')",
        "def net(classes, units=3, *, input_shape):\n"
        "    return Sequential([Flatten(), Dense(units), Dense(classes)], input_shape)",
        "def net(**given):\n    return Sequential([Flatten(), Dense(given['classes'])], given['input_shape'])",
        "def net(classes):\n    return Sequential([Flatten(), Dense(classes)])",  # built with the data's shape
        "def net(input_shape, classes):\n    return Sequential([Input(input_shape), Flatten(), Dense(classes)])",
        "net = lambda input_shape: Sequential([Flatten(), Dense(4)], input_shape)",
        "from beside import net",
    ],
)
def test_every_form_of_function(place, function):
    (place / "beside.py").write_text(HEAD + WITH_SEED)
    assert make(function).output_shape == (4,)


def test_the_only_function_of_a_file_needs_no_name(place):
    assert make(WITH_SEED, "net.py").name == "net"


def test_a_specification(place):
    layers = (Flatten(), Dense(4))
    path = place / "own.json"
    path.write_text(json.dumps(to_specification(layers, (6, 5, 2), "sequential", np.float32)))
    model = make_model("own.json", WANTED)
    assert (model.name, model.descriptions) == ("own", layers)
    np.testing.assert_array_equal(model.flat, Sequential(layers, (6, 5, 2), seed=3).flat)
    for wanted, message in (
        (WANTED._replace(classes=5), "the network's output must be (5,), one number for each class; it is (4,)"),
        (
            WANTED._replace(input_shape=(6, 6, 2)),
            "the network must take images (6, 6, 2), as the data have them; it takes (6, 5, 2)",
        ),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(f'own.json: {message}')}$"):
            make_model("own.json", wanted)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"^own\.json must be a specification in JSON; it is not: "):
        make_model("own.json", WANTED)


def test_a_name(place):
    model = make_model("lenet5", Wanted((14, 13, 3), 7, seed=2))
    assert model.flat.tobytes() == build_model("lenet5", input_shape=(14, 13, 3), classes=7, seed=2).flat.tobytes()


FAULTS = {
    "it raises": (
        "def net(classes):\n    width = 1\n    return width / 0",
        "net.py:5: net raised ZeroDivisionError: division by zero",
    ),
    "it raises deep inside": (
        "def net(classes):\n    return layer(0)\n\ndef layer(units):\n    return Dense(units)",
        "net.py:7: net raised ValueError: units must be an integer of at least 1; got 0",
    ),
    "it exits": ("def net():\n    exit('no')", "net.py:4: net raised SystemExit: no"),
    "it returns nothing": (
        "\ndef net():\n    pass",
        "net.py:4: net must return a convlens Sequential; it returned None",
    ),
    "it returns a list": (
        "def net():\n    return []",
        "net.py:3: net must return a convlens Sequential; it returned list",
    ),
    "too few outputs": (
        "def net(input_shape):\n    return Sequential([Flatten(), Dense(3)], input_shape)",
        "net.py:3: the network's output must be (4,), one number for each class; it is (3,)",
    ),
    "no vector": (
        "def net(input_shape):\n    return Sequential([Conv2D(4, 2)], input_shape)",
        "net.py:3: the network's output must be (4,), one number for each class; it is (5, 4, 4)",
    ),
    "other images": (
        "def net():\n    return Sequential([Flatten(), Dense(4)], (28, 28, 1))",
        "net.py:3: the network must take images (6, 5, 2), as the data have them; it takes (28, 28, 1)",
    ),
    "images that are too small": (
        "def net(input_shape):\n    return Sequential([Conv2D(4, 7)], input_shape)",
        "net.py:4: net raised ValueError: layer conv2d: the kernel must fit into the padded input; got kernel (7, 7), "
        "padded input (6, 5)",
    ),
    "a layer of one's own": (
        "class Own(Dropout):\n    pass\n\ndef net(input_shape):\n"
        "    return Sequential([Own(0.5), Flatten(), Dense(4)], input_shape)",
        "net.py:6: layer 1 must be one of convlens's own layers, so that it can be built again; got net.Own",
    ),
    "weights that are not finite": (
        "def net(input_shape):\n    model = Sequential([Flatten(), Dense(4)], input_shape)\n"
        "    model.flat[0] = np.nan\n    return model",
        "net.py:3: the network's weights must be finite; dense/kernel is not",
    ),
    "an argument": (
        "def net(classes, depth):\n    pass",
        "net.py:3: convlens gives the keyword arguments input_shape, classes, seed; depth needs a default value",
    ),
    "no such function": ("def other():\n    pass", "net.py must have the function net; its functions are other"),
    "no function": ("", "net.py must have the function net; it has no function"),
    "a number": ("net = 3", "net.py: net must be a function that returns a Sequential; it is int"),
    "a syntax error": ("def net(:", "net.py:3: net.py must be a Python file; SyntaxError: invalid syntax"),
    "an import that fails": (
        "import no_such_module",
        "net.py:3: the file raised ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "an error of the file": ("raise RuntimeError('two\\nlines')", "net.py:3: the file raised RuntimeError: two lines"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_with_a_function_is_one_sentence(place, case):
    code, message = FAULTS[case]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(code)


def test_a_file_that_is_not_python_or_not_there(place):
    (place / "picture.py").write_bytes(b"\x89PNG\r\n\x00\xff")
    message = "picture.py: picture.py must be a Python file; SyntaxError: source code string cannot contain null bytes"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make_model("picture.py:net", WANTED)
    for source in ("none.py:net", "none.py", "none.json"):
        with pytest.raises(FileNotFoundError, match=rf"^--model needs a file that exists; there is no {source[:7]}"):
            make_model(source, WANTED)
    message = "--model needs the name of a function, net.py:FUNCTION; its functions are a, b"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make("def a(): ...\ndef b(): ...\n", "net.py")
    message = f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got 'resnet'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make_model("resnet", WANTED)


def test_names_for_folders():
    assert [short_name(s) for s in ("lenet5", "nets/own.py:small", "nets/own.json", r"C:\own.py:small")] == [
        *("lenet5", "small", "own", "small")
    ]
