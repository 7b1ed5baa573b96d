"""Training speed of the networks that people start from: convlens compared with Keras and with PyTorch.

    python -m benchmarks.networks [NETWORK …]

Each program trains with Adam on random images, BATCH at a time, in its own process, and the programs take turns. Keras
runs compiled and in graph mode, on TensorFlow. PyTorch runs eager and compiled, with fused Adam, in its
better layout: channels last or first, whichever was faster in a trial before. The figure is the ratio to the fastest of
them, the median over the rounds.

The row on the machine's speed is a product of two matrices (1024, 1024) in float32 by NumPy, on all cores. The share of
it that a step reaches counts the multiplications and additions of the network's convolutions and dense layers, three
times for forward and backward.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.cpu_share import mark_disturbed
from benchmarks.steps import cifar_tutorial
from benchmarks.table import Row, show
from benchmarks.workers import close, peak_megabytes, ratios, serve, start, take_turns, typical_seconds
from convlens import nn
from convlens.models import build_model
from convlens.nn import Layer, Sequential

BATCH = 64
ROUNDS = 5
SECONDS = 1.0  # of a turn, about
OURS = "convlens numba"
NEEDS = {
    OURS: "numba",
    "keras tensorflow": "tensorflow",
    "torch eager": "torch",
    "torch compile": "torch",
}


def vgg(normalised: bool, dropout: bool) -> Sequence[Layer]:
    """Two convolutions of 32, of 64 and of 128 channels, each pair with a pool; two dense layers"""
    layers: list[Layer] = []
    for channels in (32, 64, 128):
        for _ in range(2):
            layers.append(nn.Conv2D(channels, (3, 3), padding="same", use_bias=not normalised))
            layers += [nn.BatchNormalization(), nn.ReLU()] if normalised else [nn.ReLU()]
        layers += [nn.MaxPooling2D((2, 2)), *([nn.Dropout(0.25)] if dropout else [])]
    layers += [nn.Flatten(), nn.Dense(128, activation="relu"), *([nn.Dropout(0.5)] if dropout else [])]
    return (*layers, nn.Dense(10, activation="softmax"))


def pytorch_example() -> Sequence[Layer]:
    """The network of PyTorch's MNIST example"""
    return (
        nn.Conv2D(32, (3, 3), activation="relu"),
        nn.Conv2D(64, (3, 3), activation="relu"),
        nn.MaxPooling2D((2, 2)),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Dense(128, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(10, activation="softmax"),
    )


def _known(name: str, shape: tuple[int, ...]) -> Sequence[Layer]:
    return build_model(name, input_shape=shape, classes=10, engine="numpy").layers


GREY, COLOUR = (28, 28, 1), (32, 32, 3)
NETWORKS: dict[str, tuple[Callable[[], Sequence[Layer]], tuple[int, int, int], float]] = {
    # the layers, the shape of an image, and what is asked: at least so many times as fast as the fastest other program
    "LeNet-5": (lambda: _known("lenet5", GREY), GREY, 4.0),
    "Keras's MNIST convnet": (lambda: _known("convnet", GREY), GREY, 1.5),
    "TensorFlow's CIFAR tutorial": (cifar_tutorial, COLOUR, 1.5),
    "PyTorch's MNIST example": (pytorch_example, GREY, 1.5),
    "small VGG": (lambda: vgg(False, False), COLOUR, 1.1),
    "small VGG, dropout": (lambda: vgg(False, True), COLOUR, 1.1),
    "small VGG, normalised": (lambda: vgg(True, False), COLOUR, 1.1),
    "small VGG, normalised, dropout": (lambda: vgg(True, True), COLOUR, 1.1),
    "ResNet-8": (lambda: _known("resnet8", COLOUR), COLOUR, 1.1),
}

Step = Callable[[Any, Any], object]


def model_of(name: str) -> Sequential:
    """Return the network with weights, on the engine numba."""
    layers, shape, _ = NETWORKS[name]
    return Sequential(layers(), shape, engine="numba", seed=1)


def operations(model: Sequential) -> float:
    """Return the multiplications and additions of one image's forward pass, in convolutions and dense layers."""
    from convlens.engines.compiled.plan import every
    from convlens.engines.specs import Conv, Dense

    total = 0.0
    for spec in every(model.specs() or ()):
        if isinstance(spec, Conv):
            total += 2.0 * np.prod(spec.out) * spec.co * np.prod(spec.kernel) * spec.ci / spec.groups
        elif isinstance(spec, Dense):
            total += 2.0 * spec.inputs * spec.units
    return total


def ours(name: str) -> Step:
    """Train with convlens: gradient and Adam, as its training loop does."""
    from convlens.nn import Adam
    from convlens.training.trainer import EngineTrainer

    model = model_of(name)
    trainer = EngineTrainer(model, Adam(engine=model.engine))
    trainer.__enter__()
    count = [0]

    def step(x: Any, y: Any) -> object:
        count[0] += 1
        return trainer.step(x, y, (1, count[0]), None)

    return step


def keras_step(name: str) -> Step:
    """`train_on_batch` of the compiled model, which runs as a graph"""
    from convlens.interop.frameworks import load_keras
    from convlens.interop.keras_model import to_keras

    load_keras("tensorflow", "the comparison")
    network: Any = to_keras(model_of(name), softmax=False)
    import keras

    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda x, y: network.train_on_batch(x, y)


# PyTorch -------------------------------------------------------------------------------------------------------------


def _torch_modules(layers: Sequence[Layer], shape: tuple[int, ...]) -> Any:
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
            branch, shortcut = (_torch_modules(chain, shape) for chain in (layer.branch, layer.shortcut))
            found.append(Block(branch, shortcut, layer.activation == "relu"))
        elif not isinstance(layer, nn.ReLU):
            raise TypeError(f"PyTorch's network is written here for other layers; got {type(layer).__name__}")
        relu = isinstance(layer, nn.ReLU) or getattr(layer, "activation", None) == "relu"
        if relu and not isinstance(layer, nn.Add):
            found.append(tn.ReLU())
        shape = after
    return tn.Sequential(*found)


def torch_step(name: str, compiled: bool) -> Step:
    """Forward, backward and fused Adam, in the faster of two layouts"""
    import torch

    layers, shape, _ = NETWORKS[name]

    def step_in(form: Any) -> Step:
        model = _torch_modules(layers(), shape).to(memory_format=form).train()
        adam = torch.optim.Adam(model.parameters(), fused=True)
        forward = torch.compile(model) if compiled else model

        def step(x: Any, y: Any) -> object:
            adam.zero_grad(set_to_none=True)
            images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=form)
            loss: Any = torch.nn.functional.cross_entropy(forward(images), torch.from_numpy(y))
            loss.backward()
            adam.step()
            return float(loss)

        return step

    x, y = data(name)
    steps = [step_in(form) for form in (torch.channels_last, torch.contiguous_format)]
    return min(steps, key=lambda step: typical_seconds(lambda: step(x, y), 0.5))


# -----------------------------------------------------------------------------------------------------------------


def data(name: str) -> tuple[Any, Any]:
    """Return random images (BATCH, h, w, c) and labels (BATCH,)."""
    rng = np.random.default_rng(0)
    return rng.random((BATCH, *NETWORKS[name][1]), dtype=np.float32), rng.integers(0, 10, BATCH)


def make(program: str, name: str) -> Step:
    """Return the step of a program."""
    library, kind = program.split()
    if library == "convlens":
        return ours(name)
    return keras_step(name) if library == "keras" else torch_step(name, kind == "compile")


def run_worker(program: str, name: str) -> None:
    """Run in the worker process of a program: as many steps in a turn as take about SECONDS."""
    step, (x, y) = make(program, name), data(name)
    count = max(3, round(SECONDS / typical_seconds(lambda: step(x, y), 0.5)))

    def turn(_: object) -> dict[str, Any]:
        begin = time.perf_counter()
        for _ in range(count):
            step(x, y)
        return {"seconds": (time.perf_counter() - begin) / count, "megabytes": peak_megabytes()}

    serve(turn)


def product_speed() -> float:
    """Return the GFLOP/s of a product of two matrices (1024, 1024) in float32."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    return 2 * 1024**3 / typical_seconds(lambda: a @ a, 1.0) / 1e9


def rows_of(name: str) -> list[Row]:
    """Return the rows of one network."""
    what = f"{name}, training"
    workers, others = start(what, "benchmarks.networks", NEEDS, name)
    answers = take_turns(workers, ROUNDS, again=ROUNDS)
    close(workers.values())
    seconds = {program: [answer["seconds"] for answer in values] for program, values in answers.items()}
    medians = {program: statistics.median(values) for program, values in seconds.items()}
    rows = [
        Row(
            f"{what}: {program}",
            "",
            BATCH / medians[program],
            "images/s",
            True,
            f"{answers[program][-1]['megabytes']:.0f} MB",
        )
        for program in seconds
    ]
    peers = [program for program in workers if program != OURS]
    if peers and OURS in workers:
        fastest = min(peers, key=lambda program: medians[program])
        found = ratios(seconds[fastest], seconds[OURS])
        ratio, least = statistics.median(found), NETWORKS[name][2]
        spread = f"{min(found):.2f} to {max(found):.2f}"
        rows.append(Row(f"{what}: times as fast as {fastest}", f"at least {least}", ratio, "×", ratio >= least, spread))
        speed = 3 * BATCH * operations(model_of(name)) / medians[OURS] / 1e9
        rows.append(Row(f"{what}: products and sums", "", speed, "GFLOP/s", True, ""))
    return mark_disturbed(rows, answers) + others


def measure(names: Sequence[str] = ()) -> list[Row]:
    """Return the rows of all networks, and of the machine's speed."""
    speed = Row("matrix product on this machine", "", product_speed(), "GFLOP/s", None, "float32, NumPy")
    return [speed, *(row for name in names or NETWORKS for row in rows_of(name))]


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        run_worker(sys.argv[2], sys.argv[3])
    else:
        show(measure(sys.argv[1:]))
