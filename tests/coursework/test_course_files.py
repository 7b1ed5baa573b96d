"""The course's NumPy files agree with a slow oracle, the numbers printed in the course, TensorFlow and mathematics."""

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.support import oracle
from tests.support.course_files import (
    FILES,
    FOLDER,
    check_conv_backward,
    check_conv_forward,
    check_pool_backward,
    check_pool_forward,
    conv_arrays,
    from_text,
    load,
    numbers,
    untouched,
    verify,
)

FUNCTIONS = {name: untouched(getattr(load(FOLDER / file), name)) for name, file in FILES.items()}
conv_forward, pool_forward, conv_backward, pool_backward = FUNCTIONS.values()
MAINS = [f"{number}-main.py" for number in range(4)]
SHARED = FOLDER.parent.parent / "shared"
SIGNATURES = {
    "conv_forward": "(A_prev, W, b, activation, padding='same', stride=(1, 1))",
    "pool_forward": "(A_prev, kernel_shape, stride=(1, 1), mode='max')",
    "conv_backward": "(dZ, A_prev, W, b, padding='same', stride=(1, 1))",
    "pool_backward": "(dA, A_prev, kernel_shape, stride=(1, 1), mode='max')",
}


def identity(z):
    return z


# The oracle --------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("file", FILES.values())
def test_a_course_file_agrees_with_the_oracle(file):
    assert verify(load(FOLDER / file)) == []


@st.composite
def windowed(draw):
    """n, h, w, c, kernel, stride. The kernel fits into the image and may be as large; n may be 0."""
    h, w = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    kernel = draw(st.integers(1, min(h, 4))), draw(st.integers(1, min(w, 4)))
    stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return draw(st.integers(0, 3)), h, w, draw(st.integers(1, 3)), kernel, stride


@st.composite
def convolution(draw):
    """A case of the form of CONVOLUTIONS in course_files."""
    n, h, w, ci, kernel, stride = draw(windowed())
    return n, h, w, ci, draw(st.integers(1, 3)), kernel, stride, draw(st.sampled_from(["same", "valid"]))


DTYPES = st.sampled_from([np.float64, np.float32, np.int64, np.uint8])
SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=150)
@given(convolution(), DTYPES, SEEDS)
def test_convolutions_of_any_shape(case, dtype, seed):
    check_conv_forward(conv_forward, np.random.default_rng(seed), dtype, case)
    check_conv_backward(conv_backward, np.random.default_rng(seed), dtype, case)


@settings(deadline=None, max_examples=200)
@given(windowed(), DTYPES, SEEDS)
def test_poolings_of_any_shape(case, dtype, seed):
    check_pool_forward(pool_forward, np.random.default_rng(seed), dtype, case)
    check_pool_backward(pool_backward, np.random.default_rng(seed), dtype, case)


@settings(deadline=None)
@given(hnp.arrays(np.uint8, (2, 5, 6, 2)))
def test_bytes_do_not_overflow_in_an_average(images):
    want = oracle.pool_forward(images, (3, 2), (2, 2), "avg")
    np.testing.assert_allclose(pool_forward(images, (3, 2), (2, 2), "avg"), want, atol=1e-12)


@pytest.mark.parametrize("types", ["fdd", "dff", "ffd", "fff", "Bff", "lfl"])
def test_mixed_types_give_the_result_type(types):
    rng = np.random.default_rng(1)
    x, w, b = (a.astype(t) for a, t in zip(conv_arrays(rng, 2, 5, 4, 2, 3, (2, 3)), types, strict=True))
    want = np.result_type(x, w, b)
    z = conv_forward(x, w, b, identity)
    assert z.dtype == want
    assert [g.dtype for g in conv_backward(z, x, w, b)] == [want] * 3
    assert pool_backward(pool_forward(w, (1, 2)), w, (1, 2)).dtype == w.dtype
    assert pool_backward(z, np.zeros(z.shape, x.dtype), (1, 1)).dtype == want


@pytest.mark.smoke
def test_every_maximum_of_a_window_gets_the_gradient():
    x = np.array([[3.0, 3, 1], [0, 3, 2]]).reshape(1, 2, 3, 1)
    dx = pool_backward(np.array([[[[5.0], [7.0]]]]), x, (2, 2))
    assert dx[0, :, :, 0].tolist() == [[5, 5 + 7, 0], [0, 5 + 7, 0]]


def test_the_activation_is_applied_to_every_output_once():
    seen = []

    def activation(z):
        seen.append(z.copy())
        return z

    x, w, b = conv_arrays(np.random.default_rng(2), 700, 9, 8, 2, 3, (3, 3))
    conv_forward(x, w, b, activation)
    assert len(seen) > 1
    assert np.array_equal(np.concatenate(seen), conv_forward(x, w, b, identity))


# The course's own numbers ------------------------------------------------------------------------------------------


def ten_digits(source):
    """The first ten training images, (10, 28, 28, 1)."""
    if source == "embedded":
        data = pytest.importorskip("convlens.data", reason="convlens is not installed")
        return data.load("embedded").x_train[:10]
    if not (SHARED / "data/MNIST.npz").is_file():
        pytest.skip("needs the full MNIST at ../shared/data/MNIST.npz")
    with np.load(SHARED / "data/MNIST.npz") as archive:
        return archive["X_train"][:10, ..., np.newaxis]


def expected(name):
    """The values that the course page prints, and their indices in the whole array."""
    if not (SHARED / "course/expected.json").is_file():
        pytest.skip("needs the values printed in the course at ../shared/course/expected.json")
    values = json.loads((SHARED / "course/expected.json").read_text())[name]
    axes = values["axes"]
    return values, np.ix_(axes["example"], axes["row"], axes["column"], axes["channel"])


@pytest.mark.smoke
@pytest.mark.parametrize("source", ["embedded", "shared"])
def test_gradients_equal_the_printed_ones_of_the_course(source):
    images = ten_digits(source)
    values, cells = expected("conv_backward")
    rng = np.random.RandomState(0)
    w, b, dz = (rng.randn(*shape) for shape in ((3, 3, 1, 2), (1, 1, 1, 2), (10, 26, 26, 2)))
    dx, dw, db = conv_backward(dz, images, w, b, padding="valid")
    assert list(dx.shape) == values["shape"]
    for got, key in ((dx[cells], "dA_prev"), (dw, "dW"), (db, "db")):
        np.testing.assert_allclose(got, values[key], rtol=0, atol=1e-5)
    values, cells = expected("pool_backward")
    da = np.random.RandomState(0).randn(10, 14, 14, 2)
    dx = pool_backward(da, np.concatenate((images, 1 - images), axis=3), (2, 2), (2, 2))
    assert list(dx.shape) == values["shape"]
    np.testing.assert_allclose(dx[cells], values["dA_prev"], rtol=0, atol=1e-8)


# TensorFlow --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tf():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("tensorflow")


def tensorflow_conv(tf, dz, x, w, b, pads, stride):
    """Z and the three gradients by TensorFlow, with explicit padding."""
    x, w, b = (tf.constant(a) for a in (x, w, b))
    with tf.GradientTape() as tape:
        tape.watch([x, w, b])
        z = tf.nn.conv2d(tf.pad(x, [(0, 0), *pads, (0, 0)]), w, [1, *stride, 1], "VALID") + b
    return [z.numpy(), *(g.numpy() for g in tape.gradient(z, [x, w, b], dz))]


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 2), (2, 3), "valid"),
        ((7, 6), (1, 1), "valid"),
        ((1, 1), (3, 2), "valid"),
        ((3, 5), (1, 1), "same"),
        ((4, 2), (1, 1), "same"),
        ((2, 3), (1, 1), "same"),
        ((3, 2), (2, 3), "same"),
    ],
)
def test_convolution_agrees_with_tensorflow(tf, kernel, stride, padding):
    rng = np.random.default_rng(3)
    x, w, b = conv_arrays(rng, 3, 7, 6, 2, 4, kernel)
    pads = oracle.course_pads(x.shape, kernel, stride, padding)
    dz = rng.standard_normal((3, *oracle.output_size(x.shape, kernel, stride, pads), 4))
    ours = [conv_forward(x, w, b, identity, padding, stride), *conv_backward(dz, x, w, b, padding, stride)]
    for got, want in zip(ours, tensorflow_conv(tf, dz, x, w, b, pads, stride), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-10)
    if padding == "same" and stride == (1, 1) and all(k % 2 for k in kernel):
        np.testing.assert_allclose(ours[0], tf.nn.conv2d(x, w, 1, "SAME") + b, atol=1e-10)


@pytest.mark.frameworks
@pytest.mark.parametrize(("kernel", "stride"), [((2, 3), (2, 3)), ((3, 2), (1, 2)), ((2, 2), (3, 1)), ((7, 6), (1, 1))])
@pytest.mark.parametrize("mode", ["max", "avg"])
def test_pooling_agrees_with_tensorflow(tf, kernel, stride, mode):
    rng = np.random.default_rng(4)
    x = tf.constant(rng.standard_normal((3, 7, 6, 2)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = (tf.nn.max_pool2d if mode == "max" else tf.nn.avg_pool2d)(x, kernel, stride, "VALID")
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(pool_forward(x.numpy(), kernel, stride, mode), y, atol=1e-12)
    want = tape.gradient(y, x, tf.constant(dy))
    np.testing.assert_allclose(pool_backward(dy, x.numpy(), kernel, stride, mode), want, atol=1e-12)


# Mathematics -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(convolution(), SEEDS)
def test_backward_is_the_adjoint_and_the_derivative_of_forward(case, seed):
    n, h, w, ci, co, kernel, stride, padding = case
    rng = np.random.default_rng(seed)
    point = conv_arrays(rng, n, h, w, ci, co, kernel)
    direction = conv_arrays(rng, n, h, w, ci, co, kernel)
    x, weights, b = point
    z = conv_forward(*point, identity, padding, stride)
    dz = rng.standard_normal(z.shape)
    gradients = conv_backward(dz, *point, padding, stride)
    linear = np.vdot(dz, z - b)
    np.testing.assert_allclose([np.vdot(gradients[0], x), np.vdot(gradients[1], weights)], linear, atol=1e-9)
    up, down = ([a + sign * d for a, d in zip(point, direction, strict=True)] for sign in (1e-4, -1e-4))
    rise = conv_forward(*up, identity, padding, stride) - conv_forward(*down, identity, padding, stride)
    slope = sum(np.vdot(g, d) for g, d in zip(gradients, direction, strict=True))
    np.testing.assert_allclose(np.vdot(dz, rise) / 2e-4, slope, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(windowed(), st.sampled_from(["max", "avg"]), SEEDS)
def test_pool_backward_is_the_adjoint_and_the_derivative_of_forward(case, mode, seed):
    n, h, w, c, kernel, stride = case
    rng = np.random.default_rng(seed)
    x = rng.permutation(n * h * w * c).reshape(n, h, w, c) / 8  # all numbers differ by at least 1/8
    y = pool_forward(x, kernel, stride, mode)
    dy, direction = rng.standard_normal(y.shape), rng.uniform(-1, 1, x.shape)
    dx = pool_backward(dy, x, kernel, stride, mode)
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), atol=1e-8)
    up, down = (pool_forward(x + sign * direction / 32, kernel, stride, mode) for sign in (1, -1))
    np.testing.assert_allclose(np.vdot(dy, up - down) * 16, np.vdot(dx, direction), atol=1e-8)


# Form --------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("name", FILES)
def test_a_course_file_has_the_required_signature_and_imports(name):
    text = (FOLDER / FILES[name]).read_text()
    assert str(inspect.signature(getattr(from_text(text), name))) == SIGNATURES[name]
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    assert "__import__" not in text


IMAGES, KERNELS, BIAS, SMALL = (np.ones(s) for s in ((2, 5, 4, 3), (3, 2, 3, 2), (1, 1, 1, 2), (2, 3, 3, 3)))
DZ = np.ones((2, 3, 3, 2))
REFUSED = [
    ("conv_forward", (IMAGES, KERNELS, BIAS, identity, "full"), "padding must be 'same' or 'valid'; got 'full'"),
    ("conv_forward", (IMAGES, KERNELS, BIAS, identity, "same", (0, 1)), "stride must be at least 1; got (0, 1)"),
    ("conv_forward", (IMAGES, KERNELS[:, :, :2], BIAS, identity), "got A_prev (2, 5, 4, 3), W (3, 2, 2, 2)"),
    ("conv_forward", (IMAGES, KERNELS, BIAS[..., :1], identity), "channels must agree"),
    ("conv_forward", (IMAGES[:, :2], KERNELS, BIAS, identity, "valid"), "got window (3, 2), input (2, 4)"),
    ("pool_forward", (IMAGES, (2, 2), (2, 2), "min"), "mode must be 'max' or 'avg'; got 'min'"),
    ("pool_forward", (IMAGES, (2, 2), (1, -1)), "stride must be at least 1; got (1, -1)"),
    ("pool_forward", (IMAGES, (2, 5)), "the window must fit in the input; got window (2, 5), input (5, 4)"),
    ("conv_backward", (DZ, IMAGES, KERNELS, BIAS, "full"), "padding must be 'same' or 'valid'; got 'full'"),
    ("conv_backward", (DZ, IMAGES, KERNELS, BIAS, "valid", (1, 0)), "stride must be at least 1; got (1, 0)"),
    ("conv_backward", (SMALL, IMAGES, KERNELS, BIAS), "channels must agree; got dZ (2, 3, 3, 3)"),
    ("conv_backward", (DZ[:1], IMAGES, KERNELS, BIAS), "examples and channels must agree; got dZ (1, 3, 3, 2)"),
    ("conv_backward", (DZ, IMAGES[:, :2], KERNELS, BIAS, "valid"), "got windows over (5, 4), input (2, 4), 'valid'"),
    ("conv_backward", (DZ, IMAGES, KERNELS, BIAS, "valid", (1, 2)), "got windows over (5, 6), input (5, 4), 'valid'"),
    ("pool_backward", (SMALL, IMAGES, (2, 2), (1, 1), "sum"), "mode must be 'max' or 'avg'; got 'sum'"),
    ("pool_backward", (SMALL, IMAGES, (2, 2), (0, 0)), "stride must be at least 1; got (0, 0)"),
    ("pool_backward", (DZ, IMAGES, (2, 2)), "must agree; got dA (2, 3, 3, 2), A_prev (2, 5, 4, 3)"),
    ("pool_backward", (SMALL, IMAGES, (2, 2), (2, 1)), "got windows over (6, 4), input (5, 4)"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("name", "arguments", "text"), REFUSED)
def test_bad_arguments_are_refused_with_the_rule_and_the_values(name, arguments, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        FUNCTIONS[name](*arguments)


# The programs ------------------------------------------------------------------------------------------------------


def run_main(tmp_path, main):
    """Run a main program without a display, from another folder than its own."""
    shutil.copytree(FOLDER, tmp_path / "course", dirs_exist_ok=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-W", "error", str(tmp_path / "course" / main)]
    import matplotlib.font_manager  # writes its list of fonts, which a slow machine would tell on stderr

    environment = {"MPLBACKEND": "Agg", "MPLCONFIGDIR": matplotlib.get_cachedir(), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)


def write_images(tmp_path):
    """Write twelve images to the file that a main program reads."""
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/MNIST.npz", X_train=numbers(np.random.default_rng(5), (12, 28, 28), np.float32))


@pytest.mark.parametrize(
    ("main", "lines", "picture"),
    [
        (MAINS[0], ["images (12, 28, 28, 1)", "feature maps (12, 26, 26, 2)"], "0-conv_forward.png"),
        (MAINS[1], ["maximum (12, 14, 14, 2)", "average (12, 14, 14, 2)"], "1-pool_forward.png"),
        (MAINS[2], ["dA_prev (10, 28, 28, 1)", "dW (3, 3, 1, 2)", "db (1, 1, 1, 2)"], None),
        (MAINS[3], ["dA_prev (10, 28, 28, 2)"], None),
    ],
)
def test_a_main_program_prints_its_shapes_and_draws_its_picture(tmp_path, main, lines, picture):
    write_images(tmp_path)
    done = run_main(tmp_path, main)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(lines) <= set(done.stdout.splitlines())
    drawn = [path.name for path in (tmp_path / "elsewhere").iterdir()]
    assert drawn == ([picture] if picture else [])


@pytest.mark.parametrize("main", MAINS[:2])
def test_a_main_program_without_matplotlib_still_computes(tmp_path, main):
    write_images(tmp_path)
    (tmp_path / "course").mkdir()
    (tmp_path / "course/matplotlib.py").write_text("raise ImportError")
    done = run_main(tmp_path, main)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "No picture: matplotlib is not installed."


@pytest.mark.smoke
@pytest.mark.parametrize("main", MAINS)
def test_a_main_program_without_data_says_how_to_get_it(tmp_path, main):
    done = run_main(tmp_path, main)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "run `convlens data export data/MNIST.npz` from the repository root" in done.stderr
