"""The summary of the AlexNet paper: its page is up to date, and its numbers agree with the model."""

import importlib.util
import math
import re

import pytest
from tests.support.places import ROOT

from convlens.models.alexnet import INPUT_SHAPE, LAYERS

FOLDER = ROOT / "0x07-cnn"
TEXT = (FOLDER / "6-alexnet.md").read_text(encoding="utf-8")


def test_the_page_is_made_from_the_current_text():
    pytest.importorskip("markdown_it")
    spec = importlib.util.spec_from_file_location("make_summary", ROOT / "scripts" / "make_summary.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (FOLDER / "6-alexnet.html").read_text(encoding="utf-8") == made.page(TEXT, FOLDER), "run `make summary`"


def test_the_page_loads_no_other_file():
    page = (FOLDER / "6-alexnet.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count('src="data:image/') == TEXT.count("![") >= 6


def test_the_pictures_exist():
    for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT):
        assert (FOLDER / name).stat().st_size > 1000, name


def test_the_table_agrees_with_the_model():
    shape: tuple[int, ...] = INPUT_SHAPE
    parameters, products = [], []
    for layer in LAYERS:
        out = layer.output_shape(shape)
        if sizes := layer.weight_shapes(shape):
            parameters.append(sum(map(math.prod, sizes.values())))
            windows = math.prod(out[:-1]) if len(out) == 3 else 1
            products.append(windows * math.prod(sizes["kernel"]))
        shape = out
    rows = re.findall(r"^\| (?:convolution|dense) .*$", TEXT, re.MULTILINE)
    assert len(rows) == len(parameters) == 8
    for row, count, times in zip(rows, parameters, products, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[4] == f"{count:,}"
        assert cells[5] == f"{count / sum(parameters):.2%}".replace("%", " %")
        assert cells[6] == f"{times / 1e6:.0f} million"
        assert cells[7] == f"{times / sum(products):.1%}".replace("%", " %")
    assert f"**{sum(parameters):,}**" in TEXT and f"**{sum(products) / 1e6:.0f} million**" in TEXT


def test_the_example_of_groups_gives_a_grouped_convolution():
    import numpy as np

    from convlens import ops
    from convlens.course import load_task

    rng = np.random.default_rng(0)
    given = {
        "np": np,
        "conv_forward": load_task("conv_forward").conv_forward,
        "relu": lambda z: np.maximum(z, 0),
        "A_prev": rng.standard_normal((1, 6, 5, 96)),
        "W": rng.standard_normal((5, 5, 48, 256)),
        "b": rng.standard_normal((1, 1, 1, 256)),
    }
    (example,) = re.findall(r"```python\n(half = .*?)```", TEXT, re.DOTALL)
    exec(example, given)
    z = ops.conv2d_forward(given["A_prev"], given["W"], given["b"].ravel(), padding="course", groups=2)
    np.testing.assert_allclose(given["A"], np.maximum(z, 0), rtol=1e-10, atol=1e-10)


def test_the_example_of_normalisation_has_the_right_numbers():
    import numpy as np

    from convlens import ops

    x = np.zeros((1, 1, 1, 9))
    x[..., 4] = 100
    alone = ops.local_response_norm_forward(x)[0, 0, 0, 4]
    x[..., 3] = x[..., 5] = 100
    among = ops.local_response_norm_forward(x)[0, 0, 0, 4]
    assert f"= {alone:.1f}; if" in TEXT and f"= {among:.1f}." in TEXT
