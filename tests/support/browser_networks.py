"""Networks of convlens in the browser: what the page computes, and what Python computes node by node."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from safetensors.numpy import save
from tests.support.chromium import packed, unpacked

from convlens.engines import numpy_engine
from convlens.nn import Activation, Add, Conv2D, DepthwiseConv2D, SeparableConv2D, Sequential
from convlens.nn.add import own_weights
from convlens.training.model_file import describe

Back = Callable[[Any], Any]


def ask(page: Any, function: str, given: Any, module: str = "passes.js") -> Any:
    """Call an exported function of a module in the page, and return what it gives."""
    return page.evaluate(
        "async ([module, name, given]) => (await import('./' + module))[name](given)", [module, function, given]
    )


def given(model: Sequential, x: Any, **more: Any) -> dict[str, Any]:
    """A network with weights and images, as passes.js takes them."""
    weights = {name: np.ascontiguousarray(w) for name, w in model.named_weights().items()}
    return {
        "specification": describe(model),
        "weights": base64.b64encode(save(weights)).decode(),
        "dtype": model.dtype.name,
        "x": packed(x),
    } | more


def tensors(found: dict[str, Any]) -> dict[str, Any]:
    """Arrays by name."""
    return {name: unpacked(each) for name, each in found.items()}


@dataclass
class Step:
    """What one operation gives, and the gradient of that."""

    y: Any
    dy: Any = None


def parts(layer: Any, weights: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """A layer as layers of one operation each."""
    name = getattr(layer, "activation", None)
    after: list[tuple[Any, dict[str, Any]]] = (
        [(Activation(name), {})] if name is not None and not isinstance(layer, Activation) else []
    )
    if isinstance(layer, SeparableConv2D):
        window: dict[str, Any] = {
            "strides": layer.strides,
            "padding": layer.padding,
            "dilation_rate": layer.dilation_rate,
        }
        depth = DepthwiseConv2D(layer.kernel_size, depth_multiplier=layer.depth_multiplier, use_bias=False, **window)
        point = Conv2D(layer.filters, 1, use_bias=layer.use_bias)
        first = {"kernel": weights["depthwise_kernel"]}
        second = {"kernel": weights["pointwise_kernel"]} | {k: w for k, w in weights.items() if k == "bias"}
        return [(depth, first), (point, second), *after]
    return [(replace(layer, activation=None), weights), *after] if after else [(layer, weights)]


def walk(layer: Any, weights: dict[str, Any], x: Any, rng: Any, steps: list[Step]) -> tuple[Any, Back]:
    """Run a layer operation by operation. Return its output, and the function that goes back through it."""
    backs: list[Back] = []
    for each, own in parts(layer, weights):
        x, back = block(each, own, x, rng, steps) if isinstance(each, Add) else single(each, own, x, rng, steps)
        backs.append(back)

    def backward(dy: Any) -> Any:
        for back in reversed(backs):
            dy = back(dy)
        return dy

    return x, backward


def single(layer: Any, weights: dict[str, Any], x: Any, rng: Any, steps: list[Step]) -> tuple[Any, Back]:
    """Run a layer of one operation."""
    y, saved = layer.forward(x, weights, numpy_engine, rng)
    step = Step(y)
    steps.append(step)

    def back(dy: Any) -> Any:
        step.dy = dy
        return layer.backward(dy, saved, weights, numpy_engine)[0]

    return y, back


def block(layer: Add, weights: dict[str, Any], x: Any, rng: Any, steps: list[Step]) -> tuple[Any, Back]:
    """Run a residual block without its activation."""
    ends, backs = [], []
    for chain in ("branch", "shortcut"):
        end, own = x, []
        for k, inner in enumerate(getattr(layer, chain)):
            end, back = walk(inner, own_weights(weights, f"{chain}_{k}/"), end, rng, steps)
            own.append(back)
        ends.append(end)
        backs.append(own)
    step = Step(ends[0] + ends[1])
    steps.append(step)

    def backward(dy: Any) -> Any:
        step.dy = dy
        found = []
        for own in backs:
            dx = dy
            for back in reversed(own):
                dx = back(dx)
            found.append(dx)
        return found[0] + found[1]

    return step.y, backward


def every_node(model: Sequential, x: Any, dlogits: Any, rng: Any = None) -> list[Step]:
    """The output and gradient of every operation of the model, the input first, in the order of the browser's nodes."""
    steps, backs, y = [Step(x)], [], x
    for row, weights in zip(model.table, model.layer_weights, strict=True):
        y, back = walk(row.layer, weights, y, rng, steps)
        backs.append(back)
    dy = dlogits
    for back in reversed(backs):
        dy = back(dy)
    steps[0].dy = dy
    return steps
