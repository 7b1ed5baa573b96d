"""What a layer is for somebody who knows Keras: its keywords, its weights in a model, and whether it is trained.

A layer stays a description without state. `Sequential.layers` gives copies that know their model (`Place`), so that
`model.layers[0].get_weights()` works; the model keeps the weights.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, fields
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import numpy as np

from convlens.arrays import Array

__all__ = ["Hidden", "KerasLayer", "LayerType", "Place", "hidden", "plain"]

_SHAPES = ("input_shape", "batch_input_shape", "batch_shape", "input_dim")
_DECAY = "write optimizer=AdamW(weight_decay=0.01) or SGD(weight_decay=0.0005) in compile: it shrinks all kernels"
_LIMIT = "clipnorm= of the optimizer limits the step instead"
_INSTEAD = {
    "kernel_regularizer": _DECAY,
    "bias_regularizer": _DECAY,
    "activity_regularizer": f"the nearest is weight decay: {_DECAY}",
    "kernel_constraint": _LIMIT,
    "bias_constraint": _LIMIT,
    "autocast": "the numbers have the model's dtype: Sequential(..., dtype='float64')",
    "lora_rank": "all weights of a layer are trained, or none (trainable=False)",
    "quantization_config": "weights are float32 or float64",
    "noise_shape": "Dropout draws each number on its own",
}
_DEFAULTS = {  # arguments that take only Keras's default
    "beta_initializer": "zeros",
    "gamma_initializer": "ones",
    "moving_mean_initializer": "zeros",
    "moving_variance_initializer": "ones",
    "synchronized": False,
}
_NO_EFFECT = {"seed"}  # the seed of fit decides the random numbers of each layer
_REFUSED = {
    "output": "only a layer of a built model has one: model.layers[k].output",
    "input": "only a layer of a built model has one: model.layers[k].input",
    "add_weight": "a layer of one's own gives its weights' shapes in weight_shapes, see convlens.nn.Layer",
    "add_loss": "the loss is an argument of compile",
}


_Layer = TypeVar("_Layer", bound="KerasLayer")


class Place(NamedTuple):
    """The place of a layer in a built model: `weights` and `state` are views by name.

    frozen: whether training leaves the layer as it is; it can be set. input_shape: of one example
    """

    weights: dict[str, Array]
    state: dict[str, Array]
    frozen: Callable[[bool | None], bool]
    symbol: Callable[[bool], Any] | None = None  # of the layer's output (True) or input
    input_shape: tuple[int, ...] | None = None


class Hidden(NamedTuple):
    """What a layer carries beside its fields."""

    input_shape: tuple[int, ...] | None = None
    trainable: bool = True
    place: Place | None = None


class LayerType(type):
    """The type of layer classes. It takes Keras's keywords that are not fields, or says what to write instead."""

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set an attribute of the class. A frozen dataclass's own __setattr__ gives way to `KerasLayer`'s."""
        if name not in ("__setattr__", "__delattr__"):
            super().__setattr__(name, value)

    def __call__(cls, *args: Any, **words: Any) -> Any:
        """Return a new layer."""
        found = {field.name for field in fields(cast(Any, cls))}
        extra = {name: words.pop(name) for name in list(words) if name not in found}
        kept = _take(cls.__name__, extra, sorted(found)) if extra else Hidden()
        made = super().__call__(*args, **words)
        if kept != Hidden():
            made.__dict__["_hidden"] = kept
        return made


def _take(layer: str, extra: dict[str, Any], known: list[str]) -> Hidden:
    """Return what Keras's keywords say; TypeError or ValueError for a keyword that convlens does not have."""
    kept = Hidden()
    for name, value in extra.items():
        if name in _SHAPES:
            shape = (value,) if isinstance(value, int) else tuple(value)
            kept = kept._replace(input_shape=shape[1:] if name.startswith("batch") else shape)
        elif name == "trainable":
            kept = kept._replace(trainable=bool(value))
        elif name in _NO_EFFECT or (value is None and name in {*_INSTEAD, "data_format", "dtype", "activation"}):
            continue
        elif name in _DEFAULTS:
            if value != _DEFAULTS[name]:
                raise ValueError(
                    f"{layer} has {name}={_DEFAULTS[name]!r}; got {value!r}: set_weights sets other values"
                )
        elif name == "data_format":
            if value != "channels_last":
                raise ValueError(
                    f"{layer} takes images (n, h, w, channels), data_format='channels_last'; got {value!r}: "
                    "turn the images with x.transpose(0, 2, 3, 1)"
                )
        elif name == "dtype":
            if value not in ("float32", "float64", np.float32, np.float64):
                raise ValueError(f"dtype must be float32 or float64, and the whole model's; got {value!r}")
        elif name in _INSTEAD:
            raise TypeError(f"{layer} has no {name}: {_INSTEAD[name]}")
        else:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise TypeError(f"{layer} has no argument {name!r}{hint}: its arguments are {', '.join(known)}")
    return kept


def hidden(layer: Any) -> Hidden:
    """Return what a layer carries beside its fields."""
    found: Hidden = layer.__dict__.get("_hidden", Hidden())
    return found


def plain(layer: _Layer) -> _Layer:
    """Return a layer without a place in a model."""
    if hidden(layer).place is None:
        return layer
    found = copy.copy(layer)
    found.__dict__["_hidden"] = hidden(layer)._replace(place=None)
    return found


class KerasLayer(metaclass=LayerType):
    """The attributes and methods of Keras's layers that `convlens.nn.Layer` has beside its own."""

    kind: ClassVar[str]

    def __setattr__(self, name: str, value: object) -> None:
        """Set `trainable`; a layer is frozen otherwise."""
        if name != "trainable":
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        place = hidden(self).place
        if place is not None:
            place.frozen(not value)
        self.__dict__["_hidden"] = hidden(self)._replace(trainable=bool(value))

    def __getattr__(self, name: str) -> Any:
        """Return a weight by its name, such as `layer.kernel`."""
        if not name.startswith("__"):
            place = hidden(self).place
            if place is not None and place.symbol is not None and name in ("input", "output"):
                return place.symbol(name == "output")
            if place is not None and name in (named := {**place.weights, **place.state}):
                return named[name]
            if name in _REFUSED:
                raise AttributeError(f"{type(self).__name__} has no {name}: {_REFUSED[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights. It can be set, for a layer in `model.layers` at any time."""
        place = hidden(self).place
        return hidden(self).trainable if place is None else not place.frozen(None)

    @property
    def built(self) -> bool:
        """Whether the layer is one of a built model, or was called, so that it has weights."""
        return hidden(self).place is not None

    def _named(self) -> dict[str, Array]:
        place = hidden(self).place
        return {} if place is None else {**place.weights, **place.state}

    @property
    def weights(self) -> list[Array]:
        """The layer's weights in a model, as views; an empty list for a layer that is in no model yet."""
        return list(self._named().values())

    @property
    def trainable_weights(self) -> list[Array]:
        """The weights that training changes, as views."""
        place = hidden(self).place
        return list(place.weights.values()) if place is not None and self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The weights that training does not change, as views."""
        place = hidden(self).place
        return [] if place is None else list((place.state if self.trainable else self._named()).values())

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Return copies of the layer's weights, kernel before bias; ValueError for a layer that is in no model."""
        return [w.copy() for w in self._built("get_weights").values()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy arrays into the layer's weights, in the order of `get_weights`; ValueError if a shape differs."""
        own = self._built("set_weights")
        shapes, given = [w.shape for w in own.values()], [np.shape(w) for w in weights]
        if shapes != given:
            raise ValueError(f"{type(self).__name__} needs weights of shapes {shapes}; got {given}")
        for w, new in zip(own.values(), weights, strict=True):
            w[...] = new

    def weights_in(self, other: KerasLayer) -> bool:
        """Return whether another layer has the same arrays as weights."""
        mine, theirs = self.weights, other.weights
        return len(mine) == len(theirs) and all(np.shares_memory(a, b) for a, b in zip(mine, theirs, strict=True))

    def count_params(self) -> int:
        """Return the number of the layer's weights in its model."""
        return sum(w.size for w in self._built("count_params").values())

    def _built(self, method: str) -> dict[str, Array]:
        if hidden(self).place is None:
            raise ValueError(
                f"this {type(self).__name__} describes a layer; its weights belong to a model: "
                f"model.layers[k].{method}(...) or model.get_layer(name).{method}(...)"
            )
        return self._named()

    def get_config(self) -> dict[str, Any]:
        """Return the layer's fields by name, from which `from_config` makes an equal layer."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.init}  # type: ignore[arg-type]
        return {**found, "trainable": self.trainable}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return the layer whose `get_config` gave these fields."""
        return cls(**config)
