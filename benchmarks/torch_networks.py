"""Any network of the benchmarks in PyTorch: its modules, and one step with fused Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.network_list import NETWORKS, data
from benchmarks.workers import typical_seconds
from convlens import nn
from convlens.machine.threads import usable_threads
from convlens.nn import Layer

Step = Callable[[Any, Any], object]
FORMS = ("channels_last", "contiguous_format")


def modules(layers: Sequence[Layer], shape: tuple[int, ...]) -> Any:
    """Return a PyTorch module of these layers, for images (c, h, w)."""
    import torch
    from torch import nn as tn

    class Block(tn.Module):  # type: ignore[misc]
        def __init__(self, branch: Any, shortcut: Any, relu: bool) -> None:
            super().__init__()
            self.branch, self.shortcut, self.relu = branch, shortcut, relu

        def forward(self, x: Any) -> Any:
            y = self.branch(x) + self.shortcut(x)
            return torch.relu(y) if self.relu else y

    found: list[Any] = []
    for layer in layers:
        after = layer.output_shape(shape)
        if isinstance(layer, nn.Conv2D):
            kernel: Any = layer.kernel_size if isinstance(layer.kernel_size, tuple) else (layer.kernel_size,) * 2
            stride: Any = layer.strides if isinstance(layer.strides, tuple) else (layer.strides,) * 2
            if layer.padding == "same" and stride != (1, 1):
                size = [max((after[k] - 1) * stride[k] + kernel[k] - shape[k], 0) for k in (0, 1)]
                h, w = size
                pads = [w // 2, w - w // 2, h // 2, h - h // 2]
                found.append(tn.ZeroPad2d(pads))
            same = "same" if layer.padding == "same" and stride == (1, 1) else 0
            found.append(tn.Conv2d(shape[2], layer.filters, kernel, stride, padding=same, bias=layer.use_bias))
        elif isinstance(layer, nn.Dense):
            found.append(tn.Linear(shape[0], layer.units))
        elif isinstance(layer, nn.BatchNormalization):
            found.append(tn.BatchNorm2d(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum))
        elif isinstance(layer, nn.MaxPooling2D):
            found.append(tn.MaxPool2d(layer.pool_size))
        elif isinstance(layer, nn.AveragePooling2D):
            found.append(tn.AvgPool2d(layer.pool_size))
        elif isinstance(layer, nn.GlobalAveragePooling2D):
            found.append(tn.Sequential(tn.AdaptiveAvgPool2d(1), tn.Flatten()))
        elif isinstance(layer, nn.Dropout):
            found.append(tn.Dropout(layer.rate))
        elif isinstance(layer, nn.Flatten):
            found.append(tn.Flatten())
        elif isinstance(layer, nn.Add):
            branch, shortcut = (modules(chain, shape) for chain in (layer.branch, layer.shortcut))
            found.append(Block(branch, shortcut, layer.activation == "relu"))
        elif not isinstance(layer, nn.ReLU):
            raise TypeError(f"PyTorch's network is written here for other layers; got {type(layer).__name__}")
        relu = isinstance(layer, nn.ReLU) or getattr(layer, "activation", None) == "relu"
        if relu and not isinstance(layer, nn.Add):
            found.append(tn.ReLU())
        shape = after
    return tn.Sequential(*found)


def step_in(name: str, form: str, compiled: bool, shape: tuple[int, int, int] | None = None) -> Step:
    """Forward, backward and fused Adam in one layout. shape: of an image, if it is not the network's own."""
    import torch

    torch.set_num_threads(usable_threads())
    network, layout = NETWORKS[name], getattr(torch, form)
    model = modules(network.layers(), shape or network.shape).to(memory_format=layout).train()
    adam = torch.optim.Adam(model.parameters(), fused=True)
    forward = torch.compile(model) if compiled else model

    def step(x: Any, y: Any) -> object:
        adam.zero_grad(set_to_none=True)
        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        loss: Any = torch.nn.functional.cross_entropy(forward(images), torch.from_numpy(y))
        loss.backward()
        adam.step()
        return loss.item()

    return step


def step_of(name: str, compiled: bool) -> Step:
    """The step in the layout in which the eager step is faster; compiling takes long, so one layout is compiled"""
    x, y = data(name)
    steps = {form: step_in(name, form, compiled=False) for form in FORMS}
    faster = min(steps, key=lambda form: typical_seconds(lambda: steps[form](x, y), 0.3))
    return step_in(name, faster, compiled) if compiled else steps[faster]


def predict_of(name: str, compiled: bool, batch: int) -> Callable[[Any], Any]:
    """Probabilities (n, 10) as a NumPy array, in inference mode and in the faster layout of `step_of`"""
    import torch

    torch.set_num_threads(usable_threads())
    network = NETWORKS[name]

    def in_form(form: str, compiled: bool) -> Callable[[Any], Any]:
        layout = getattr(torch, form)
        model: Any = torch.nn.Sequential(modules(network.layers(), network.shape), torch.nn.Softmax(1)).eval()
        model = model.to(memory_format=layout)
        forward = torch.compile(model) if compiled else model

        def predict(x: Any) -> Any:
            with torch.inference_mode():
                images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
                return forward(images).numpy()

        return predict

    x, _ = data(name, batch)
    choices = {form: in_form(form, compiled=False) for form in FORMS}
    faster = min(choices, key=lambda form: typical_seconds(lambda: choices[form](x), 0.2))
    return in_form(faster, compiled) if compiled else choices[faster]
