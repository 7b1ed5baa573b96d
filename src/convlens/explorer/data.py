"""What a page gets: networks with their specification and weights, pictures with labels, and the run's history.

    {"networks": [{"name", "specification", "layers", "images", "weights", "about"}], "pictures": {…} or None,
     "run": {"name", "history"} or None, "server": {"code", "picture", "save", "training"} or None}

Weights are a safetensors file in base64; about is the text with which the page writes a model's file. Pictures are
{"shape", "dtype", "data", "labels", "class_names", "training"}: data in base64, little-endian; of dtype "uint8" they
are levels, and a network gets level · images.scale; of dtype "float32" a network gets them as they are. The first
`training` pictures are of the training part, the others of the part that the network was not trained on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.data import Digits
from convlens.explorer.packed import pack, to_base64
from convlens.nn import Sequential
from convlens.ops.losses import Labels
from convlens.storage.tensors import tensors_to_bytes
from convlens.training.matching import as_trained
from convlens.training.model_file import about_model, describe
from convlens.training.stored_images import Images

__all__ = ["MOST_PICTURES", "Pictures", "chosen_pictures", "page_data", "pictures_to_json", "training_pictures"]

MOST_PICTURES = 200
_HELD_BACK = 4  # one of so many pictures is of the part that is not trained on
_MOST_WEIGHTS = 16_000_000  # 64 MB in float32
_MOST_BYTES, _MOST_TRAINING = 2**22, 2**24  # of the pixels of the pictures, and of the whole training part


class Pictures(NamedTuple):
    """Pictures as a network gets them, x (n, h, w, c), their labels y (n,), and how many of them are for training."""

    x: NDArray[np.float32]
    y: Labels
    training: int


def chosen_pictures(
    digits: Digits, images: Images, input_shape: tuple[int, ...], most: int = MOST_PICTURES
) -> Pictures:
    """Return pictures of a data set, equally many of each class: three of four to train on, the others held back.

    Raises ValueError as `as_trained` does, if the data do not fit the network.
    """
    held = "valid" if len(digits.y_valid) else "test"
    size = int(np.prod(input_shape))
    most = max(2, min(most, _MOST_BYTES // size))
    x, y = [], []
    for part, count in (("train", most - most // _HELD_BACK), (held, most // _HELD_BACK)):
        inputs, labels, _ = as_trained(digits, [part], images, input_shape)
        some = in_turn(labels, count)
        x.append(np.asarray(inputs[some], np.float32))
        y.append(labels[some])
    return Pictures(np.concatenate(x), np.concatenate(y), len(y[0]))


def training_pictures(digits: Digits, images: Images, input_shape: tuple[int, ...]) -> Pictures:
    """Return the training part, or as much of its beginning as a page can hold."""
    inputs, labels, _ = as_trained(digits, ["train"], images, input_shape)
    some = slice(0, max(1, _MOST_TRAINING // int(np.prod(input_shape))))
    return Pictures(np.asarray(inputs[some], np.float32), labels[some], len(labels[some]))


def in_turn(labels: Labels, count: int) -> NDArray[np.int64]:
    """Return the indices of the first of each class, then the second of each class, and so on: at most `count`.

    >>> in_turn(np.array([1, 1, 0, 0, 1]), 3).tolist()
    [2, 0, 3]
    """
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        of_label = np.flatnonzero(labels == label)
        rank[of_label] = np.arange(len(of_label))
    found: NDArray[np.int64] = np.lexsort((labels, rank))[:count]
    return found


def page_data(
    model: Sequential,
    images: Images,
    pictures: Pictures | None = None,
    run: Mapping[str, Any] | None = None,
    server: Mapping[str, bool] | None = None,
) -> dict[str, Any]:
    """Return what a page gets, as JSON data. Raises ValueError for a network that no page can show.

    That is one that is too large, or whose input is no picture (h, w, channels).
    """
    if len(model.input_shape) != 3:
        raise ValueError(
            f"explore needs a network of pictures (h, w, channels); {model.name} takes {model.input_shape}: "
            "convlens import --size WxH makes pictures of the numbers"
        )
    if model.count_params() > _MOST_WEIGHTS:
        raise ValueError(
            f"explore needs a network of at most {_MOST_WEIGHTS:,} weights; {model.name} has {model.count_params():,}"
        )
    return {
        "networks": [_network(model, images)],
        "pictures": None if pictures is None else pictures_to_json(pictures, images),
        "run": None if run is None else dict(run),
        "server": None if server is None else dict(server),
    }


def _network(model: Sequential, images: Images) -> dict[str, Any]:
    return {
        "name": model.name,
        "specification": describe(model),
        "layers": [
            {
                "name": row.name,
                "kind": type(row.layer).__name__,
                "shape": list(row.output_shape),
                "parameters": row.parameters,
                "trained": k not in model.frozen,
            }
            for k, row in enumerate(model.table)
        ],
        "images": images.to_json(),
        "weights": to_base64(tensors_to_bytes(model.named_weights())),
        "about": json.dumps(about_model(model, images), sort_keys=True),  # as the file's sha256 reads it
    }


def pictures_to_json(pictures: Pictures, images: Images) -> dict[str, Any]:
    """Return pictures as JSON data: as levels of 8 bits if they are exactly that, else as float32."""
    levels = np.rint(pictures.x / np.float32(images.scale))
    exact = bool(((levels >= 0) & (levels <= 255)).all() and (levels * np.float32(images.scale) == pictures.x).all())
    pixels = levels.astype(np.uint8) if exact else pictures.x
    return {
        **pack(pixels),
        "labels": pictures.y.tolist(),
        "class_names": list(images.class_names),
        "training": pictures.training,
    }
