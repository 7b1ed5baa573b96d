"""Functions of arrays with Keras's names: values as Keras's, and gradients of traced arrays by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens import ops
from convlens.ops import functions
from convlens.ops.traced import Traced, value_and_gradient

X = np.random.default_rng(2).normal(0, 1, (3, 4))
Y = np.random.default_rng(3).normal(2, 1, (3, 4))

CASES = {
    "exp": lambda f, x: f.exp(x),
    "log": lambda f, x: f.log(f.add(f.square(x), 1.0)),
    "log1p": lambda f, x: f.log1p(f.absolute(x)),
    "expm1": lambda f, x: f.expm1(x),
    "sqrt": lambda f, x: f.sqrt(f.add(f.square(x), 1.0)),
    "tanh": lambda f, x: f.tanh(x),
    "sin and cos": lambda f, x: f.multiply(f.sin(x), f.cos(x)),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "softplus": lambda f, x: f.softplus(x),
    "relu": lambda f, x: f.relu(x),
    "reciprocal": lambda f, x: f.reciprocal(f.add(f.square(x), 2.0)),
    "rsqrt": lambda f, x: f.rsqrt(f.add(f.square(x), 2.0)),
    "subtract": lambda f, x: f.subtract(x[:, :1], x),
    "divide": lambda f, x: f.divide(x, f.add(f.square(x[:1]), 1.0)),
    "power": lambda f, x: f.power(f.add(f.square(x), 1.0), x),
    "maximum": lambda f, x: f.maximum(x, Y),
    "minimum": lambda f, x: f.minimum(x, f.negative(x)),
    "clip": lambda f, x: f.clip(x, -0.5, 0.5),
    "where": lambda f, x: f.where(f.greater(x, 0.2), f.square(x), x),
    "sum": lambda f, x: f.sum(x, axis=1, keepdims=True),
    "mean": lambda f, x: f.mean(f.square(x), axis=-1),
    "mean of all": lambda f, x: f.mean(f.square(x)),
    "max": lambda f, x: f.max(x, axis=1),
    "min": lambda f, x: f.min(x, axis=0, keepdims=True),
    "var": lambda f, x: f.var(x, axis=1),
    "std": lambda f, x: f.std(x, axis=0),
    "logsumexp": lambda f, x: f.logsumexp(x, axis=1),
    "softmax": lambda f, x: f.softmax(x),
    "log_softmax": lambda f, x: f.log_softmax(x),
    "log_sigmoid": lambda f, x: f.log_sigmoid(x),
    "norm": lambda f, x: f.norm(x, axis=-1),
    "matmul": lambda f, x: f.matmul(x, f.transpose(x)),
    "reshape": lambda f, x: f.square(f.reshape(x, (2, 6))),
    "expand_dims": lambda f, x: f.square(f.expand_dims(x, 1)),
    "squeeze": lambda f, x: f.squeeze(x[:, :1], -1),
    "concatenate": lambda f, x: f.concatenate([x, f.square(x)], axis=0),
    "stack": lambda f, x: f.stack([x, f.square(x)], axis=1),
    "stop_gradient": lambda f, x: f.add(x, f.stop_gradient(Y)),
    "one_hot": lambda f, x: f.multiply(x, f.cast(f.one_hot(np.array([1, 0, 3]), 4), "float64")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_differences(name):
    case, rng = CASES[name], np.random.default_rng(5)
    dy = rng.normal(size=np.shape(case(functions, X)))
    direction, step = rng.normal(size=X.shape), 1e-6
    ends = [float((dy * case(functions, X + sign * step * direction)).sum()) for sign in (1, -1)]
    gradient = value_and_gradient(lambda x: case(functions, x), X, lambda y: dy)
    assert_allclose((gradient * direction).sum(), (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", CASES)
def test_the_values_are_keras(keras, name):
    want = np.asarray(CASES[name](keras.ops, keras.ops.convert_to_tensor(X)))
    assert_allclose(CASES[name](functions, X), want, rtol=1e-6, atol=1e-6)


def test_operators_and_numpys_functions_are_traced():
    def loss(x):
        return np.mean(np.square(1.0 - x) / 2 + abs(x) ** 3 - (-x) * Y + np.maximum(Y, x)).numpy() * x.sum() + x.mean()

    gradient = value_and_gradient(loss, X, np.ones_like)
    assert gradient.shape == X.shape and np.isfinite(gradient).all()
    assert np.array_equal(ops.greater(Traced(X), 0), X > 0) and len(Traced(X)) == 3 and Traced(X).ndim == 2
    with pytest.raises(TypeError, match=r"np\.arctan has no gradient here; convlens\.ops has the functions"):
        np.arctan(Traced(X))
    with pytest.raises(TypeError, match=r"cumsum has no gradient here"):
        np.cumsum(Traced(X))
    with pytest.raises(TypeError, match=r"a loss must be computed from y_pred with convlens\.ops; got ndarray"):
        value_and_gradient(lambda x: Y, X, np.ones_like)


def test_arrays_and_names():
    assert ops.ones((2, 3)).dtype == np.float32 and ops.zeros((2,)).tolist() == [0, 0]
    assert ops.mean(np.array([1, 2])) == 1.5 and ops.shape(X) == (3, 4)
    assert ops.convert_to_tensor([1.5]).dtype == np.float32
    assert_array_equal(ops.convert_to_numpy(Traced(X)), X)
    assert_array_equal(ops.argmax(X, axis=1), X.argmax(axis=1))
    with pytest.raises(AttributeError, match=r"convlens\.ops has no fft: it has Keras's functions abs, "):
        ops.fft  # noqa: B018
