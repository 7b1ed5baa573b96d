"""The known mistakes in LeNet-5, by name, each with a hint for the student."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HINTS", "Likely"]


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
    "padding_other": 'padding "same" adds two rows or columns of zeros at the top, bottom, left and right of the image',
    "kernel_size": "both convolutions must have kernels of 5 × 5",
    "conv_stride": "both convolutions must have a stride of 1",
    "units": "the convolutions must have 6 and 16 kernels, the dense layers 120, 84 and 10 outputs",
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
    "tf_not_v1": "the only import of this task must be: import tensorflow.compat.v1 as tf",
    "loss_summed": "the losses of the examples are summed: take their mean",
    "loss_not_reduced": "there is one loss for each example: take their mean",
    "loss_swapped": "labels and logits are swapped in the call of the loss function",
    "loss_sign": "the loss has the wrong sign",
    "loss_sparse": "the labels are one-hot: use categorical_crossentropy (in task 4, softmax_cross_entropy)",
    "loss_other": "the loss must be the mean softmax cross-entropy of one-hot labels, with nothing added",
    "no_gradient": "this loss has no gradient for the weights: are labels and logits swapped?",
    "labels_cast": "cast the labels before you compute with them: the course's program feeds integers",
    "accuracy_axis": "argmax must go over each example's classes (axis 1), for the output and for the labels",
    "accuracy_summed": "the right answers are summed: the accuracy is their mean",
    "accuracy_other": "the accuracy must be the share of examples whose largest output belongs to their label",
    "graph_run": "a placeholder has no value yet: lenet5 must only build the graph, not run it",
    "returns_missing": "the function ends without returning a value",
    "returns_order": "return, in this order: softmax output, training operation, loss, accuracy",
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
