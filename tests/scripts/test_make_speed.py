"""scripts/make_speed.py and speed_tables.py: tables and a picture of the benchmarks' figures."""

import re
from xml.etree import ElementTree

import pytest
from scripts import make_speed, speed_tables

pytestmark = pytest.mark.smoke


def rows(**figures):
    return [{"what": what, "measured": value} for what, value in figures.items()]


NETWORK = {
    "small VGG, training: convlens numba": 1234.5,
    "small VGG, training: torch eager": 700.0,
    "small VGG, training: torch compile": 800.0,
    "small VGG, training: jax jit": 500.0,
    "small VGG, training: times as fast as the fastest peer": 1.543,
    "small VGG, training: share of the machine's product speed": 0.713,
    "small VGG, memory of a step after the import: convlens numba": 100.0,
}


def test_the_table_of_networks_has_the_better_of_a_librarys_programs():
    made = speed_tables.networks({"networks": rows(**NETWORK)})
    assert made.splitlines()[1:] == [
        "|---|---|---|---|---|---|---|",
        "| small VGG | 1,230 | 800 | – | 500 | **1.5** | 0.71 |",
    ]


def test_ratios_with_vectors_of_256_bits_are_in_brackets():
    narrow = {"small VGG, training: times as fast as the fastest peer": 1.02}
    made = speed_tables.networks({"networks": rows(**NETWORK), "networks, 256 bits": rows(**narrow)})
    assert "| **1.5 (1.0)** |" in made


def test_the_table_of_training_counts_images():
    seconds = {"convlens numba": 0.5, "torch fused": 5.0, "times as fast as the fastest framework": 10.0}
    made = speed_tables.training({"peers": rows(**{f"LeNet-5 training, batch 16: {k}": v for k, v in seconds.items()})})
    assert "| convlens, Numba | 100,000 |" in made
    assert "| PyTorch, fused Adam | 10,000 |" in made
    assert "| JAX, one jitted step | – |" in made
    assert made.endswith("| convlens by the fastest | **10.0** |")


def test_the_tables_of_predictions_and_operations():
    found = {
        f"{name} prediction, batch {n}: times as fast as ONNX Runtime": 1.25 for name in "ab" for n in ("1", "1,000")
    }
    made = speed_tables.prediction({"inference": rows(**found, **{"a prediction, batch 1: jax jit": 3.0})})
    assert made.splitlines() == [
        "| images at once | 1 | 1,000 |",
        "|---|---|---|",
        "| a | 1.2 | 1.2 |",
        "| b | 1.2 | 1.2 |",
    ]
    found = {"c, 2×3 1×1, forward: numba": 2.0, "c, 2×3 1×1, forward + backward: numba": 0.5, "c, forward: numpy": 9.0}
    assert speed_tables.layers({"layers": rows(**found)}).splitlines()[2:] == ["| c, 2×3 1×1 | 2.0 | 0.50 |"]


def test_a_table_replaces_what_stands_between_its_marks():
    text = "a\n<!-- layers -->\nold\n<!-- /layers -->\nb"
    made = speed_tables.into(text, {})
    assert made == f"a\n<!-- layers -->\n{speed_tables.layers({})}\n<!-- /layers -->\nb"
    assert speed_tables.into("no marks", {}) == "no marks"


def test_the_picture_has_a_panel_for_each_axis_with_the_limit():
    figures = {
        f"growth with {axis}, {x}: {program}": y * x
        for axis in ("threads", "network")
        for x in (1, 2, 12.5)
        for program, y in (("convlens numba", 20.0), ("torch eager", 50.0), ("limit", 11.0))
    }
    root = ElementTree.fromstring(make_speed.draw(rows(**figures)))
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"threads", "convlens", "PyTorch", "12.5"} <= set(texts)
    dashed = [node for node in root.iter() if node.get("stroke-dasharray")]
    assert len(dashed) == 3  # one in the key, one in each panel
    for node in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 < float(node.get("cx", 0)) < 2 * make_speed.WIDTH and float(node.get("cy", 0)) > 0
    with pytest.raises(ValueError, match=re.escape("python -m benchmarks growth")):
        make_speed.draw([])
