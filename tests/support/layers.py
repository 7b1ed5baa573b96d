"""The checks that every layer must pass, whatever it computes."""

import numpy as np
from numpy.testing import assert_array_equal

from convlens.gradcheck import check_vjp
from convlens.nn.layer import initial_weights


def weights_of(layer, shape, dtype="float64", seed=0):
    """Random weights of a layer, its running statistics included: none is 0, and variances are above 0."""
    rng = np.random.default_rng(seed)
    found = initial_weights(layer, shape, rng, np.dtype(dtype))
    found |= {name: rng.uniform(0.3, 1.5, size) for name, size in layer.state_shapes(shape).items()}
    return {
        name: (w if w.any() and name.endswith("kernel") else rng.uniform(0.3, 1.5, w.shape)).astype(dtype)
        for name, w in found.items()
    }


def images(shape, n=3, seed=1):
    """Images (n, *shape) without two equal numbers, from -1 to 1."""
    size = n * int(np.prod(shape))
    return (np.random.default_rng(seed).permutation(size).reshape(n, *shape) - size / 2 + 0.25) * 2 / size


def check_layer(layer, shape, out, weights, engine, *, training=False, step=1e-4):
    """Check shapes, dtypes, the gradient against finite differences, and that no argument is changed.

    out: the shape of the output. weights: the wanted shapes of the trained weights, in order. training: check the
    gradient of a training pass too, with a generator of the same seed in each pass
    """
    assert layer.output_shape(shape) == out
    assert list(layer.weight_shapes(shape).items()) == list(weights.items())
    for dtype in ("float32", "float64"):
        x, own = images(shape).astype(dtype), weights_of(layer, shape, dtype)
        for array in (x, *own.values()):
            array.flags.writeable = False
        y, saved = layer.forward(x, own, engine)
        assert y.shape == (3, *out) and y.dtype == dtype
        dy = np.ones_like(y)
        dy.flags.writeable = False
        dx, gradients = layer.backward(dy, saved, own, engine)
        assert dx.shape == x.shape and dx.dtype == dtype
        assert {name: g.shape for name, g in gradients.items()} == weights
        assert all(g.dtype == dtype for g in gradients.values())
        _, alone = layer.backward(dy, saved, own, engine, need_dx=False)
        for name in weights:
            assert_array_equal(alone[name], gradients[name])
    x, own = images(shape), weights_of(layer, shape)
    state = {name: own.pop(name) for name in layer.state_shapes(shape)}
    for seed in (None, 5) if training else (None,):

        def forward(x, *values, seed=seed):
            rng = None if seed is None else np.random.default_rng(seed)
            return layer.forward(x, dict(zip(own, values, strict=True)) | state, engine, rng)

        def backward(dy, x, *values, forward=forward):
            _, saved = forward(x, *values)
            dx, found = layer.backward(dy, saved, dict(zip(own, values, strict=True)) | state, engine)
            return dx, *(found[name] for name in own)

        check_vjp(
            lambda *given, forward=forward: forward(*given)[0],
            backward,
            (x, *own.values()),
            rng=np.random.default_rng(2),
            step=step,
        )


def refused(call):
    """The message of the ValueError that a call must raise."""
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("a ValueError was expected")
