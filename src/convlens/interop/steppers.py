"""LeNet-5 in several engines, trained step by step for `compare`. Each step can start from a given state.

`tf1` and `keras` are the course's own files. Every engine can start each step from the same weights and the same state
of Adam, because free runs diverge by chance: see docs/compare.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np

from convlens.arrays import Array
from convlens.course import load_task
from convlens.engines import Engine
from convlens.interop.frameworks import load, load_keras
from convlens.models.lenet5 import lenet5
from convlens.nn import Adam, Sequential

__all__ = ["FLOAT64", "STEPPERS", "AdamBy", "Arithmetic", "Ours", "State", "Step", "Stepper"]


class State(NamedTuple):
    """The state before a step: the weights and Adam's m and v, three vectors in the same order; the steps so far"""

    weights: Array
    m: Array
    v: Array
    steps: int


class Step(NamedTuple):
    """The result of a step: the mean loss before the step, its gradient, and the weights after the step"""

    loss: float
    gradient: Array
    weights: Array


class Arithmetic(NamedTuple):
    """How a framework computes Adam: the epsilon that it adds to sqrt(v), and its powers of beta_1 and beta_2

    convlens computes the powers in double precision. Near 1, single precision makes a difference: in float32, 1 -
    0.999² is off by one part in 51,000.
    """

    epsilon: float = 1e-7
    # "double": a float64 power; "single": a float32 power; "product": a float32 product with one more factor at each
    # step; "rounded": a float64 power of the float32 numbers, as Keras computes in float64
    powers: str = "double"


class Stepper(Protocol):
    """A network that is trained step by step"""

    arithmetic: Arithmetic

    def begin(self, state: State) -> None:
        """Set the state from which the next step starts."""

    def step(self, x: Array, labels: Array) -> Step:
        """Train on one batch. Without `begin`, the step starts where the last step ended."""


_SINGLE = np.array([0.9, 0.999], np.float32)


class AdamBy(Adam):
    """Adam in the arithmetic of another framework"""

    def __init__(self, arithmetic: Arithmetic, engine: Engine) -> None:
        betas = (0.9, 0.999)
        if arithmetic.powers == "product":  # then m and v use the rounded betas too
            betas = (float(_SINGLE[0]), float(_SINGLE[1]))
        super().__init__(beta_1=betas[0], beta_2=betas[1], epsilon=arithmetic.epsilon, engine=engine)
        self._powers = arithmetic.powers

    def rate(self) -> float:
        """Return a, the step size of step number `step`."""
        if self._powers == "double":
            return super().rate()
        if self._powers == "rounded":
            first, second = (float(beta) ** self.step for beta in _SINGLE)
            return float(self.learning_rate * np.sqrt(1 - second) / (1 - first))
        powers = products(self.step) if self._powers == "product" else _SINGLE ** np.float32(self.step)
        one = np.float32(1)
        return float(np.float32(self.learning_rate) * np.sqrt(one - powers[1]) / (one - powers[0]))


def products(step: int) -> Array:
    """Return beta_1^step and beta_2^step as float32 products, multiplied factor by factor."""
    factors = np.broadcast_to(_SINGLE, (step, 2))
    powers: Array = np.multiply.reduce(factors, axis=0, dtype=np.float32)
    return powers


class Ours:
    """convlens's own network, on one of its engines"""

    def __init__(self, engine: str, dtype: type = np.float32, arithmetic: Arithmetic | None = None) -> None:
        self.model: Sequential = lenet5(engine=engine, dtype=dtype)
        self.arithmetic = arithmetic or Arithmetic()
        self.adam = AdamBy(self.arithmetic, self.model.engine)

    def begin(self, state: State) -> None:
        """Set the state from which the next step starts."""
        self.model.flat[...] = state.weights
        self.adam.set_state({"step": np.array(state.steps), "m": state.m, "v": state.v})

    def step(self, x: Array, labels: Array) -> Step:
        """Train on one batch."""
        gradient = np.empty_like(self.model.flat)
        loss, _ = self.model.loss_gradient(x.astype(self.model.dtype, copy=False), labels, 1 / len(x), gradient)
        self.adam.update(self.model.flat, gradient)
        return Step(float(loss.mean(dtype=np.float64)), gradient, self.model.flat.copy())

    def state(self) -> State:
        """Return the state after the last step."""
        found = self.adam.get_state()
        zeros = np.zeros_like(self.model.flat)
        return State(self.model.flat.copy(), found.get("m", zeros), found.get("v", zeros), self.adam.step)


class _TensorFlow1:
    """The course's task 4"""

    def __init__(self) -> None:
        tf = load("tensorflow", "the engine tf1").compat.v1
        epsilon = float(inspect.signature(tf.train.AdamOptimizer).parameters["epsilon"].default)
        self.arithmetic = Arithmetic(epsilon, "product")
        with tf.Graph().as_default() as graph:
            self._x, self._y = tf.placeholder(tf.float32, (None, 28, 28, 1)), tf.placeholder(tf.float32, (None, 10))
            _, self._train, self._loss, _ = load_task("lenet5_tensorflow").lenet5(self._x, self._y)
            self._variables = tf.trainable_variables()
            self._gradients = tf.gradients(self._loss, self._variables)
            by_name = {variable.op.name: variable for variable in tf.global_variables()}
            slots = [[by_name[f"{v.op.name}/{slot}"] for v in self._variables] for slot in ("Adam", "Adam_1")]
            powers = [by_name["beta1_power"], by_name["beta2_power"]]
            state = [*self._variables, *slots[0], *slots[1], *powers]
            self._new = [tf.placeholder(tf.float32, variable.shape) for variable in state]
            self._take = [tf.assign(variable, value) for variable, value in zip(state, self._new, strict=True)]
            start = tf.global_variables_initializer()
        self._shapes = [tuple(variable.shape.as_list()) for variable in self._variables]
        self._session = tf.Session(graph=graph)
        self._session.run(start)

    def begin(self, state: State) -> None:
        """Set the state from which the next step starts."""
        arrays = [part for flat in (state.weights, state.m, state.v) for part in _cut(flat, self._shapes)]
        values = [*arrays, *products(state.steps + 1)]
        self._session.run(self._take, dict(zip(self._new, values, strict=True)))

    def step(self, x: Array, labels: Array) -> Step:
        """Train on one batch."""
        feed = {self._x: x, self._y: np.eye(10, dtype=np.float32)[labels]}
        loss, gradients = self._session.run((self._loss, self._gradients), feed)
        self._session.run(self._train, feed)
        return Step(float(loss), _flat(gradients), _flat(self._session.run(self._variables)))


class _Keras:
    """The course's task 5"""

    def __init__(self, dtype: type = np.float32) -> None:
        keras = load_keras("tensorflow", "the engine keras")
        tf = load("tensorflow", "the engine keras")
        self._keras, self._dtype = keras, np.dtype(dtype)
        with self._precision():
            self._model = model = load_task("lenet5_keras").lenet5(keras.Input((28, 28, 1)))
            self._adam = self._model.optimizer
            self._adam.build(self._model.trainable_variables)

        def gradients(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
            return loss, tape.gradient(loss, model.trainable_weights)

        self._gradients = tf.function(gradients, reduce_retracing=True)
        self._shapes = [tuple(variable.shape) for variable in self._model.trainable_variables]
        self.arithmetic = Arithmetic(float(self._adam.epsilon), "single" if dtype is np.float32 else "rounded")

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Set Keras's precision inside the block. It is global, and Keras creates a loss only at its first use."""
        config = self._keras.config
        before = config.dtype_policy().name, config.floatx()
        config.set_dtype_policy(self._dtype.name)
        config.set_floatx(self._dtype.name)
        try:
            yield
        finally:
            config.set_dtype_policy(before[0])
            config.set_floatx(before[1])

    def begin(self, state: State) -> None:
        """Set the state from which the next step starts."""
        self._model.set_weights(_cut(state.weights, self._shapes))
        self._adam.iterations.assign(state.steps)
        for name, flat in (("momentum", state.m), ("velocity", state.v)):
            slots = [variable for variable in self._adam.variables if variable.path.endswith(f"_{name}")]
            for variable, value in zip(slots, _cut(flat, self._shapes), strict=True):
                variable.assign(value)

    def step(self, x: Array, labels: Array) -> Step:
        """Train on one batch."""
        x, y, model = x.astype(self._dtype, copy=False), np.eye(10, dtype=self._dtype)[labels], self._model
        with self._precision():
            loss, gradients = self._gradients(x, y)
            model.train_on_batch(x, y)
        return Step(float(loss), _flat([gradient.numpy() for gradient in gradients]), _flat(model.get_weights()))


def _cut(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


def _flat(arrays: list[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays])


STEPPERS: dict[str, Callable[[], Stepper]] = {
    "numpy": lambda: Ours("numpy"),
    "numba": lambda: Ours("numba"),
    "browser": lambda: Ours("browser"),
    "tf1": _TensorFlow1,
    "keras": _Keras,
}
# The engines that can train in float64; the course's task 4 is written for float32
FLOAT64: dict[str, Callable[[], Any]] = {
    "numpy": lambda: Ours("numpy", np.float64),
    "numba": lambda: Ours("numba", np.float64),
    "browser": lambda: Ours("browser", np.float64),
    "keras": lambda: _Keras(np.float64),
}
