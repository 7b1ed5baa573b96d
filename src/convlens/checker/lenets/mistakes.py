"""The known mistakes with LeNet-5, by name, each with its hint for the student."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HINTS", "Likely"]


class Likely(NamedTuple):
    """A likely mistake: its name in HINTS, and what it is here in particular, or "" """

    mistake: str
    what: str = ""


HINTS = {
    "softmax_wrong_layer": "softmax belongs to the last layer, the one with 10 outputs, and to no other",
    "softmax_missing": "the first result must be the softmax of the last layer's numbers, not these numbers themselves",
    "softmax_twice": "softmax is taken twice: a loss that takes it itself needs the logits, not probabilities",
    "softmax_axis": "softmax goes along each example's 10 classes (the last axis), not along the examples",
    "activation_missing": "each convolution and each dense layer but the last ends in ReLU",
    "activation_other": "each convolution and each dense layer but the last ends in ReLU, the last one in softmax",
    "relu_on_logits": "the last layer has no ReLU: softmax alone",
    "no_bias": "every convolution and every dense layer adds a bias",
    "average_pool": "both pools take the maximum of a window, not its average",
    "pool_size": "both pools have windows of 2 × 2",
    "pool_stride": "both pools have strides of 2 × 2",
    "padding_same": 'the second convolution has padding "valid": 14 × 14 becomes 10 × 10',
    "padding_valid": 'the first convolution has padding "same": 28 × 28 stays 28 × 28',
    "padding_other": 'padding "same" adds two rows of zeros at the top, bottom, left and right of the image',
    "kernel_size": "both convolutions have kernels of 5 × 5",
    "conv_stride": "both convolutions have strides of 1",
    "units": "6 and 16 kernels, then 120, 84 and 10 outputs",
    "layer_other": "convolution, pool, convolution, pool, then three dense layers, and nothing else",
    "flatten_order": "the maps are flattened in another order than (rows, columns, channels)",
    "input_changed": "the images go into the first convolution as they are",
    "initializer_scale": "VarianceScaling's own scale is 1.0; he_normal has scale=2.0, twice the variance",
    "initializer_missing": "a kernel that is given no initializer starts from glorot_uniform, not from he_normal",
    "initializer_as_regularizer": "an initializer is passed as a regularizer; pass it as (kernel_)initializer",
    "regularizer": "no layer has a regularizer",
    "initializer_uniform": "a uniform distribution, where he_normal is a truncated normal one",
    "initializer_fan_out": 'the variance of he_normal is 2 / (inputs to one output), mode "fan_in"',
    "initializer_not_truncated": "he_normal is a truncated normal distribution: nothing lies beyond two deviations",
    "initializer_shared": "two networks start from the same numbers: let each one draw its own, with no fixed seed",
    "initializer_other": "kernels start from he_normal: truncated normal, mean 0, variance 2 / (inputs to one output)",
    "bias_not_zero": "biases start from 0",
    "tf_contrib": "tf.contrib left TensorFlow with version 2: take tf.keras.initializers.VarianceScaling(scale=2.0)",
    "tf_not_v1": "the one import of this task is import tensorflow.compat.v1 as tf",
    "loss_summed": "the losses of the examples are added up; take their mean",
    "loss_not_reduced": "there is one loss for each example; take their mean",
    "loss_swapped": "labels and logits are swapped in the call of the loss",
    "loss_sign": "the loss is minus what it should be",
    "loss_sparse": "use categorical_crossentropy (in task 4 softmax_cross_entropy): labels are one-hot, not numbers",
    "loss_other": "the loss is the softmax cross-entropy of one-hot labels, the mean over the batch, and nothing added",
    "no_gradient": "nothing can be trained by this loss: are labels and logits swapped?",
    "labels_cast": "cast the labels before computing with them: the course's program feeds whole numbers",
    "accuracy_axis": "argmax must go along each example's classes, axis 1, for output and labels",
    "accuracy_summed": "right answers are counted; the accuracy is their mean",
    "accuracy_other": "accuracy is the share of examples whose largest output is at the label's place",
    "graph_run": "the placeholder is fed nothing: lenet5 only builds the graph and runs nothing",
    "returns_missing": "the function ends without return",
    "returns_order": "return, in this order: softmax output, training operation, loss, accuracy",
    "returns_model": "return the K.Model itself",
    "optimizer_not_adam": "train with Adam",
    "optimizer_rate": "train with Adam as it is by default: learning rate 0.001",
    "optimizer_epsilon": "train with Adam as it is by default, with this framework's own epsilon",
    "optimizer_other": "train with Adam as it is by default, on the loss alone",
    "not_trained": "the training step changes nothing: return what minimize(loss) gives",
    "maximized": "the loss grows: minimize it",
    "frozen": "some weights never change: every layer is to be trained",
    "weights_shared": "two networks share one set of weights: each call of lenet5 must make its own",
    "not_compiled": "compile the model before it is returned",
    "metrics_missing": 'compile the model with metrics=["accuracy"]',
}
