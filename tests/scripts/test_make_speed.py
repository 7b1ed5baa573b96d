"""scripts/make_speed.py: the table and the picture hold the figures of the benchmarks, and the limit."""

import re
from xml.etree import ElementTree

import pytest
from scripts import make_speed

pytestmark = pytest.mark.smoke


def rows(**figures):
    return [{"what": what, "measured": value} for what, value in figures.items()]


def test_the_table_has_the_better_of_a_librarys_programs():
    made = make_speed.table(
        rows(
            **{
                "small VGG, training: convlens numba": 1234.5,
                "small VGG, training: torch eager": 700.0,
                "small VGG, training: torch compile": 800.0,
                "small VGG, training: jax jit": 500.0,
                "small VGG, training: times as fast as the fastest peer": 1.543,
                "small VGG, memory of a step after the import: convlens numba": 100.0,
            }
        )
    )
    assert made.splitlines()[2:] == ["| small VGG | 1,230 | 800 | – | 500 | **1.5** |"]
    assert make_speed.into(f"a\n{make_speed.BEGIN}\nold\n{make_speed.END}\nb", made).count(made) == 1
    assert make_speed.into("no marks", made) == "no marks"


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
