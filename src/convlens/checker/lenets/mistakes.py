"""The known mistakes in LeNet-5, by name, each with a hint for the student."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HINTS", "Likely", "hint"]


class Likely(NamedTuple):
    """A likely mistake: its name in HINTS, and details of this case or ""."""

    mistake: str
    what: str = ""


HINTS = {
    "softmax_wrong_layer": "a softmax belongs only to the last layer, which has 10 outputs",
    "softmax_missing": "the output must be the softmax of the last layer's logits, not the logits themselves",
    "softmax_twice": "softmax is applied twice: a loss that applies softmax itself needs logits, not probabilities",
    "softmax_axis": "softmax must go over each example's 10 classes (the last axis), not over the examples",
    "activation_missing": "each convolution and each dense layer except the last one must end with ReLU",
    "activation_other": "each convolution and each dense layer must end with ReLU, but the last layer with softmax",
    "relu_on_logits": "the last layer must have a softmax and no ReLU",
    "no_bias": "every convolution and every dense layer must add a bias",
    "average_pool": "both pooling layers must take the maximum of each window, not its average",
    "pool_size": "both pooling layers must have windows of 2 × 2",
    "pool_stride": "both pooling layers must have a stride of 2 × 2",
    "padding_same": 'the second convolution must have padding "valid": 14 × 14 becomes 10 × 10',
    "padding_valid": 'the first convolution must have padding "same": 28 × 28 stays 28 × 28',
    "padding_swapped": 'the paddings are swapped: the first convolution must have "same", the second one "valid"',
    "padding_other": 'padding "same" adds two rows or columns of zeros at the top, bottom, left and right of the image',
    "kernel_size": "both convolutions must have kernels of 5 × 5",
    "conv_stride": "both convolutions must have a stride of 1",
    "units": "the convolutions must have 6 and 16 kernels, the dense layers 120, 84 and 10 outputs",
    "units_swapped": "the first dense layer must have 120 outputs, the second one 84",
    "layer_unused": "a layer's output is not used: give the output of each layer to the next layer",
    "layer_missing": "a layer of the task is missing: make it, and give its output to the next layer",
    "unbuilt": "X never reaches the model: call the layers on X, one after the other, and return K.Model(X, output)",
    "flatten_missing": "flatten the feature maps before the first dense layer: 5 × 5 × 16 becomes 400",
    "layer_other": "the layers must be convolution, pooling, convolution, pooling and three dense layers, no others",
    "flatten_order": "the feature maps must be flattened in the order (rows, columns, channels)",
    "input_changed": "the images must go into the first convolution unchanged",
    "initializer_scale": "the default scale of VarianceScaling is 1.0: he_normal has scale=2.0, twice the variance",
    "initializer_missing": "a kernel without an initializer is drawn from glorot_uniform, not from he_normal",
    "initializer_as_regularizer": (
        "an initializer is passed as a regularizer: pass it as the argument initializer or kernel_initializer"
    ),
    "regularizer": "the task asks for no regularizer: remove it",
    "initializer_uniform": "the kernels are uniformly distributed: he_normal is a truncated normal distribution",
    "initializer_fan_out": 'the variance of he_normal is 2 / (inputs to one output): use mode "fan_in"',
    "initializer_not_truncated": (
        "the kernels are not truncated: he_normal is a normal distribution without numbers beyond two deviations"
    ),
    "initializer_other": "draw kernels from he_normal: truncated normal, mean 0, variance 2 / (inputs to one output)",
    "bias_not_zero": "biases must start at 0",
    "tf_contrib": "TensorFlow 2 has no tf.contrib: use tf.keras.initializers.VarianceScaling(scale=2.0)",
    "undefined_name": "a name is used that has no value there: correct its spelling, or assign it before",
    "unknown_name": "there is no such name in the module: correct its spelling",
    "loss_summed": "the losses of the examples are summed: take their mean",
    "loss_not_reduced": "there is one loss for each example: take their mean",
    "loss_swapped": "labels and logits are swapped in the call of the loss function",
    "loss_sign": "the loss has the wrong sign",
    "loss_sparse": "the labels are one-hot: use categorical_crossentropy",
    "loss_other": "the loss must be the mean softmax cross-entropy of one-hot labels, with nothing added",
    "no_gradient": "this loss has no gradient for the weights: are labels and logits swapped?",
    "labels_cast": "cast the labels before you compute with them: the course's program feeds integers",
    "accuracy_axis": "argmax must go over each example's classes (axis 1), for the output and for the labels",
    "accuracy_summed": "the right answers are summed: the accuracy is their mean",
    "accuracy_other": "the accuracy must be the share of examples whose largest output belongs to their label",
    "graph_run": "a placeholder has no value yet: lenet5 must only build the graph, not run it",
    "returns_missing": "the function ends without returning a value",
    "returns_order": "return, in this order: softmax output, training operation, loss, accuracy",
    "returns_optimizer": "return the operation that minimize(loss) gives, not the optimizer",
    "returns_metric": "tf.metrics.accuracy gives two tensors: take the mean of tf.equal of the two argmax instead",
    "returns_model": "return the K.Model itself",
    "optimizer_not_adam": "train with Adam",
    "optimizer_rate": "train with Adam's default learning rate, 0.001",
    "optimizer_epsilon": "train with Adam's default settings: each framework has its own epsilon",
    "optimizer_other": "train with Adam's default settings, and only for the loss",
    "not_trained": "the training step changes no weights: return the operation that minimize(loss) gives",
    "maximized": "training makes the loss larger: minimize the loss",
    "frozen": "some weights never change: every layer must be trained",
    "weights_shared": "two networks share the same weights: each call of lenet5 must make new ones",
    "not_compiled": "compile the model before you return it",
    "metrics_missing": 'compile the model with metrics=["accuracy"]',
}

# Hints that differ in one of the two tasks: neither task's hint may speak of what only the other one has
_OF_TASK = {
    "tensorflow": {"loss_sparse": "the labels are one-hot: use softmax_cross_entropy"},
    "keras": {
        "initializer_scale": "the kernels have half of he_normal's variance: use he_normal, which has scale 2.0",
        "initializer_as_regularizer": "an initializer is passed as a regularizer: pass it as kernel_initializer",
        "tf_contrib": 'TensorFlow 2 has no tf.contrib: use "he_normal"',
        "softmax_twice": "softmax is applied twice: the last layer has it, so the loss must not expect logits",
        "no_gradient": "this loss has no gradient for the weights: use categorical_crossentropy",
        "not_trained": "the training step changes no weights: every layer must be trainable",
        "loss_not_reduced": "there is one loss for each example: use categorical_crossentropy as it is",
        "optimizer_epsilon": "train with Adam's default epsilon, 1e-7",
        "accuracy_other": 'compile the model with metrics=["accuracy"]',
    },
}


def hint(mistake: str, framework: str) -> str:
    """Return the hint of a mistake in task 4 ("tensorflow") or 5 ("keras"), "" if the mistake is unknown."""
    return _OF_TASK[framework].get(mistake, HINTS.get(mistake, ""))
