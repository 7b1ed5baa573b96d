"""Shared by the tests of the explorer: Chromium, a small network with its data, and its application."""

import numpy as np
import pytest
from tests.support import small
from tests.support.asgi import Client
from tests.support.chromium import ENGINE, chromium, module_page
from tests.support.places import COURSEWORK, ROOT

from convlens import nn
from convlens.explorer.course_code import CourseCode
from convlens.explorer.data import chosen_pictures, page_data, pictures_to_json, training_pictures
from convlens.explorer.save import Saver
from convlens.explorer.server import Services, application
from convlens.explorer.uploads import picture_reader
from convlens.training import Settings
from convlens.training.stored_images import of_digits

__all__ = ["chromium"]

TOKEN, PORT = "a-token-for-tests", 8123


@pytest.fixture(scope="session")
def network():
    """A small network for digits. Most tests need no more."""
    layers = [nn.Conv2D(3, (5, 4), strides=(3, 2), activation="relu"), nn.MaxPooling2D(2), nn.Flatten(), nn.Dense(10)]
    return nn.Sequential(layers, (28, 28, 1), engine="numpy")


@pytest.fixture(scope="session")
def digits():
    return small.digits()


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The file of a page with a LeNet-5 that is not trained."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    assert small.run("explore", "lenet5", "--export", path).code == 0
    return path


@pytest.fixture(scope="session")
def engine_page(chromium):
    """A page that imports the browser's engine, and the modules in tests/explorer that ask it."""
    page = module_page(chromium, ENGINE, ROOT / "tests" / "explorer")
    yield page
    page.close()


@pytest.fixture
def services(network, digits, tmp_path):
    """All that the page can ask for, with runs in a folder of the test's own."""
    images, count = of_digits(digits), iter(range(1000))
    few = chosen_pictures(digits, images, network.input_shape)
    training = pictures_to_json(training_pictures(digits, images, network.input_shape), images)
    made = Services(
        page_data(network, images, few, None, {"code": True, "picture": True, "save": True, "training": True}),
        lambda: training,
        CourseCode(COURSEWORK),
        picture_reader(images, network.input_shape),
        Saver(network, digits, Settings(), lambda: tmp_path / f"run-{next(count)}"),
    )
    yield made
    made.close()


@pytest.fixture
def client(services):
    """A client that asks as the page does."""
    with Client(application(services, TOKEN, PORT), TOKEN, PORT) as asking:
        yield asking


@pytest.fixture
def arrays(rng):
    """A_prev (1, 7, 6, 2), W (3, 2, 2, 4), b (1, 1, 1, 4)"""
    shapes = {"A_prev": (1, 7, 6, 2), "W": (3, 2, 2, 4), "b": (1, 1, 1, 4)}
    return {name: rng.standard_normal(shape).astype(np.float64) for name, shape in shapes.items()}
