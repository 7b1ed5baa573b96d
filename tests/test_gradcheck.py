"""check_vjp accepts right gradients and rejects wrong ones."""

import re

import numpy as np
import pytest

from convlens import ops
from convlens.gradcheck import GradientError, check_vjp

pytestmark = pytest.mark.smoke

SEEDS = range(6)


def arrays(seed):
    """x, w, b of a dense layer with a square w, so that a transposed gradient has the right shape."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in ((3, 5), (5, 5), (5,))]


def dense(change=lambda dx, dw, db: (dx, dw, db)):
    """The backward function of the dense layer, its gradients changed by `change`."""
    return lambda dy, x, w, b: change(*ops.dense_backward(dy, x, w))


def check(backward, seed=0, **options):
    check_vjp(ops.dense_forward, backward, arrays(seed), rng=np.random.default_rng(seed + 1000), **options)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_right_gradient_passes(seed):
    check(dense(), seed)
    check(dense(lambda dx, dw, db: [dx, None, db]), seed)
    check(dense(lambda dx, dw, db: (dx, dw)), seed)
    check_vjp(np.sin, lambda dy, x: dy * np.cos(x), [arrays(seed)[0]], rng=np.random.default_rng(seed))


def one_number_off(array):
    array = array.copy()
    array.flat[array.size // 2] *= 1.0005
    return array


WRONG = {
    "0.05 % too large": (lambda dx, dw, db: (dx, dw * 1.0005, db), 1),
    "0.05 % too small": (lambda dx, dw, db: (dx * 0.9995, dw, db), 0),
    "0.05 % in one number": (lambda dx, dw, db: (dx, one_number_off(dw), db), 1),
    "opposite sign": (lambda dx, dw, db: (dx, dw, -db), 2),
    "twice": (lambda dx, dw, db: (2 * dx, dw, db), 0),
    "transposed": (lambda dx, dw, db: (dx, dw.T, db), 1),
    "rows in another order": (lambda dx, dw, db: (dx[::-1], dw, db), 0),
    "mean, not sum": (lambda dx, dw, db: (dx, dw, db / 3), 2),
    "all zeros": (lambda dx, dw, db: (dx, dw, np.zeros_like(db)), 2),
    "a constant added": (lambda dx, dw, db: (dx, dw + 1e-3, db), 1),
    "right sum, wrong numbers": (lambda dx, dw, db: (dx, dw, np.full_like(db, db.mean())), 2),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("change", "argument"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_fails_and_its_argument_is_named(change, argument, seed):
    with pytest.raises(GradientError, match=rf"^gradient {argument} is wrong: along a random direction it gives ") as e:
        check(dense(change), seed)
    assert (e.value.rule, e.value.argument) == ("value", argument)
    assert str(e.value).endswith(f"gives {e.value.got:.9g}, finite differences give {e.value.wanted:.9g}")


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_with_one_number_that_is_not_finite_fails(bad):
    """An infinite number must not make the tolerance infinite."""

    def change(dx, dw, db):
        dw = dw.copy()
        dw[1, 2] = bad
        return dx, dw, db

    with pytest.raises(GradientError, match=r"^gradient 1 must be finite; got 1 NaN or infinite numbers$") as e:
        check(dense(change))
    assert (e.value.rule, e.value.argument, e.value.got, e.value.wanted) == ("finite", 1, 1, 0)


SHAPES = {
    "bias as a row": (
        lambda dx, dw, db: (dx, dw, db[None]),
        r"gradient 2 must have the shape of args\[2\], \(5,\); got \(1, 5\)",
    ),
    "bias one number": (
        lambda dx, dw, db: (dx, dw, db[:1]),
        r"gradient 2 must have the shape of args\[2\], \(5,\); got \(1,\)",
    ),
    "x not cropped": (
        lambda dx, dw, db: (np.pad(dx, 1), dw, db),
        r"gradient 0 must have the shape of args\[0\], \(3, 5\); got \(5, 7\)",
    ),
    "transposed": (
        lambda dx, dw, db: (dx.T, dw, db),
        r"gradient 0 must have the shape of args\[0\], \(3, 5\); got \(5, 3\)",
    ),
    "x forgotten": (
        lambda dx, dw, db: (dw, db),
        r"gradient 0 must have the shape of args\[0\], \(3, 5\); got \(5, 5\)",
    ),
}


@pytest.mark.parametrize(("change", "message"), SHAPES.values(), ids=SHAPES)
def test_a_gradient_of_another_shape_fails(change, message):
    with pytest.raises(GradientError, match=f"^{message}$") as e:
        check(dense(change))
    assert e.value.rule == "shape"
    assert str(e.value).endswith(f"args[{e.value.argument}], {e.value.wanted}; got {e.value.got}")


def test_the_error_names_both_slopes_and_is_an_assertion_error():
    with pytest.raises(AssertionError) as caught:
        check_vjp(lambda x: 3 * x, lambda dy, x: dy * 4, [np.ones(1)], rng=np.random.default_rng(0))
    found = re.search(r"it gives (\S+), finite differences give (\S+)$", str(caught.value))
    assert found is not None
    got, slope = map(float, found.groups())
    assert got / slope == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (lambda x, w, b: (x.astype("f4"), w, b), r"check_vjp needs float64 arrays; got args\[0\] float32"),
        (lambda x, w, b: (x, w, b.astype(int)), r"check_vjp needs float64 arrays; got args\[2\] int64"),
        (lambda x, w, b: (x, w.tolist(), b), r"check_vjp needs float64 arrays; got args\[1\] list"),
    ],
)
def test_arrays_that_are_not_float64_are_refused(args, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_vjp(ops.dense_forward, dense(), args(*arrays(0)), rng=np.random.default_rng(0))


def test_typical_wrong_convolution_gradients_fail():
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((2, 5, 5, 2)), rng.standard_normal((3, 3, 2, 2)), rng.standard_normal(2)

    def forward(x, w, b):
        return ops.conv2d_forward(x, w, b, padding="same")

    def right(dy, x, w, b):
        return ops.conv2d_backward(dy, x, w, padding="same")

    def kernel_not_turned(dy, x, w, b):
        return ops.conv2d_forward(dy, w.swapaxes(2, 3).copy(), b, padding="same"), *right(dy, x, w, b)[1:]

    def channels_swapped(dy, x, w, b):
        dx, dw, db = right(dy, x, w, b)
        return dx, dw.swapaxes(2, 3), db

    def one_row_too_much_padding(dy, x, w, b):
        return ops.conv2d_backward(dy, x, w, padding=((2, 0), (1, 1)))

    def without_bias(dy, x, w, b):
        return *right(dy, x, w, b)[:2], np.zeros_like(b)

    check_vjp(forward, right, (x, w, b), rng=rng)
    found = {kernel_not_turned: 0, channels_swapped: 1, one_row_too_much_padding: 0, without_bias: 2}
    for wrong, argument in found.items():
        with pytest.raises(GradientError, match=f"^gradient {argument} is wrong"):
            check_vjp(forward, wrong, (x, w, b), rng=rng)


def test_a_max_pool_gradient_shifted_by_one_column_fails():
    x = 0.1 * np.random.default_rng(0).permutation(24).reshape(1, 4, 6, 1)

    def forward(x):
        return ops.max_pool2d_forward(x, (2, 3))

    def shifted(dy, x):
        return np.roll(ops.max_pool2d_backward(dy, x, forward(x), (2, 3)), 1, axis=2)

    with pytest.raises(GradientError, match=r"^gradient 0 is wrong"):
        check_vjp(forward, shifted, (x,), rng=np.random.default_rng(1))


def test_the_arguments_are_not_changed():
    args = arrays(3)
    before = [a.copy() for a in args]
    check_vjp(ops.dense_forward, dense(), args, rng=np.random.default_rng(0))
    assert all(map(np.array_equal, args, before))


@pytest.mark.parametrize("gradients", [None, (), (None, None), (0.0, 0.0, 0.0)])
def test_a_backward_with_no_gradient_or_too_many_is_wrong(gradients):
    x, w = np.ones((2, 3)), np.ones((3, 4))
    with pytest.raises(GradientError, match="from 1 to 2 gradients, one for each argument; got") as e:
        check_vjp(lambda x, w: x @ w, lambda dy, x, w: gradients, (x, w), rng=np.random.default_rng(0))
    assert (e.value.rule, e.value.argument, e.value.wanted) == ("count", None, 2)


def test_a_forward_that_returns_no_array_and_a_seed_instead_of_a_generator_are_refused():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match="forward must return an array; got float"):
        check_vjp(
            lambda x: 1.0,  # type: ignore[arg-type, return-value]  # on purpose
            lambda dy, x: x,
            (x,),
            rng=np.random.default_rng(0),
        )
    with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator; got int"):
        check_vjp(lambda x: x, lambda dy, x: dy, (x,), rng=0)  # type: ignore[arg-type]  # on purpose
