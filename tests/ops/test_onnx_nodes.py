"""The test cases of the ONNX project for single operators, run by name with convlens.ops.

`tests/support/onnx_nodes.py` expresses each operator with the operations of convlens.
"""

import functools
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support.onnx_nodes import RUNNERS

from convlens.engines import get_engine

pytestmark = pytest.mark.frameworks

RUN = {
    "AveragePool": (
        "test_averagepool_1d_default",
        "test_averagepool_2d_ceil",
        "test_averagepool_2d_ceil_last_window_starts_on_pad",
        "test_averagepool_2d_default",
        "test_averagepool_2d_dilations",
        "test_averagepool_2d_pads",
        "test_averagepool_2d_pads_count_include_pad",
        "test_averagepool_2d_precomputed_pads",
        "test_averagepool_2d_precomputed_pads_count_include_pad",
        "test_averagepool_2d_precomputed_same_upper",
        "test_averagepool_2d_precomputed_strides",
        "test_averagepool_2d_same_lower",
        "test_averagepool_2d_same_upper",
        "test_averagepool_2d_strides",
    ),
    "BatchNormalization": (
        "test_batchnorm_epsilon",
        "test_batchnorm_epsilon_training_mode",
        "test_batchnorm_example",
        "test_batchnorm_example_training_mode",
    ),
    "Conv": (
        "test_basic_conv_with_padding",
        "test_basic_conv_without_padding",
        "test_conv_with_autopad_same",
        "test_conv_with_strides_and_asymmetric_padding",
        "test_conv_with_strides_no_padding",
        "test_conv_with_strides_padding",
    ),
    "ConvTranspose": (
        "test_convtranspose",
        "test_convtranspose_1d",
        "test_convtranspose_autopad_same",
        "test_convtranspose_dilations",
        "test_convtranspose_group_2",
        "test_convtranspose_group_2_image_3",
        "test_convtranspose_kernel_shape",
        "test_convtranspose_output_shape",
        "test_convtranspose_pad",
        "test_convtranspose_pads",
    ),
    "Elu": ("test_elu", "test_elu_default", "test_elu_example"),
    "Exp": ("test_exp", "test_exp_example"),
    "Gelu": ("test_gelu_default_1", "test_gelu_default_2", "test_gelu_tanh_1", "test_gelu_tanh_2"),
    "GlobalAveragePool": ("test_globalaveragepool", "test_globalaveragepool_precomputed"),
    "GlobalMaxPool": ("test_globalmaxpool", "test_globalmaxpool_precomputed"),
    "HardSigmoid": ("test_hardsigmoid", "test_hardsigmoid_default", "test_hardsigmoid_example"),
    "HardSwish": ("test_hardswish",),
    "LRN": ("test_lrn", "test_lrn_default"),
    "LeakyRelu": ("test_leakyrelu", "test_leakyrelu_default", "test_leakyrelu_example"),
    "MaxPool": (
        "test_maxpool_1d_default",
        "test_maxpool_2d_ceil",
        "test_maxpool_2d_ceil_output_size_reduce_by_one",
        "test_maxpool_2d_default",
        "test_maxpool_2d_dilations",
        "test_maxpool_2d_pads",
        "test_maxpool_2d_precomputed_pads",
        "test_maxpool_2d_precomputed_same_upper",
        "test_maxpool_2d_precomputed_strides",
        "test_maxpool_2d_same_lower",
        "test_maxpool_2d_same_upper",
        "test_maxpool_2d_strides",
    ),
    "Relu": ("test_relu",),
    "Selu": ("test_selu", "test_selu_default", "test_selu_example"),
    "Sigmoid": ("test_sigmoid", "test_sigmoid_example"),
    "Softmax": (
        "test_softmax_axis_0",
        "test_softmax_axis_1",
        "test_softmax_axis_2",
        "test_softmax_default_axis",
        "test_softmax_example",
        "test_softmax_large_number",
        "test_softmax_negative_axis",
    ),
    "Softplus": ("test_softplus", "test_softplus_example"),
    "Softsign": ("test_softsign", "test_softsign_example"),
    "Swish": ("test_swish",),
    "Tanh": ("test_tanh", "test_tanh_example"),
    "ThresholdedRelu": (
        "test_thresholdedrelu",
        "test_thresholdedrelu_default",
        "test_thresholdedrelu_example",
    ),
}

_AXES = "three axes; convlens has two"
_INDICES = "also asks where each maximum is; convlens gives the maximum alone"
NOT_APPLICABLE = {
    "test_averagepool_3d_default": _AXES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False": _AXES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": _AXES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False": _AXES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": _AXES,
    "test_averagepool_3d_dilations_small": _AXES,
    "test_convtranspose_3d": _AXES,
    "test_maxpool_2d_uint8": "uint8; convlens takes float32 and float64",
    "test_maxpool_3d_default": _AXES,
    "test_maxpool_3d_dilations": _AXES,
    "test_maxpool_3d_dilations_use_ref_impl": _AXES,
    "test_maxpool_3d_dilations_use_ref_impl_large": _AXES,
    "test_maxpool_with_argmax_2d_precomputed_pads": _INDICES,
    "test_maxpool_with_argmax_2d_precomputed_strides": _INDICES,
}


@functools.cache
def cases():
    """Return all ONNX cases for the operators in RUN, by name: operator, attributes, inputs, outputs, tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cases of other operators overflow on purpose
        from onnx.backend.test.loader import load_model_tests
        from onnx.helper import get_attribute_value

        everything = load_model_tests(kind="node")
    found = {}
    for case in everything:
        assert case.model is not None and case.data_sets is not None
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in RUN:
            values = {a.name: get_attribute_value(a) for a in nodes[0].attribute}
            values = {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}
            ((inputs, outputs),) = case.data_sets
            found[case.name] = nodes[0].op_type, values, inputs, outputs, {"rtol": case.rtol, "atol": case.atol}
    return found


def run(name, engine):
    """Run the case with this name. Raise if convlens gives another result than the case expects."""
    operator, values, inputs, outputs, tolerance = cases()[name]
    found = RUNNERS[operator](values, inputs, engine)
    for got, want in zip(found if isinstance(found, tuple) else (found,), outputs, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        assert_allclose(got, want, **tolerance)


def coverage(engine="auto"):
    """Run all cases that apply. Return {"ran": [name], "not_applicable": {name: reason}}. Raise if a case fails."""
    names = [name for of_operator in RUN.values() for name in of_operator]
    for name in names:
        run(name, get_engine(engine))
    return {"ran": names, "not_applicable": dict(NOT_APPLICABLE)}


@pytest.fixture(scope="module", autouse=True)
def onnx():
    pytest.importorskip("onnx")


@pytest.mark.parametrize("name", [name for names in RUN.values() for name in names])
def test_node(engine, name):
    run(name, engine)


def test_every_case_is_either_run_or_has_a_reason():
    """New releases of ONNX have more cases. Then this test names the cases that need a table entry."""
    ran = [name for names in RUN.values() for name in names]
    known = {*ran, *NOT_APPLICABLE}
    new, gone = sorted(cases().keys() - known), sorted(known - cases().keys())
    assert not new, f"onnx has new cases; add them to RUN, or to NOT_APPLICABLE with a reason: {new}"
    assert not gone, f"this onnx no longer has these cases: {gone}"
    assert len(ran) + len(NOT_APPLICABLE) == len(known), "a case is listed twice"
    for operator, names in RUN.items():
        assert [name for name in names if cases()[name][0] != operator] == [], operator
    counts = {operator: len(names) for operator, names in RUN.items()}
    windows = {"AveragePool": 14, "Conv": 6, "ConvTranspose": 10, "MaxPool": 12}
    whole = {"BatchNormalization": 4, "GlobalAveragePool": 2, "GlobalMaxPool": 2, "LRN": 2, "Softmax": 7}
    curves = {"Elu": 3, "Exp": 2, "Gelu": 4, "HardSigmoid": 3, "HardSwish": 1, "LeakyRelu": 3, "Relu": 1, "Selu": 3}
    curves |= {"Sigmoid": 2, "Softplus": 2, "Softsign": 2, "Swish": 1, "Tanh": 2, "ThresholdedRelu": 3}
    assert counts == windows | whole | curves
    assert (len(ran), len(NOT_APPLICABLE)) == (91, 14)


def test_the_reasons_are_correct():
    for name, reason in NOT_APPLICABLE.items():
        _, _, inputs, outputs, _ = cases()[name]
        facts = {_AXES: inputs[0].ndim == 5, _INDICES: len(outputs) == 2}
        assert facts.get(reason, inputs[0].dtype == np.uint8), name


def test_the_runner_notices_an_attribute_it_does_not_know():
    x = np.zeros((1, 1, 3, 4), np.float32)
    with pytest.raises(AssertionError, match=r"does not know: \{'p': 2\}"):
        RUNNERS["AveragePool"]({"kernel_shape": [2, 2], "p": 2}, [x], get_engine("numpy"))


def test_coverage_gives_the_numbers_and_the_reasons():
    found = coverage()
    assert len(found["ran"]) == 91 and len(found["not_applicable"]) == 14
    assert found["not_applicable"]["test_maxpool_2d_uint8"].startswith("uint8")
