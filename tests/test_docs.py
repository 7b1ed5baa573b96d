"""The Python code of the pages in docs/ runs unchanged. Their commands, options, files and links exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.support.pages import check_commands, code, links
from tests.support.places import ROOT

PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
WITH_CODE = [name for name, page in PAGES.items() if code(page, "python")]
WITH_COMMANDS = [name for name, page in PAGES.items() if code(page, "sh")]


def pictures(folder: Path) -> None:
    """Write a folder of pictures of two classes."""
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for k in range(5):
            Image.new("RGB", (20 + k, 15), (40 * k, 200 * label, 90)).save(folder / name / f"{k}.png")


@pytest.mark.parametrize("name", WITH_CODE)
def test_python_blocks_run_one_after_the_other(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "cache"))
    pictures(tmp_path / "pictures")
    names: dict[str, Any] = {}
    for block in code(PAGES[name], "python"):
        exec(compile(block, f"docs/{name}.md", "exec"), names)
    if name == "data":
        assert names["data"].class_names == ("cat", "dog") and names["data"].x_train.shape[1:] == (48, 64, 3)
    if name == "networks":
        assert names["small"]((28, 20, 1), 7, 0).output_shape == (7,)
        assert names["model"].evaluate(names["digits"].x_valid, names["digits"].y_valid, verbose=0)[1] > 0.9
        assert (names["again"].flat == names["model"].flat).all()


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands_and_their_options_exist(name):
    assert check_commands(PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_exist(name):
    for target in links(PAGES[name]):
        assert (ROOT / "docs" / target).exists(), target


def test_the_pages_name_every_model_layer_and_option():
    """What is added to the tables of the code is added to the page."""
    from convlens import nn
    from convlens.data.file_kinds import PICTURES
    from convlens.models import MODELS
    from convlens.nn.optimizers import OPTIMIZERS
    from convlens.ops import ACTIVATIONS
    from convlens.training.options import AUGMENT

    page = set(re.findall(r"\w+", PAGES["networks"]))
    layers = {
        name
        for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Layer) and name != "Layer"
    }
    assert {*MODELS, *layers, *OPTIMIZERS, *ACTIVATIONS, *AUGMENT} <= page
    assert set(PICTURES) <= set(re.findall(r"\w+", PAGES["data"]))
