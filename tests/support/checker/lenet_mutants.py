"""Wrong variants of the course's two LeNets, and the mistake that the checks must name first for each.

FOREIGN gives the mistake for each variant of `lenet5_mutants.MUTANTS`. OWN has more variants: framework -> what is
wrong -> (text of the file, its replacement everywhere, mistake). "" is a failure without a known mistake.
"""

from tests.support.lenet5_checks import source
from tests.support.lenet5_mutants import MUTANTS

# None: the checks must find no mistake. A 2 × 2 pool of 28 or 10 rows needs no padding, and the task does not name one.
# The task does not ask for a second network in the same graph. Editions of the course differ in the import and in the
# seed, so both are accepted.
FOREIGN = {
    "tensorflow": {
        "scale 1.0": "initializer_scale",
        "uniform": "initializer_uniform",
        "by the outputs": "initializer_fan_out",
        "the default initializer": "initializer_missing",
        "initializer as regularizer": "initializer_as_regularizer",
        "initializer missing on the last layer": "initializer_missing",
        "biases from 1": "bias_not_zero",
        "softmax on the wrong layer": "softmax_wrong_layer",
        "logits for the output": "softmax_missing",
        "softmax on a hidden layer": "softmax_wrong_layer",
        "no bias on the last layer": "no_bias",
        "zeros only at the top and left": "padding_other",
        "second convolution same": "padding_same",
        "average pool": "average_pool",
        "pool same": None,
        "pool 3": "pool_size",
        "missing relu": "activation_missing",
        "relu on the logits": "relu_on_logits",
        "stochastic gradient descent": "optimizer_not_adam",
        "Adam at another rate": "optimizer_rate",
        "Adam with Keras's epsilon": "optimizer_epsilon",
        "loss on probabilities": "softmax_twice",
        "loss summed": "loss_summed",
        "labels smoothed": "loss_other",
        "accuracy over the wrong axis": "accuracy_axis",
        "hits counted": "accuracy_summed",
        "another order": "returns_order",
        "one network a graph": None,
        "weights shared": "weights_shared",
    },
    "keras": {
        "glorot": "initializer_missing",
        "he_uniform": "initializer_uniform",
        "scale 1.0": "initializer_scale",
        "one initializer for all": None,
        "initializer missing on the last layer": "initializer_missing",
        "initializer as regularizer": "initializer_as_regularizer",
        "no softmax": "softmax_missing",
        "softmax on the wrong layer": "softmax_wrong_layer",
        "no bias": "no_bias",
        "first convolution valid": "padding_valid",
        "second convolution same": "padding_same",
        "average pool": "average_pool",
        "pool same": None,
        "missing relu": "activation_missing",
        "83 units": "units",
        "stochastic gradient descent": "optimizer_not_adam",
        "Adam at another rate": "optimizer_rate",
        "another loss": "loss_other",
        "loss on logits": "softmax_twice",
        "no accuracy": "metrics_missing",
        "frozen": "frozen",
    },
}

LOSS = "tf.losses.softmax_cross_entropy(y, logits)"
NN_LOSS = "tf.nn.softmax_cross_entropy_with_logits_v2"
SCALE = "tf.keras.initializers.VarianceScaling(scale=2.0)"
POOL_AND_FLAT = 'strides=2, padding="VALID")\n\n    flat'
TRAIN = "tf.train.AdamOptimizer().minimize(loss)"
ADAM = "K.optimizers.Adam()"
POOL = "    maps = K.layers.MaxPooling2D((2, 2), strides=(2, 2))(maps)\n"
UNUSED = f"{POOL}    flat = "
CONV_2 = '    maps = K.layers.Conv2D(16, (5, 5), padding="valid", '
MAPS = f'padding="same", **hidden)(X)\n{POOL}{CONV_2}'
DENSE = "Dense(120, **hidden)(flat)\n    flat = K.layers.Dense(84,"
COMPILE = 'model.compile(optimizer=K.optimizers.Adam(),\n                  loss="categorical_crossentropy", '

OWN: dict[str, dict[str, tuple[str, str, str | None]]] = {
    "tensorflow": {
        "another name": ("def lenet5(", "def lenet(", ""),
        "tf.contrib": (SCALE, "tf.contrib.layers.variance_scaling_initializer()", "tf_contrib"),
        "tf.contrib imported": ("as tf\n", "as tf\nfrom tensorflow.contrib import layers\n", "tf_contrib"),
        "version 2's names": ("import tensorflow.compat.v1 as tf", "import tensorflow as tf", None),
        "three things": ("return y_pred, train, loss, accuracy", "return y_pred, train, loss", "returns_order"),
        "training first": ("return y_pred, train,", "return train, y_pred,", "returns_order"),
        "softmax along the examples": ("tf.nn.softmax(logits)", "tf.nn.softmax(logits, axis=0)", "softmax_axis"),
        "tanh": ("tf.nn.relu(tf.matmul(", "tf.tanh(tf.matmul(", "activation_other"),
        "no relu at all": ("tf.nn.relu(", "(", "activation_missing"),
        "no bias in the convolutions": ("tf.nn.relu(maps + bias)", "tf.nn.relu(maps)", "no_bias"),
        "3 × 3 kernels": ("(5, 5, 6, 16)", "(3, 3, 6, 16)", "kernel_size"),
        "pool by 1": (POOL_AND_FLAT, POOL_AND_FLAT.replace("strides=2", "strides=1"), "pool_stride"),
        "85 units": ("84", "85", "units"),
        "channels first": ("reshape(maps,", "reshape(tf.transpose(maps, (0, 3, 1, 2)),", "flatten_order"),
        "images divided": ("tf.nn.conv2d(x,", "tf.nn.conv2d(x / 255,", "input_changed"),
        "not truncated": ("scale=2.0", 'scale=2.0, distribution="untruncated_normal"', "initializer_not_truncated"),
        "a fixed deviation": (SCALE, "tf.random_normal_initializer(stddev=0.1)", "initializer_other"),
        "kernels from 0": (SCALE, "tf.zeros_initializer()", "initializer_other"),
        "a fixed seed": ("scale=2.0", "scale=2.0, seed=1", None),
        "first kernel not trained": ("=he_normal)", "=he_normal, trainable=shape[0] != 84)", "frozen"),
        "labels as numbers": (LOSS, "tf.losses.sparse_softmax_cross_entropy(y, logits)", "loss_sparse"),
        "run": ("    return y_pred, train", "    tf.Session().run(1 * y)\n    return y_pred, train", "graph_run"),
        "nothing returned": ("return y_pred, train, loss, accuracy", "pass", "returns_missing"),
        "optimizer returned": (TRAIN, "tf.train.AdamOptimizer()", "returns_optimizer"),
        "accuracy and its update": ("loss, accuracy\n", "loss, (accuracy, train)\n", "returns_metric"),
        "a loss an example": (LOSS, f"{NN_LOSS}(labels=y, logits=logits)", "loss_not_reduced"),
        "minus the loss": (LOSS, f"-{LOSS}", "loss_sign"),
        "labels and logits swapped": (LOSS, "tf.losses.softmax_cross_entropy(logits, y)", "no_gradient"),
        "swapped, can be trained": (LOSS, f"tf.reduce_mean({NN_LOSS}(labels=logits, logits=1.0 * y))", "loss_swapped"),
        "sigmoid cross-entropy": (LOSS, "tf.losses.sigmoid_cross_entropy(y, logits)", "loss_other"),
        "weights decay": (LOSS, f"{LOSS} + 0.01 * tf.nn.l2_loss(kernel)", "loss_other"),
        "labels not cast": (LOSS, "-tf.reduce_sum(tf.reduce_mean(y * tf.nn.log_softmax(logits), 0))", "labels_cast"),
        "percent": ("= tf.reduce_mean(", "= 100 * tf.reduce_mean(", "accuracy_other"),
        "momentum": ("AdamOptimizer()", "MomentumOptimizer(0.001, 0.9)", "optimizer_not_adam"),
        "RMSprop": ("AdamOptimizer()", "RMSPropOptimizer(0.001)", "optimizer_not_adam"),
        "Adagrad": ("AdamOptimizer()", "AdagradOptimizer(0.01)", "optimizer_not_adam"),
        "another beta": ("AdamOptimizer()", "AdamOptimizer(beta1=0.5)", "optimizer_other"),
        "maximized": ("minimize(loss)", "minimize(-loss)", "maximized"),
        "only the last layer is trained": ("minimize(loss)", "minimize(loss, var_list=[kernel, bias])", "frozen"),
        "nothing is trained": (TRAIN, "tf.no_op()", "not_trained"),
    },
    "keras": {
        "nothing returned": ("    return model", "", "returns_missing"),
        "tensor returned": ("return model", "return Y", "returns_model"),
        "not compiled": (COMPILE + 'metrics=["accuracy"])', "pass", "not_compiled"),
        "tanh": ('"activation": "relu"', '"activation": "tanh"', "activation_other"),
        "no relu at all": ('"activation": "relu", ', "", "activation_missing"),
        "softmax twice": ("outputs=Y", "outputs=K.layers.Softmax()(Y)", "softmax_twice"),
        "average in both": ("MaxPooling", "AveragePooling", "average_pool"),
        "3 × 3 kernels": ("Conv2D(16, (5, 5)", "Conv2D(16, (3, 3)", "kernel_size"),
        "dropout": (
            "(flat)\n    model",
            "(K.layers.Dropout(0.5)(flat))\n    model",
            "layer_other",
        ),
        "images divided": ("**hidden)(X)", "**hidden)(K.layers.Rescaling(1 / 255)(X))", "layer_other"),
        "weights decay": ("Dense(84,", 'Dense(84, kernel_regularizer="l2",', "regularizer"),
        "biases from 1": ("Dense(84,", 'Dense(84, bias_initializer="ones",', "bias_not_zero"),
        "a fixed deviation": ('"he_normal"}', "K.initializers.TruncatedNormal(stddev=0.05)}", "initializer_other"),
        "pool unused": (UNUSED, UNUSED.replace("maps = ", "pool = "), "layer_unused"),
        "pool missing": (UNUSED, "    flat = ", "layer_missing"),
        "never built": ("K.Model(inputs=X, outputs=Y)", "K.Sequential([K.layers.Dense(10)])", "unbuilt"),
        "paddings swapped": (
            MAPS,
            MAPS.replace("same", "?").replace("valid", "same").replace("?", "valid"),
            "padding_swapped",
        ),
        "units swapped": (DENSE, DENSE.replace("84", "?").replace("120", "84").replace("?", "120"), "units_swapped"),
        "dense before flatten": (
            "flat = K.layers.Dense(120, **hidden)(flat)",
            "flat = K.layers.Flatten()(K.layers.Dense(120, **hidden)(maps))",
            "flatten_missing",
        ),
        "misspelt": ("K.layers.Flatten", "K.layers.flatten", "unknown_name"),
        "undefined": ("outputs=Y", "outputs=y", "undefined_name"),
        "layers made once": (
            "def lenet5(X):",
            """def once(layer, made={}):
    return lambda *sizes, **more: made.setdefault((layer, sizes), layer(*sizes, **more))


class K:
    Model, optimizers = K.Model, K.optimizers

    class layers:
        Conv2D, Dense = once(K.layers.Conv2D), once(K.layers.Dense)
        Flatten, MaxPooling2D = K.layers.Flatten, K.layers.MaxPooling2D


def lenet5(X):""",
            "weights_shared",
        ),
        "all frozen": ("return model", "model.trainable = False\n    return model", "frozen"),
        "labels as numbers": ("categorical_crossentropy", "sparse_categorical_crossentropy", "loss_sparse"),
        "binary cross-entropy": ("categorical_crossentropy", "binary_crossentropy", "loss_other"),
        "another metric": ('["accuracy"]', '["mse"]', "accuracy_other"),
        "momentum": (ADAM, "K.optimizers.SGD(0.001, momentum=0.9)", "optimizer_not_adam"),
        "RMSprop": (ADAM, '"rmsprop"', "optimizer_not_adam"),
        "Nadam": (ADAM, '"nadam"', "optimizer_not_adam"),
        "AdamW": (ADAM, "K.optimizers.AdamW(weight_decay=0.1)", "optimizer_not_adam"),
        "another beta": (ADAM, "K.optimizers.Adam(beta_1=0.5)", "optimizer_other"),
        "another epsilon": (ADAM, "K.optimizers.Adam(epsilon=1e-3)", "optimizer_epsilon"),
    },
}


def mutants():
    """(framework, what is wrong, text of the file, mistake) for each variant of both tables."""
    for framework, table in FOREIGN.items():
        for name, mistake in table.items():
            old, new, _ = MUTANTS[framework][name]
            yield framework, name, source(framework).replace(old, new), mistake
    for framework, more in OWN.items():
        for name, (old, new, mistake) in more.items():
            assert old in source(framework), f"{old!r} must occur in the file of {framework}"
            yield framework, f"{name} (own)", source(framework).replace(old, new), mistake


CASES = {f"{framework}: {name}": (framework, text, mistake) for framework, name, text, mistake in mutants()}
