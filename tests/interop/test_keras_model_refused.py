"""Networks that a Keras file or model may hold and convlens does not support: each is refused with its reason."""

from typing import Any

import pytest
from tests.support.keras_networks import conv, dense, kind, lacks, layers_of, stack

from convlens.interop.keras_file import from_keras
from convlens.interop.keras_model import to_keras
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.layer import Layer

pytestmark = [
    pytest.mark.frameworks,
    # Keras gives this warning.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


# How the network is made, and pieces of the message
REFUSED: dict[str, tuple[Any, *tuple[str, ...]]] = {
    "dropout of whole maps": (
        stack(kind("Dropout", 0.5, noise_shape=(None, 1, 1, 2))),
        "layer a: noise_shape must be None; got (None, 1, 1, 2)",
    ),
    "transposed": (stack(kind("Conv2DTranspose", 4, (3, 2))), lacks("a (Conv2DTranspose)")),
    "lambda": (stack(kind("Lambda", abs)), lacks("a (Lambda)")),
    "several": (
        stack(
            kind("Lambda", abs),
            lambda k: k.UpSampling2D(name="b"),
            lambda k: k.Conv2D(4, 2, activation="mish", name="c"),
        ),
        lacks("a (Lambda)", "b (UpSampling2D)"),
        "; layer c: activation must be one of linear, relu, ",
    ),
    "several of one kind": (
        stack(conv(activation="mish"), lambda k: k.Conv2D(3, 1, activation="mish", name="b")),
        "layers a, b: activation must be one of linear, relu, ",
        "; got mish",
    ),
    "channels first": (
        stack(kind("MaxPooling2D", (2, 1), data_format="channels_first")),
        "layer a: data_format must be channels_last; got 'channels_first'",
    ),
    "channels first, flat": (
        stack(kind("Flatten", data_format="channels_first"), end=False),
        "layer a: data_format must be channels_last; got 'channels_first'",
    ),
    "channels first, convolution": (
        stack(conv(data_format="channels_first")),
        "layer a: data_format must be channels_last; got 'channels_first'",
    ),
    "channels first, zeros": (
        stack(kind("ZeroPadding2D", 1, data_format="channels_first"), lambda k: k.Conv2D(3, 2)),
        "layer a: data_format must be channels_last; got 'channels_first'",
    ),
    "an activation": (
        stack(conv(activation="mish")),
        "layer a: activation must be one of linear, relu, ",
        "; got mish",
    ),
    "a function": (
        stack(conv(activation=lambda x: x)),
        "layer a: activation must be one of linear, relu, ",
        "; got <lambda>",
    ),
    "mixed precision": (
        stack(conv(dtype="mixed_float16")),
        "layer a: all layers must be float32, or all float64; got mixed_float16",
    ),
    "half precision": (
        stack(conv(dtype="bfloat16")),
        "layer a: all layers must be float32, or all float64; got bfloat16",
    ),
    "an output that is not flat": (
        stack(conv(), end=False),
        "layer a: the last layer's output must be of shape (classes,);",
    ),
    "dense on images": (stack(dense()), "layer a: Dense needs an input of shape (in); got (8, 7, 2)"),
    "any size": (
        stack(conv(), shape=(None, 7, 2), end=False),
        "the input must have a known shape, such as (h, w, channels); got (None, 7, 2), where convlens import",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_convlens_does_not_support_are_refused(keras, name):
    build, *pieces = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        from_keras(build(keras), engine="numpy")
    for piece in pieces:
        assert piece in str(caught.value)
    assert "\n" not in str(caught.value)


def test_layers_of_two_precisions_are_refused(keras):
    kinds = keras.layers
    theirs = layers_of(keras, kinds.Conv2D(4, (3, 2)), kinds.Flatten(dtype="float64", name="b"), kinds.Dense(3))
    with pytest.raises(ValueError, match="layer b: all layers must be float32, or all float64; got float64"):
        from_keras(theirs)


def graph(keras, build):
    x = keras.Input((8, 7, 2), name="x")
    return keras.Model(*build(keras, x), name="net")


def flat(keras, x):
    return keras.layers.Dense(3)(keras.layers.Flatten()(x))


def test_networks_that_are_not_a_chain_of_layers_are_refused(keras):
    kinds = keras.layers

    def joined(keras, x):
        return x, flat(keras, kinds.Concatenate(name="sum")([x, kinds.Conv2D(2, (3, 2), padding="same")(x)]))

    def twice(keras, x):
        shared = kinds.Conv2D(2, (3, 2), padding="same", name="shared")
        return x, flat(keras, shared(shared(x)))

    def inputs(keras, x):
        other = keras.Input((8, 7, 2))
        return [x, other], flat(keras, kinds.Add()([x, other]))

    def outputs(keras, x):
        return x, [flat(keras, x), flat(keras, x)]

    def operation(keras, x):
        return x, flat(keras, keras.ops.abs(x))

    for build, message in (
        (joined, "layer sum: a layer must have one input; Concatenate has several"),
        (twice, "layer shared: a layer must be used only once; this one is used again"),
        (inputs, "a network must have one input and one output; net has 2 and 1"),
        (outputs, "a network must have one input and one output; net has 1 and 2"),
        (operation, "(Absolute, of keras.src.ops.numpy); it has "),
        (lambda keras, x: (x, x), "a network needs at least one layer; net has none"),
    ):
        with pytest.raises(ValueError) as caught:
            from_keras(graph(keras, build))
        assert message in str(caught.value)


def test_other_objects_and_subclasses_are_refused(keras):
    class Mine(keras.Model):  # type: ignore[name-defined, misc]  # keras is a fixture
        def call(self, x):
            return x

    class Conv2D(keras.layers.Conv2D):  # type: ignore[name-defined, misc]  # keras is a fixture
        def call(self, x):
            return -super().call(x)

    for found, message in (
        (Mine(), "a Keras model must be a Sequential or functional model; got Mine"),
        ("model.keras", "a Keras model must be a Sequential or functional model; got str"),
        (keras.Sequential([keras.layers.Dense(3)], name="s"), "a Keras model must know the shape of its input; s is n"),
        (
            layers_of(keras, Conv2D(3, (3, 2), name="a"), keras.layers.Flatten()),
            f"convlens has no layer for a (Conv2D, of {__name__}); it has ",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            from_keras(found)
        assert message in str(caught.value)


@pytest.mark.parametrize("pool", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("padding", ["course", ((1, 0), (0, 0)), ((2, 1), (0, 1))])
def test_poolings_that_keras_lacks_are_refused(pool, padding):
    model = Sequential([pool((4, 2), (1, 1), padding), Flatten(), Dense(3)], (6, 5, 2))
    with pytest.raises(ValueError) as caught:
        to_keras(model)
    assert str(caught.value) == f"layer {pool.kind}: Keras pools with padding same or valid; got {padding!r}"


def test_an_unknown_layer_and_an_output_that_is_not_flat_are_refused():
    class Other(Layer):
        kind = "other"

        def output_shape(self, shape):
            return shape

    with pytest.raises(ValueError, match=r"layer other: only .*Conv2D.* can be exported to Keras; got Other"):
        to_keras(Sequential([Other(), Dense(3)], (4,)))
    with pytest.raises(ValueError, match=r"layer conv2d: the last layer's output must be of shape \(classes,\); got "):
        to_keras(Sequential([Conv2D(3, (2, 1))], (4, 5, 1)))
