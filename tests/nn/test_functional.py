"""`Model(inputs, outputs)`: a chain of layers written as calls, and the outputs of inner layers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import convlens
from convlens import Input, Model, Sequential, layers
from convlens.nn.functional import Extractor

X = np.random.default_rng(3).random((5, 6, 5, 1)).astype("float32")


def small(end="softmax"):
    return Sequential(
        [
            Input((6, 5, 1)),
            layers.Conv2D(3, (2, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation=end),
        ]
    )


def test_a_chain_is_a_sequential():
    inputs = Input((6, 5, 1), name="images")
    x = layers.Conv2D(3, (2, 3), activation="relu", name="c")(inputs)
    assert x.shape == (None, 5, 3, 3)
    model = Model(inputs=inputs, outputs=layers.Dense(4)(layers.Flatten()(x)), name="mine")
    assert isinstance(model, Sequential) and model.name == "mine" and model.layers[0].name == "c"
    model.set_weights(small().get_weights())
    assert_allclose(model.predict(X), small(None).logits(X))
    assert convlens.models.Model is Model


def test_a_model_in_a_chain_and_new_layers_on_an_inner_output():
    base = small()
    inputs = Input((6, 5, 1))
    assert_allclose(Model(inputs, base(inputs)).predict(X), base.predict(X))
    base.layers[0].trainable = False
    model = Model(base.input, layers.Dense(2)(base.get_layer("flatten").output))
    assert model.output_shape == (2,) and len(model.trainable_weights) == 2
    assert_array_equal(model.get_weights()[0], base.get_weights()[0])


@pytest.mark.parametrize("end", ["softmax", None])
def test_the_outputs_of_inner_layers(end):
    model = small(end)
    every = Model(model.inputs, [layer.output for layer in model.layers])
    assert isinstance(every, Extractor) and every.output_shape == [(5, 3, 3), (45,), (4,)]
    found = every(X)
    assert [y.shape for y in found] == [(5, 5, 3, 3), (5, 45), (5, 4)]
    assert_allclose(found[-1], model.predict(X), rtol=1e-6)
    one = Model(model.input, model.layers[1].output)
    assert_allclose(one.predict(X, batch_size=2), found[1], rtol=1e-6)
    model.set_weights([w * 0 for w in model.get_weights()])
    assert not one(X).numpy().any()  # the weights are shared
    assert len(one.layers) == 2 and one.get_layer("conv2d").count_params() == 21
    with pytest.raises(AttributeError, match="have no compile: they are computed with the weights of the model"):
        one.compile("adam", "mse")


def test_a_softmax_of_its_own_and_several_outputs_of_a_chain():
    model = Sequential([Input((4,)), layers.Dense(3), layers.Softmax()])
    both = Model(model.input, [model.layers[0].output, model.output])(np.ones((2, 4)))
    assert_allclose(both[0], model.logits(np.ones((2, 4), "float32")), rtol=1e-6)
    assert_allclose(both[1].sum(axis=1), [1, 1], rtol=1e-6)
    inputs = Input((4,))
    x = layers.Dense(3)(inputs)
    assert [y.shape for y in Model(inputs, [x, layers.Dense(2)(x)])(np.ones((2, 4)))] == [(2, 3), (2, 2)]


def test_layers_of_a_built_model_are_a_built_model():
    model = small()
    base = Sequential(model.layers[:-1])
    assert base.built and base.output_shape == (45,)
    assert_array_equal(base.get_weights()[0], model.get_weights()[0])


def test_what_is_no_chain_is_refused():
    x, other = Input((4,)), Input((4,))
    for make, message in (
        (
            lambda: Model(x, [layers.Dense(2)(x), layers.Dense(3)(x)]),
            "outputs must lie on one chain; got 2 branches: a ",
        ),
        (lambda: Model([x, other], layers.Dense(2)(x)), "inputs must be one Input; got 2 inputs: a network is one"),
        (lambda: Model(x, layers.Dense(2)(other)), "outputs must be computed from inputs; got those of another Input"),
        (lambda: Model(x, np.ones(3)), "outputs must be what layers give for the input"),
        (lambda: Model(x, {"a": layers.Dense(2)(x)}), "got a dictionary"),
        (lambda: layers.Conv2D(2, 3)(x), "Conv2D needs an input of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(TypeError, match="Model needs inputs and outputs"):
        Model(x)
