"""Names, clipping, weight decay and schedules of optimizers; arguments of Keras that are not here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.small import patterns, tiny

from convlens.nn import SGD, Adam, AdamW, ExponentialDecay, LearningRateSchedule, RMSprop, optimizers
from convlens.nn.schedules import PiecewiseConstantDecay
from convlens.training import fit

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize("name", ["sgd", "SGD", "adam", "AdamW", "rmsprop", "Adadelta", "adagrad", "adamax", "nadam"])
def test_an_optimizer_by_its_name(name):
    found = optimizers.get(name)
    assert type(found).__name__.lower() == name.lower()


def test_an_optimizer_by_class_object_and_with_options():
    assert type(optimizers.get(RMSprop)) is RMSprop
    one = SGD(0.1)
    assert optimizers.get(one) is one
    assert optimizers.get("sgd", learning_rate=0.3, momentum=0.5).learning_rate == 0.3
    with pytest.raises(ValueError, match="options are for an optimizer's name, not for an object; got momentum"):
        optimizers.get(one, momentum=0.5)


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError) as caught:
        optimizers.get("Ftrl")
    names = "sgd, adam, adamw, rmsprop, adadelta, adagrad, adamax, nadam"
    assert str(caught.value) == f"optimizer must be one of {names}; got 'Ftrl'; the nearest one to ftrl is adagrad"
    with pytest.raises(TypeError, match="optimizer must be a name or an optimizer of convlens; got int"):
        optimizers.get(3)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use_ema": True}, "EarlyStopping(restore_best_weights=True) keeps the best weights; got use_ema=True"),
        ({"gradient_accumulation_steps": 4}, "a larger batch_size gives the same step"),
        ({"lr": 0.1}, "the argument is called learning_rate; got lr=0.1"),
        ({"decay": 1e-6}, "learning_rate=InverseTimeDecay(...) is that schedule; got decay=1e-06"),
        ({"speed": 1}, "SGD has no argument speed; see its docstring for the arguments; got speed=1"),
    ],
)
def test_arguments_that_are_not_here(options, message):
    with pytest.raises(TypeError) as caught:
        SGD(**options)
    assert message in str(caught.value)


def test_values_that_mean_off_are_taken():
    optimizer = SGD(0.1, use_ema=False, loss_scale_factor=None, gradient_accumulation_steps=None, name="mine")
    assert (optimizer.name, optimizer.learning_rate) == ("mine", 0.1)
    weights = np.array([1.0, -2.0])
    optimizer.update(weights, np.array([3.0, 4.0]))
    assert_allclose(weights, [0.7, -2.4], rtol=1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipnorm": 1.0, "clipvalue": 0.5}, "only one of clipnorm, clipvalue and global_clipnorm can be given"),
        ({"clipnorm": 0.0}, "clipnorm must be a number above 0; got 0.0"),
        ({"global_clipnorm": float("nan")}, "global_clipnorm must be a number above 0; got nan"),
    ],
)
def test_bad_clipping(options, message):
    with pytest.raises(ValueError, match=message):
        SGD(**options)


def test_clipping_by_norm_knows_the_variables():
    weights, gradient = np.zeros(5), np.array([3.0, 4.0, 0.3, 0.4, 0.0])
    optimizer = SGD(1.0, clipnorm=1.0)
    with pytest.raises(ValueError, match="clipnorm needs the sizes of the variables; call build with them first"):
        optimizer.update(weights, gradient)
    optimizer = SGD(1.0, clipnorm=1.0)
    optimizer.build({"a": 2, "b": 3})
    optimizer.update(weights, gradient)
    assert_allclose(weights, [-0.6, -0.8, -0.3, -0.4, 0], rtol=1e-15)
    with pytest.raises(ValueError, match="SGD was built for 5 weights; got 4"):
        optimizer.update(np.zeros(4), np.zeros(4))


def test_a_gradient_that_is_not_finite_is_not_hidden_by_clipping():
    optimizer, weights = SGD(1.0, global_clipnorm=1.0), np.zeros(2)
    optimizer.update(weights, np.array([np.inf, 1.0]))
    assert np.isnan(weights).all()


def test_variables_without_decay():
    optimizer = AdamW(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_list=["b/kernel"], var_names=["bias"])
    with pytest.raises(ValueError, match="needs the names of the variables; call build with them first"):
        optimizer.update(np.ones(6), np.zeros(6))
    optimizer.build({"a/kernel": 1, "a/bias": 1, "b/kernel": 1, "c/kernel": 2, "c/bias": 1})
    weights = np.ones(6)
    optimizer.update(weights, np.zeros(6))
    assert_allclose(weights, [0.9, 1, 1, 0.9, 0.9, 1], rtol=1e-15)
    with pytest.raises(TypeError, match="var_names must be a list of names such as 'dense/bias'; got 'bias'"):
        optimizer.exclude_from_weight_decay(var_names="bias")


def test_fit_tells_the_optimizer_the_variables():
    model, optimizer = tiny(), AdamW(0.001, weight_decay=0.5, clipnorm=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    fit(model, *patterns(40), optimizer=optimizer, epochs=1)
    plain = tiny()
    fit(plain, *patterns(40), optimizer=AdamW(0.001, weight_decay=0.5, clipnorm=0.5), epochs=1)
    assert not np.array_equal(plain.flat, model.flat)


def test_a_schedule_is_evaluated_at_each_step():
    optimizer, weights = SGD(PiecewiseConstantDecay([1, 2], [1.0, 0.1, 0.01])), np.zeros(1)
    for want in (-1, -2, -2.1, -2.11):
        optimizer.update(weights, np.ones(1))
        assert weights[0] == pytest.approx(want, rel=1e-14)
    assert optimizer.learning_rate == 0.01 and optimizer.iterations == 4
    with pytest.raises(TypeError, match=r"follows the schedule PiecewiseConstantDecay.* cannot be set to 0.5"):
        optimizer.learning_rate = 0.5


def test_a_schedule_of_ones_own():
    class Halves(LearningRateSchedule):
        def __call__(self, step):
            return 0.5**step

    optimizer = Adam(Halves())
    assert optimizer.learning_rate == 1.0
    with pytest.raises(TypeError, match="LearningRateSchedule is a base class"):
        LearningRateSchedule()(0)
    bad = SGD(lambda step: -1.0)
    with pytest.raises(ValueError, match=r"a schedule must give a learning rate of at least 0; got -1.0 for step 0"):
        bad.update(np.zeros(1), np.ones(1))


def test_a_restored_state_continues_a_schedule_and_a_changed_rate():
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((8, 3))
    for make in (lambda: SGD(ExponentialDecay(0.1, 2, 0.5), 0.9), lambda: Adam(0.1)):
        first, weights = make(), np.zeros(3)
        for k, gradient in enumerate(steps):
            if k == 3 and isinstance(first, Adam):
                first.learning_rate = 0.03
            if k == 5:
                state, half = first.get_state(), weights.copy()
            first.update(weights, gradient)
        second = make()
        second.set_state(state)
        assert ("learning_rate" in state) == isinstance(second, Adam)
        for gradient in steps[5:]:
            second.update(half, gradient)
        assert_array_equal(half, weights)


def test_the_engine_of_the_model_unless_another_was_given(quick_engine):
    from convlens.engines import numpy_engine

    one, other = Adam(), Adam(engine=numpy_engine)
    for optimizer in (one, other):
        optimizer.build({"a/kernel": 3}, quick_engine)
    assert one.engine is quick_engine and other.engine is numpy_engine


def test_pytorch_has_the_same_coupled_decay_and_nesterov():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    for nesterov in (False, True):
        weights = np.linspace(-1, 1, 5)
        theirs = torch.tensor(weights, requires_grad=True)
        rule = torch.optim.SGD([theirs], 0.05, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
        ours = SGD(0.05, 0.9, nesterov, coupled_weight_decay=0.01)
        for gradient in rng.standard_normal((9, 5)):
            theirs.grad = torch.tensor(gradient)
            rule.step()
            ours.update(weights, gradient)
            assert_allclose(weights, theirs.detach().numpy(), rtol=1e-12)
