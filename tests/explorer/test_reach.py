"""The cells that light up: through many layers they are those that a change would reach."""

import numpy as np
import pytest
from tests.support import kinds_of_layers
from tests.support.browser_networks import ask, given

from convlens.models.lenet5 import lenet5
from convlens.nn import Sequential


def reaches(page, model, node, cell, depth=None):
    x = np.zeros((1, *model.input_shape), np.float32)
    about = {"node": node, "cell": cell} | ({} if depth is None else {"depth": depth})
    return ask(page, "reaches", given(model, x) | about, "sums.js")


def test_the_window_of_a_cell_of_lenet5(engine_page):
    """5 × 5 of the second convolution are 10 × 10 before the pool, and 14 × 14 pixels; here none is padding."""
    model = lenet5((28, 28, 1), engine="numpy")
    found = reaches(engine_page, model, 4, [3, 4, 7])
    rows, columns = np.nonzero(np.reshape(found["input"], (28, 28)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 17, 6, 19)
    assert len(rows) == 14 * 14
    assert found["input"] == found["back"]
    assert dict(found["counts"]) == {4: 1, 3: 25 * 6, 2: 100 * 6, 1: 100 * 6, 0: 14 * 14}
    assert dict(reaches(engine_page, model, 4, [3, 4, 7], depth=2)["counts"]) == {4: 1, 3: 25 * 6, 2: 100 * 6}


@pytest.mark.parametrize("name", kinds_of_layers.NETWORKS)
def test_upstream_and_downstream_are_one_relation(engine_page, name):
    layers, shape = kinds_of_layers.NETWORKS[name]
    model = Sequential(layers, shape, engine="numpy")
    nodes = ask(engine_page, "run", given(model, np.zeros((1, *shape), np.float32), labels=[0]))["nodes"]
    for k in range(1, len(nodes), 3):
        cell = [size // 2 for size in nodes[k]["y"]["shape"][1:]]
        found = reaches(engine_page, model, k, cell)
        assert found["input"] == found["back"]
        assert sum(found["input"]) > 0
