"""The same network, weights and batches in several engines, step by step: how far do they come apart?

NumPy is what the others are compared with. For numbers that mean something, these are equal: the initial weights; the
order of the batches; Adam's settings, and since TensorFlow 1 adds 1e-8 and Keras 1e-7 to sqrt(v), NumPy takes a run of
its own for each; of equal maxima in a pooling window the first one gets the gradient, everywhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from convlens.arrays import Array
from convlens.course import load_task
from convlens.data import Digits
from convlens.data.batches import batches
from convlens.engines import Engine
from convlens.geometry import check_count
from convlens.interop.frameworks import load, load_keras
from convlens.models.lenet5 import lenet5
from convlens.nn import Adam, Sequential

REFERENCE = "numpy"


@dataclass
class Differences:
    """An engine's largest differences from NumPy's numbers after each step: absolute, and for the gradients relative"""

    loss: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The largest of them, and that of the first gradient"""
        return {
            "max_loss_difference": max(self.loss),
            "max_weight_difference": max(self.weights),
            "first_gradient_difference": self.gradient[0],
        }


class Stepper(Protocol):
    """A network that is trained a step at a time"""

    arithmetic: Arithmetic

    def step(self, x: Array, labels: Array) -> tuple[float, Array]:
        """Train on a batch: the mean loss before, and its gradient, a vector in the order of the weights"""

    def weights(self) -> Array:
        """All of them, kernel and bias in turn"""


class Arithmetic(NamedTuple):
    """How a framework computes Adam: what it adds to sqrt(v), and its powers of beta_1 and beta_2

    Ours are in double precision. Close to 1, single precision counts: 1 - 0.999² is off by one part in 70,000 in it,
    and such a difference in the size of the first steps is soon one in which unit is on.
    """

    epsilon: float = 1e-7
    powers: str = "double"  # or "single": a float32 power; or "product": a float32 product that grows with each step


class _Adam(Adam):
    """Adam by that arithmetic"""

    def __init__(self, arithmetic: Arithmetic, engine: Engine) -> None:
        betas = (0.9, 0.999)
        if arithmetic.powers == "product":  # then the moments take the rounded numbers, too
            betas = (float(_SINGLE[0]), float(_SINGLE[1]))
        super().__init__(beta_1=betas[0], beta_2=betas[1], epsilon=arithmetic.epsilon, engine=engine)
        self._powers = arithmetic.powers
        self._products = np.ones(2, np.float32)

    def rate(self) -> float:
        """a, the size of step number `step`"""
        if self._powers == "double":
            return super().rate()
        self._products *= _SINGLE
        powers = self._products if self._powers == "product" else _SINGLE ** np.float32(self.step)
        one = np.float32(1)
        return float(np.float32(self.learning_rate) * np.sqrt(one - powers[1]) / (one - powers[0]))


_SINGLE = np.array([0.9, 0.999], np.float32)


class _Ours:
    """Our own, on NumPy or Numba"""

    def __init__(self, start: Sequential, engine: str, arithmetic: Arithmetic | None = None) -> None:
        self.model = lenet5(engine=engine)
        self.model.set_weights(start.get_weights())
        self.arithmetic = arithmetic or Arithmetic()
        self._adam = _Adam(self.arithmetic, self.model.engine)

    def step(self, x: Array, labels: Array) -> tuple[float, Array]:
        gradient = np.empty_like(self.model.flat)
        loss, _ = self.model.loss_gradient(x, labels, 1 / len(x), gradient)
        self._adam.update(self.model.flat, gradient)
        return float(loss.mean(dtype=np.float64)), gradient

    def weights(self) -> Array:
        return self.model.flat


class _TensorFlow1:
    """The course's task 4"""

    def __init__(self, start: Sequential) -> None:
        tf = load("tensorflow", "the engine tf1").compat.v1
        epsilon = float(inspect.signature(tf.train.AdamOptimizer).parameters["epsilon"].default)
        self.arithmetic = Arithmetic(epsilon, "product")
        with tf.Graph().as_default() as graph:
            self._x, self._y = tf.placeholder(tf.float32, (None, 28, 28, 1)), tf.placeholder(tf.float32, (None, 10))
            _, self._train, self._loss, _ = load_task("lenet5_tensorflow").lenet5(self._x, self._y)
            self._variables = tf.trainable_variables()
            self._gradients = tf.gradients(self._loss, self._variables)
            new = [tf.placeholder(tf.float32, variable.shape) for variable in self._variables]
            take = [tf.assign(variable, value) for variable, value in zip(self._variables, new, strict=True)]
            begin = tf.global_variables_initializer()
        self._session = tf.Session(graph=graph)
        self._session.run(begin)
        self._session.run(take, dict(zip(new, start.get_weights(), strict=True)))

    def step(self, x: Array, labels: Array) -> tuple[float, Array]:
        feed = {self._x: x, self._y: np.eye(10, dtype=np.float32)[labels]}
        loss, gradients = self._session.run((self._loss, self._gradients), feed)
        self._session.run(self._train, feed)
        return float(loss), _flat(gradients)

    def weights(self) -> Array:
        return _flat(self._session.run(self._variables))


class _Keras:
    """The course's task 5"""

    def __init__(self, start: Sequential) -> None:
        keras = load_keras("tensorflow", "the engine keras")
        self._tape = load("tensorflow", "the engine keras").GradientTape
        self._model = load_task("lenet5_keras").lenet5(keras.Input((28, 28, 1)))
        self._model.set_weights(start.get_weights())
        self.arithmetic = Arithmetic(float(self._model.optimizer.epsilon), "single")

    def step(self, x: Array, labels: Array) -> tuple[float, Array]:
        y, model = np.eye(10, dtype=np.float32)[labels], self._model
        with self._tape() as tape:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        model.train_on_batch(x, y)
        return float(loss), _flat([gradient.numpy() for gradient in gradients])

    def weights(self) -> Array:
        return _flat(self._model.get_weights())


def _flat(arrays: list[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays])


_MAKERS: dict[str, Callable[[Sequential], Stepper]] = {
    REFERENCE: lambda start: _Ours(start, "numpy"),
    "numba": lambda start: _Ours(start, "numba"),
    "tf1": _TensorFlow1,
    "keras": _Keras,
}
ENGINES = tuple(_MAKERS)


def compare(
    digits: Digits, engines: tuple[str, ...] = ENGINES, *, steps: int = 200, batch_size: int = 32, seed: int = 0
) -> dict[str, Differences]:
    """Train LeNet-5 for so many steps of Adam in each engine, in step: how each differs from NumPy

    float32. `seed` is that of the initial weights and of the batches. ValueError for an engine that is none.
    """
    for name in engines:
        if name not in _MAKERS:
            raise ValueError(f"engines must be some of {', '.join(ENGINES)}; got {name!r}")
    if not engines or len(set(engines)) < len(engines):
        raise ValueError(f"engines must be named once each; got {', '.join(engines) or 'none'}")
    check_count("steps", steps, 1)
    check_count("batch_size", batch_size, 1)
    check_count("seed", seed, 0)
    start = lenet5(seed=seed, engine="numpy")
    sides = {name: _MAKERS[name](start) for name in engines}
    references = {side.arithmetic: _Ours(start, "numpy", side.arithmetic) for side in sides.values()}
    found = {name: Differences() for name in engines}
    for _, chosen in zip(range(steps), _batches(len(digits.x_train), batch_size, seed), strict=False):
        x, labels = digits.x_train[chosen], digits.y_train[chosen]
        wanted = {key: (*side.step(x, labels), side.weights()) for key, side in references.items()}
        for name, side in sides.items():
            loss, gradient, weights = wanted[side.arithmetic]
            own_loss, own_gradient = side.step(x, labels)
            found[name].loss.append(abs(own_loss - loss))
            found[name].gradient.append(float(np.abs(own_gradient - gradient).max() / np.abs(gradient).max()))
            found[name].weights.append(float(np.abs(side.weights() - weights).max()))
    return found


def _batches(n: int, size: int, seed: int) -> Iterator[Array]:
    """Batches of epoch after epoch"""
    epoch = 0
    while True:
        epoch += 1
        yield from batches(n, size, np.random.default_rng([seed, epoch]))


def as_json(found: dict[str, Differences]) -> dict[str, Any]:
    """{"steps", "engines": {name: figures}}"""
    steps = len(next(iter(found.values())).loss)
    return {"steps": steps, "engines": {name: differences.figures() for name, differences in found.items()}}
