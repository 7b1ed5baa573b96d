"""Checks that lenet5 of a course file agrees with convlens: layers, initial weights, values, one step of Adam.

Each check takes the function and raises an error if it is wrong. The checks of task 4 make new graphs, so that
TensorFlow stays eager for other tests in the process.
"""

import dataclasses
import math
import random

import numpy as np
from numpy.testing import assert_allclose
from tests.support.course_files import FOLDER

FILES = {"tensorflow": "4-lenet5.py", "keras": "5-lenet5.py"}
MAINS = ["4-main.py", "5-main.py"]
SIGNATURES = {"tensorflow": "(x, y)", "keras": "(X)"}
IMPORTS = {"tensorflow": "import tensorflow.compat.v1 as tf", "keras": "import tensorflow.keras as K"}
PARAMETERS = 61_706
EPSILON = {"tensorflow": 1e-8, "keras": 1e-7}  # the epsilon of each framework's Adam
BUILDS = 4  # networks whose initial weights are checked together
TASKS = list(FILES)


def source(task):
    return (FOLDER / FILES[task]).read_text()


# What the files must equal --------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Reference:
    """Weights, a batch, and what convlens computes from both in float64."""

    weights: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    output: np.ndarray
    loss: float
    accuracy: float
    gradients: list[np.ndarray]
    steps: dict[str, list[np.ndarray]]


def make_reference():
    """Return the reference. About half of the labels are predicted, so that the accuracy is neither 0 nor 1."""
    from convlens.models.lenet5 import lenet5
    from convlens.nn import Adam

    rng = np.random.default_rng(0)
    model = lenet5(seed=6, dtype=np.float64, engine="numpy")
    model.flat += 0.05 * rng.standard_normal(model.flat.size)  # biases that are not 0
    model.flat[...] = model.flat.astype(np.float32)
    start = model.get_weights()
    x = rng.random((40, 28, 28, 1), np.float32)
    x[x < 0.6] = 0  # a background of zeros, like digits, so that max pooling meets ties
    output = model.predict(x.astype(np.float64))
    labels = np.where(rng.random(40) < 0.5, output.argmax(axis=1), rng.integers(0, 10, 40))
    gradient, first = np.empty_like(model.flat), model.flat.copy()
    loss, logits = model.loss_gradient(x.astype(np.float64), labels, 1 / 40, gradient)
    accuracy = (logits.argmax(axis=1) == labels).mean()
    gradients = [view.copy() for views in model.views(gradient) for view in views.values()]
    steps = {}
    for task, epsilon in EPSILON.items():
        model.flat[...] = first
        Adam(epsilon=epsilon).update(model.flat, gradient)
        steps[task] = model.get_weights()
    return Reference(start, x, np.eye(10)[labels], output, loss.mean(), accuracy, gradients, steps)


def our_table():
    """One row for each layer: kind, kernel, strides, padding, activation, output shape."""
    from convlens.models.lenet5 import lenet5
    from convlens.nn import Conv2D, Dense, MaxPooling2D

    rows = []
    for layer, shape, out in ((row.layer, row.input_shape, row.output_shape) for row in lenet5().table):
        if isinstance(layer, Conv2D):
            kernel = layer.weight_shapes(shape)["kernel"]
            rows.append(["convolution", kernel, layer.strides, layer.padding, layer.activation, out])
        elif isinstance(layer, MaxPooling2D):
            rows.append(["maximum", layer.pool_size, layer.strides, layer.padding, None, out])
        elif isinstance(layer, Dense):
            rows.append(["dense", layer.weight_shapes(shape)["kernel"], None, None, layer.activation, out])
        else:
            rows.append(["flatten", None, None, None, None, out])
    assert rows[-1][4] is None  # the last layer of convlens gives logits; its loss and `predict` apply softmax
    rows[-1][4] = "softmax"
    return rows


def check_start(networks):
    """Check that each kernel is he_normal and each bias 0; `networks` is a list of lists [kernel, bias, ...].

    he_normal has mean 0 and variance 2 / inputs: a normal distribution that is cut off at two standard deviations.
    """
    for kernels in list(zip(*networks, strict=True))[0::2]:
        deviation = math.sqrt(2 / math.prod(kernels[0].shape[:-1]))
        values = np.stack(kernels) / deviation
        assert all(not np.array_equal(values[0], other) for other in values[1:]), (
            "two networks start with the same weights"
        )
        assert abs(values.mean()) < 0.2, f"mean {values.mean():.2f} standard deviations"
        assert abs(values.var() - 1) < 0.2, f"variance {values.var():.2f} times that of he_normal"
        cut = 2 / 0.87962566103423978  # cutting makes the standard deviation smaller; he_normal corrects it
        assert 2 < abs(values).max() < cut * 1.001, f"largest {abs(values).max():.2f} standard deviations"
    assert not any(bias.any() for weights in networks for bias in weights[1::2]), "an initial bias is not 0"


def check_arrays(found, want, tolerance=1e-5):
    assert [np.shape(a) for a in found] == [np.shape(a) for a in want]
    for got, right in zip(found, want, strict=True):
        assert_allclose(got, right, rtol=0, atol=tolerance)


def adam(weights, gradients, epsilon):
    """The first step of Adam with the default rates, from its definition."""
    rate = 0.001 * math.sqrt(1 - 0.999) / (1 - 0.9)
    return [
        w - rate * 0.1 * g / (math.sqrt(1 - 0.999) * abs(g) + epsilon)
        for w, g in zip(weights, (np.float64(g) for g in gradients), strict=True)
    ]


# Task 4 ---------------------------------------------------------------------------------------------------------------


class Graph:
    """A new graph with `networks` networks built by the function `lenet5`, and a session."""

    def __init__(self, lenet5, networks=1, dtype="float32"):
        import tensorflow.compat.v1 as tf

        self.tf = tf
        self.graph = tf.Graph()
        random.seed(0)
        with self.graph.as_default():
            tf.set_random_seed(0)
            self.x = tf.placeholder(tf.float32, (None, 28, 28, 1))
            self.y = tf.placeholder(dtype, (None, 10))
            self.made, self.variables = [], []
            for _ in range(networks):
                before = len(tf.trainable_variables())
                self.made.append(lenet5(self.x, self.y))
                self.variables.append(tf.trainable_variables()[before:])
            self.start = tf.global_variables_initializer()
        plain = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        plain.graph_options.rewrite_options.disable_meta_optimizer = True  # it costs more than the few runs of a graph
        self.session = tf.Session(graph=self.graph, config=plain)
        self.session.run(self.start)

    def set_weights(self, weights, network=0):
        starts = [variable.initializer for variable in self.variables[network]]
        values = {start.inputs[1]: value for start, value in zip(starts, weights, strict=True)}
        self.session.run(starts, values)

    def run(self, what, reference):
        return self.session.run(what, {self.x: reference.x, self.y: reference.y})


def ancestors(tensor, x):
    """The operations from x to the tensor, following the first input of each."""
    found = []
    while tensor is not x:
        found.append(tensor.op)
        tensor = tensor.op.inputs[0]
    return found[::-1]


def variable_name(tensor):
    """The name of the variable from which the tensor is read."""
    operation = tensor.op
    while operation.inputs:
        assert operation.type in ("ReadVariableOp", "Identity"), f"{operation.type} instead of a variable"
        operation = operation.inputs[0].op
    return operation.name


def graph_table(graph):
    """The same rows as `our_table` from the operations of the graph, and the names of the variables that they read."""
    rows, read = [], []
    for op in ancestors(graph.made[0][0], graph.x):
        out = tuple(op.outputs[0].shape)[1:]
        if op.type in ("Conv2D", "MatMul"):
            read.append(variable_name(op.inputs[1]))
        if op.type == "Conv2D":
            strides, padding = tuple(op.get_attr("strides")[1:3]), op.get_attr("padding").decode().lower()
            rows.append(["convolution", tuple(op.inputs[1].shape), strides, padding, None, out])
        elif op.type == "MatMul":
            rows.append(["dense", tuple(op.inputs[1].shape), None, None, None, out])
        elif op.type == "MaxPool":
            sizes = (tuple(op.get_attr(name)[1:3]) for name in ("ksize", "strides"))
            rows.append(["maximum", *sizes, op.get_attr("padding").decode().lower(), None, out])
        elif op.type == "Reshape":
            rows.append(["flatten", None, None, None, None, out])
        elif op.type in ("AddV2", "Add", "BiasAdd"):
            read.append(variable_name(op.inputs[1]))
        elif op.type in ("Relu", "Softmax"):
            assert rows[-1][4] is None
            rows[-1][4] = op.type.lower()
        else:
            raise AssertionError(f"{op.type} is not part of LeNet-5")
    return rows, read


def tensorflow_layers(lenet5, reference):
    """Kinds, kernels, strides, padding, activations; each layer has a bias; every trained variable is used."""
    graph = Graph(lenet5)
    rows, read = graph_table(graph)
    assert rows == our_table()
    assert read == [variable.op.name for variable in graph.variables[0]]
    assert sum(math.prod(variable.shape.as_list()) for variable in graph.variables[0]) == PARAMETERS
    with graph.graph.as_default():
        assert graph.tf.losses.get_regularization_losses() == []


def tensorflow_start(lenet5, reference):
    """he_normal weights in several networks of one graph."""
    graph = Graph(lenet5, BUILDS)
    check_start([graph.session.run(variables) for variables in graph.variables])


def tensorflow_values(lenet5, reference):
    """Output, loss and accuracy for labels of either type; the second result is an operation."""
    for dtype in ("float32", "int32"):
        graph = Graph(lenet5, dtype=dtype)
        graph.set_weights(reference.weights)
        output, train, loss, accuracy = graph.made[0]
        assert isinstance(train, graph.tf.Operation)
        found, *numbers = graph.run((output, loss, accuracy), reference)
        assert_allclose(found.sum(axis=1), 1, atol=1e-6)
        check_arrays([found, *numbers], [reference.output, reference.loss, reference.accuracy])


def tensorflow_step(lenet5, reference):
    """The gradient of the loss, and one step of Adam."""
    graph = Graph(lenet5)
    graph.set_weights(reference.weights)
    _, train, loss, _ = graph.made[0]
    with graph.graph.as_default():
        gradients = graph.run(graph.tf.gradients(loss, graph.variables[0]), reference)
    check_arrays(gradients, reference.gradients)
    graph.run(train, reference)
    after = graph.session.run(graph.variables[0])
    check_arrays(after, reference.steps["tensorflow"])
    check_arrays(after, adam(reference.weights, gradients, EPSILON["tensorflow"]), 1e-7)


def tensorflow_twice(lenet5, reference):
    """Two networks in one graph share no weights, and training one does not change the other."""
    graph = Graph(lenet5, 2)
    assert [len(variables) for variables in graph.variables] == [10, 10]
    graph.set_weights(reference.weights)
    other = graph.session.run(graph.variables[1])
    graph.set_weights(reference.weights, 1)
    check_arrays(graph.run(graph.made[0][0], reference), reference.output)
    graph.set_weights(other, 1)
    graph.run(graph.made[0][1], reference)
    check_arrays(graph.session.run(graph.variables[1]), other, 0)
    check_arrays(graph.session.run(graph.variables[0]), reference.steps["tensorflow"])


# Task 5 ---------------------------------------------------------------------------------------------------------------


def network(lenet5):
    import tensorflow.keras as K  # noqa: N812 — the course's name

    return lenet5(K.Input(shape=(28, 28, 1)))


def plain_network(lenet5):
    """A network that computes a batch at once: for one batch, to make a graph of it takes long."""
    model = network(lenet5)
    model.run_eagerly = True
    return model


def keras_row(layer):
    """The same row as in `our_table`, from the layer's configuration."""
    config, out = layer.get_config(), tuple(layer.output.shape)[1:]
    kind = type(layer).__name__
    if kind == "MaxPooling2D":
        return ["maximum", tuple(config["pool_size"]), tuple(config["strides"]), config["padding"], None, out]
    if kind == "Flatten":
        return ["flatten", None, None, None, None, out]
    assert config["use_bias"]
    assert config["kernel_regularizer"] is config["bias_regularizer"] is None
    kernel = tuple(layer.kernel.shape)
    if kind == "Conv2D":
        assert config["groups"] == 1 and tuple(config["dilation_rate"]) == (1, 1)
        return ["convolution", kernel, tuple(config["strides"]), config["padding"], config["activation"], out]
    assert kind == "Dense", f"{kind} is not part of LeNet-5"
    return ["dense", kernel, None, None, config["activation"], out]


def keras_layers(lenet5, reference):
    """Kinds, kernels, strides, padding and activations in order; each layer takes the output of the one before."""
    model = network(lenet5)
    first, *layers = model.layers
    assert type(first).__name__ == "InputLayer"
    assert [keras_row(layer) for layer in layers] == our_table()
    for before, layer in zip(model.layers, layers, strict=False):
        assert layer.input is before.output
    assert model.output is layers[-1].output
    assert model.count_params() == PARAMETERS
    assert all(layer.trainable for layer in layers)


def keras_compiled(lenet5, reference):
    """Compiled with the default Adam, the loss for one-hot labels, and accuracy."""
    import tensorflow.keras as K  # noqa: N812

    model = network(lenet5)
    assert isinstance(model, K.Model)
    assert type(model.optimizer) is K.optimizers.Adam
    found, want = (optimizer.get_config() | {"name": "adam"} for optimizer in (model.optimizer, K.optimizers.Adam()))
    assert found == want
    config = model.get_compile_config()
    assert (config["loss"], config["metrics"]) == ("categorical_crossentropy", ["accuracy"])


def keras_start(lenet5, reference):
    """he_normal weights in several networks."""
    random.seed(0)
    check_start([network(lenet5).get_weights() for _ in range(BUILDS)])


def keras_values(lenet5, reference):
    """Output, loss and accuracy."""
    model = plain_network(lenet5)
    model.set_weights(reference.weights)
    output = model(reference.x).numpy()
    found = model.test_on_batch(reference.x, reference.y, return_dict=True)
    assert_allclose(output.sum(axis=1), 1, atol=1e-6)
    want = [reference.output, reference.loss, reference.accuracy]
    check_arrays([output, found["loss"], found["accuracy"]], want)


def keras_step(lenet5, reference):
    """One step of Adam."""
    model = plain_network(lenet5)
    model.set_weights(reference.weights)
    model.train_on_batch(reference.x, reference.y)
    check_arrays(model.get_weights(), reference.steps["keras"])


# The checks applied to the files and to wrong variants ----------------------------------------------------------------

CHECKS = {
    "tensorflow": {
        "layers": tensorflow_layers,
        "start": tensorflow_start,
        "values": tensorflow_values,
        "step": tensorflow_step,
        "twice": tensorflow_twice,
    },
    "keras": {
        "layers": keras_layers,
        "compiled": keras_compiled,
        "start": keras_start,
        "values": keras_values,
        "step": keras_step,
    },
}
