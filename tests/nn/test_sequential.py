"""Sequential: names, table, weights as views of one vector, gradients compared with finite differences, errors."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.tolerance import Tolerance

from convlens import ops
from convlens.gradcheck import check_vjp
from convlens.nn import Adam, AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential, stack

pytestmark = pytest.mark.smoke

SHAPE = (9, 8, 2)
LAYERS = (
    Conv2D(3, (3, 2), padding="same", activation="relu"),
    MaxPooling2D((2, 3), strides=(2, 1)),
    Conv2D(4, (2, 3), strides=(1, 2)),
    AveragePooling2D((1, 2), strides=(1, 1)),
    Conv2D(2, (1, 1), padding="course", activation="relu"),
    Flatten(),
    Dense(5, activation="relu"),
    Dense(3),
)
NAMES = ["conv2d", "max_pooling2d", "conv2d_1", "average_pooling2d", "conv2d_2", "flatten", "dense", "dense_1"]
OUT = [(9, 8, 3), (4, 6, 3), (3, 2, 4), (3, 1, 4), (3, 1, 2), (6,), (5,), (3,)]
PARAMETERS = [3 * 2 * 2 * 3 + 3, 0, 2 * 3 * 3 * 4 + 4, 0, 4 * 2 + 2, 0, 6 * 5 + 5, 5 * 3 + 3]
WEIGHTS = {
    "conv2d/kernel": (3, 2, 2, 3),
    "conv2d/bias": (3,),
    "conv2d_1/kernel": (2, 3, 3, 4),
    "conv2d_1/bias": (4,),
    "conv2d_2/kernel": (1, 1, 4, 2),
    "conv2d_2/bias": (2,),
    "dense/kernel": (6, 5),
    "dense/bias": (5,),
    "dense_1/kernel": (5, 3),
    "dense_1/bias": (3,),
}


def tiny(seed=0, dtype=np.float64, engine="numpy"):
    """A network with every kind of layer. Nothing is square."""
    return Sequential(LAYERS, SHAPE, name="tiny", seed=seed, dtype=dtype, engine=engine)


def batch(n=4, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, *SHAPE)).astype(dtype), rng.integers(0, 3, n)


def test_table():
    model = tiny()
    assert [row.name for row in model.table] == NAMES
    assert [row.layer for row in model.table] == list(LAYERS)
    assert [row.output_shape for row in model.table] == OUT
    assert [row.input_shape for row in model.table] == [SHAPE, *OUT[:-1]]
    assert [row.parameters for row in model.table] == PARAMETERS
    assert model.output_shape == (3,)
    assert model.count_params() == model.flat.size == sum(PARAMETERS)


def test_summary():
    assert tiny(dtype=np.float32).summary_text() == (
        "layer              kind              output shape  parameters\n"
        "-------------------------------------------------------------\n"
        "conv2d             Conv2D            9 × 8 × 3             39\n"
        "max_pooling2d      MaxPooling2D      4 × 6 × 3              0\n"
        "conv2d_1           Conv2D            3 × 2 × 4             76\n"
        "average_pooling2d  AveragePooling2D  3 × 1 × 4              0\n"
        "conv2d_2           Conv2D            3 × 1 × 2             10\n"
        "flatten            Flatten           6                      0\n"
        "dense              Dense             5                     35\n"
        "dense_1            Dense             3                     18\n"
        "-------------------------------------------------------------\n"
        "tiny: 178 parameters, float32, engine numpy"
    )


def test_weights_are_views_of_one_vector_in_order():
    model = tiny()
    named = model.named_weights()
    assert {name: w.shape for name, w in named.items()} == WEIGHTS
    assert list(named) == list(WEIGHTS)
    assert all(np.shares_memory(w, model.flat) for w in named.values())
    assert_array_equal(np.concatenate([w.ravel() for w in named.values()]), model.flat)
    model.flat[...] = np.arange(model.flat.size)
    assert named["conv2d/kernel"].flat[0] == 0
    assert named["conv2d/bias"].tolist() == [36, 37, 38]
    assert named["dense_1/bias"][-1] == model.flat.size - 1
    named["dense/bias"][2] = -1
    assert (model.flat == -1).sum() == 1


def test_views_divide_any_vector_of_this_length():
    model = tiny()
    vector = np.zeros(model.flat.size, np.float32)
    for views, weights in zip(model.views(vector), model.layer_weights, strict=True):
        assert {name: v.shape for name, v in views.items()} == {name: w.shape for name, w in weights.items()}
        for view in views.values():
            view += 1
    assert_array_equal(vector, 1)


def test_get_weights_copies_and_set_weights_takes_over():
    model, other = tiny(0), tiny(5)
    taken = model.get_weights()
    assert [w.shape for w in taken] == list(WEIGHTS.values())
    assert not any(np.shares_memory(w, model.flat) for w in taken)
    other.set_weights(taken)
    assert_array_equal(other.flat, model.flat)
    assert all(np.shares_memory(w, other.flat) for w in other.named_weights().values())
    taken[0][...] = 7
    assert not (other.flat == 7).any()
    other.set_weights([w.tolist() for w in taken])
    assert (other.flat == 7).sum() == 36


def test_set_weights_refuses_and_then_changes_nothing():
    model = tiny()
    before, right = model.flat.copy(), [w + 1 for w in model.get_weights()]
    wrong = {
        "tiny needs 10 arrays of weights; got 9": right[:-1],
        "tiny needs 10 arrays of weights; got 0": [],
        "tiny needs dense/kernel (6, 5); got (5, 6)": [w.T if k == 6 else w for k, w in enumerate(right)],
        "tiny needs dense_1/bias (3,); got (3, 1)": [*right[:-1], right[-1][:, None]],
        "tiny needs conv2d/bias (3,); got ()": [right[0], 1.0, *right[2:]],
    }
    for message, weights in wrong.items():
        with pytest.raises(ValueError) as caught:
            model.set_weights(weights)
        assert str(caught.value) == message
        assert_array_equal(model.flat, before)


def test_the_seed_decides_the_weights_and_the_dtype_does_not():
    assert_array_equal(tiny(3).flat, tiny(3).flat)
    assert not np.array_equal(tiny(3).flat, tiny(4).flat)
    assert_array_equal(tiny(3, np.float32).flat, tiny(3).flat.astype(np.float32))
    for name, w in tiny(3).named_weights().items():
        assert w.any() == name.endswith("kernel")


def test_initial_draws_the_kernels_in_order_and_biases_stay_zero():
    def initial(shape, rng, dtype):
        return np.full(shape, rng.random(), dtype)

    model = Sequential([Conv2D(3, (2, 1)), Flatten(), Dense(4)], (4, 3, 2), seed=5, initial=initial)
    drawn = np.random.default_rng(5).random(2).astype(np.float32)
    for (name, w), want in zip(model.named_weights().items(), (drawn[0], 0, drawn[1], 0), strict=True):
        assert w.shape in ((2, 1, 2, 3), (3,), (27, 4), (4,)) and (w == want).all(), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_is_one_layer_after_the_other(quick_engine, dtype):
    model, (x, _) = tiny(dtype=dtype, engine=quick_engine.name), batch(dtype=dtype)
    before = x.copy()
    logits, saved = model.forward(x)
    assert logits.dtype == dtype and logits.shape == (4, 3) and len(saved) == len(LAYERS)
    y = x
    for layer, weights in zip(model.layers, model.layer_weights, strict=True):
        y, _ = layer.forward(y, weights, quick_engine)
    assert_array_equal(logits, y)
    assert_array_equal(x, before)


def test_backward_is_the_gradient_of_the_loss_by_every_weight(quick_engine):
    """Check all layers at once, from the flat vector of weights to one loss for each example."""
    model, (x, labels) = tiny(seed=2, engine=quick_engine.name), batch()
    for name, w in model.named_weights().items():
        if name.endswith("bias"):
            w[...] = 0.1 + 0.05 * np.arange(len(w))

    def loss(flat):
        model.flat[...] = flat
        return ops.softmax_cross_entropy_forward(model.forward(x)[0], labels)

    def backward(dy, flat):
        model.flat[...] = flat
        logits, saved = model.forward(x)
        gradient = np.full_like(flat, np.nan)
        model.backward(ops.softmax_cross_entropy_backward(dy, logits, labels), saved, gradient)
        assert all(view.any() for views in model.views(gradient) for view in views.values())
        return gradient

    check_vjp(loss, backward, [model.flat.copy()], rng=np.random.default_rng(0), step=1e-5, directions=10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_gradient_is_weighted_and_writes_the_whole_gradient(quick_engine, dtype):
    model, (x, labels) = tiny(dtype=dtype, engine=quick_engine.name), batch(5, dtype)
    one, fifth = (np.full(model.flat.size, np.nan, dtype) for _ in range(2))
    loss, logits = model.loss_gradient(x, labels, 1.0, one)
    assert loss.dtype == logits.dtype == dtype and loss.shape == (5,) and logits.shape == (5, 3)
    assert_array_equal(logits, model.logits(x))
    rounding: Tolerance = {"rtol": 1e-6, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-13, "atol": 1e-13}
    assert_allclose(logits, model.forward(x)[0], **rounding)
    assert_allclose(loss, ops.softmax_cross_entropy_forward(logits, labels), **rounding)
    again, _ = model.loss_gradient(x, labels, 1 / 5, fifth)
    assert_array_equal(again, loss, "the weight is on the gradient alone")
    tolerance: Tolerance = {"rtol": 1e-3, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    assert_allclose(5 * fifth, one, **tolerance)
    alone = np.zeros_like(one)
    for k in range(5):
        part = np.empty_like(one)
        model.loss_gradient(x[k : k + 1], labels[k : k + 1], 1.0, part)
        alone += part
    assert_allclose(alone, one, **tolerance)


def test_probabilities_are_the_softmax_of_the_logits_for_any_number_of_images(monkeypatch):
    model, (x, _) = tiny(), batch(7)
    want = ops.softmax_forward(model.forward(x)[0])
    assert_allclose(model.probabilities(x), want, rtol=1e-12)
    for size in (1, 3, 7):
        monkeypatch.setattr(stack, "_PREDICT_BATCH", size)
        assert_allclose(model.probabilities(x), want, rtol=1e-12)
    assert_allclose(model.probabilities(x).sum(axis=1), 1, rtol=1e-12)
    assert model.probabilities(x[:1]).shape == (1, 3)


def test_the_same_seed_gives_the_same_bits_after_training(quick_engine):
    def train():
        model, optimizer, (x, labels) = tiny(7, np.float32, quick_engine.name), Adam(0.01), batch(16, np.float32)
        gradient, losses = np.empty_like(model.flat), []
        for _ in range(30):
            loss, _ = model.loss_gradient(x, labels, 1 / 16, gradient)
            optimizer.update(model.flat, gradient)
            losses.append(loss.mean())
        return model.flat, losses

    (first, losses), (second, _) = train(), train()
    assert_array_equal(first, second)
    assert losses[-1] < 0.7 * losses[0]


def test_one_model_serves_several_threads_at_once(engine):
    model, (x, labels) = tiny(engine=engine.name), batch(6)
    want = np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1.0, want)
    found = [np.full_like(want, np.nan) for _ in range(8)]
    threads = [threading.Thread(target=model.loss_gradient, args=(x, labels, 1.0, gradient)) for gradient in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for gradient in found:
        assert_array_equal(gradient, want)


def test_only_the_first_layer_skips_the_gradient_of_its_input(quick_engine):
    """The gradient of the images is not needed. Every other layer must compute the gradient of its input."""
    asked = []

    class Asked(Conv2D):
        def backward(self, dy, saved, weights, engine, need_dx=True):
            dx, found = super().backward(dy, saved, weights, engine, need_dx)
            asked.append((need_dx, dx is not None))
            return dx, found

    model = Sequential(
        [Asked(2, (2, 1)), Asked(3, (1, 2)), Asked(2, (2, 2)), Flatten()],
        (4, 5, 1),
        dtype=float,
        engine=quick_engine.name,
    )
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 1))
    logits, saved = model.forward(x)
    model.backward(np.ones_like(logits), saved, np.empty_like(model.flat))
    assert asked == [(True, True), (True, True), (False, False)]


def test_a_stack_without_weights():
    model = Sequential([MaxPooling2D((1, 2)), Flatten()], (2, 3, 2), dtype=np.float64)
    assert model.count_params() == 0 and model.named_weights() == {} and model.get_weights() == []
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    logits, saved = model.forward(x)
    assert logits.tolist() == [[2, 3, 8, 9]]
    model.backward(np.ones_like(logits), saved, np.empty(0))


X = np.zeros((2, *SHAPE))
BAD_IMAGES = {
    "a list": (X.tolist(), "x must be float32 or float64; got list"),
    "bytes": (X.astype("u1"), "x must be float32 or float64; got uint8"),
    "complex": (X.astype(complex), "x must be float32 or float64; got complex128"),
    "one image": (X[0], "x must be (n, 9, 8, 2) with n of at least 1; got (9, 8, 2)"),
    "turned": (X.swapaxes(1, 2), "x must be (n, 9, 8, 2) with n of at least 1; got (2, 8, 9, 2)"),
    "none": (X[:0], "x must be (n, 9, 8, 2) with n of at least 1; got (0, 9, 8, 2)"),
    "NaN": (np.where(np.arange(2) == 1, np.nan, X), "x must be finite; got 144 NaN or infinite numbers"),
    "infinite": (X - np.inf, "x must be finite; got 288 NaN or infinite numbers"),
}


@pytest.mark.parametrize(("x", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images_are_refused(x, message):
    with pytest.raises(ValueError) as caught:
        tiny().check_images("images", x)
    assert str(caught.value) == message.replace("x ", "images ", 1)


@pytest.mark.parametrize("x", [X.tolist(), X.astype("u1"), X.astype(np.float32), X.astype(bool)])
def test_predict_takes_numbers_of_any_type_as_keras_does(x):
    assert_array_equal(tiny().predict(x), tiny().predict(X))


BAD_FOR_PREDICT = {
    "complex": "x must be an array of numbers; got ndarray of complex128",
    "one image": "x must be (n, 9, 8, 2) with n of at least 1; got (9, 8, 2)",
    "turned": "x must be (n, 9, 8, 2) with n of at least 1; got (2, 8, 9, 2)",
    "none": "x must be (n, 9, 8, 2) with n of at least 1; got (0, 9, 8, 2)",
    "NaN": "x must be finite; got 144 NaN or infinite numbers",
    "infinite": "x must be finite; got 288 NaN or infinite numbers",
}


@pytest.mark.parametrize("name", BAD_FOR_PREDICT)
def test_predict_refuses_what_is_no_image_of_the_network(name):
    with pytest.raises(ValueError) as caught:
        tiny().predict(BAD_IMAGES[name][0])
    assert str(caught.value) == BAD_FOR_PREDICT[name]


def test_images_of_another_dtype_than_the_model_are_refused_by_logits():
    with pytest.raises(ValueError, match=r"^conv2d needs x and w of the same dtype; got x float32, w float64$"):
        tiny().logits(X.astype(np.float32))


ILLEGAL = {
    "a dense layer on an image": (
        [Conv2D(2, 2), Dense(3)],
        "layer dense: Dense needs an input of shape (in); got (8, 7, 2)",
    ),
    "a conv layer on a vector": (
        [Conv2D(2, 2), Flatten(), Conv2D(2, 2)],
        "layer conv2d_1: Conv2D needs an input of shape (h, w, channels); got (112,)",
    ),
    "a pool on a vector": (
        [Flatten(), MaxPooling2D()],
        "layer max_pooling2d: MaxPooling2D needs an input of shape (h, w, channels); got (144,)",
    ),
    "a kernel too large": (
        [MaxPooling2D((3, 3)), MaxPooling2D((2, 3))],
        "layer max_pooling2d_1: the kernel must fit into the padded input; got kernel (2, 3), padded input (3, 2)",
    ),
    "a window of padding alone": (
        [AveragePooling2D((2, 1), padding=((0, 0), (1, 0)))],
        "layer average_pooling2d: AveragePooling2D needs fewer columns of padding than the kernel has columns, so that "
        "every window sees some input; got padding (1, 0), kernel (2, 1)",
    ),
    "no layers": ([], "a Sequential needs at least one layer; got none"),
}


@pytest.mark.parametrize(("layers", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_stacks_are_refused_and_the_layer_is_named(layers, message):
    with pytest.raises(ValueError) as caught:
        Sequential(layers, SHAPE)
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", object])
def test_bad_dtypes_are_refused(dtype):
    with pytest.raises(ValueError) as caught:
        Sequential([Flatten()], SHAPE, dtype=dtype)
    assert str(caught.value) == f"dtype must be float32 or float64; got {np.dtype(dtype)}"


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match=r"^engine must be one of auto, "):
        Sequential([Flatten()], SHAPE, engine="gpu")


def test_activations_may_be_functions():
    from convlens import activations

    assert Dense(3, activation=activations.relu).activation == "relu"
    assert_allclose(activations.softmax(np.zeros((2, 4))), 0.25)
    assert activations.get(None)([1, 2]).tolist() == [1, 2] and activations.serialize(activations.swish) == "silu"
    with pytest.raises(AttributeError, match=r"^convlens has no activation mish; it has relu, tanh, "):
        activations.mish  # noqa: B018


def test_one_logit_is_a_probability_by_a_sigmoid():
    x = np.random.default_rng(0).random((3, 4), np.float32)
    model = Sequential([Dense(1)], (4,), engine="numpy")
    logits = model.predict(x)
    assert_allclose(model.probabilities(x), 1 / (1 + np.exp(-logits)), rtol=1e-6)
