"""The flags of the predictive-coding network reach the engine, and each does what it says."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.network.energy import Problem, energy, feedforward
from pcl.network.halting import Budget
from pcl.network.inference import Numbers
from pcl.network.rules import RULES
from pcl.types import Batch, Spec

SPEC = Spec((6,), 4)
ROUNDING = {"rtol": 1e-5, "atol": 1e-6}  # a few float32 sums of a few products
NO_BIASES = functools.partial(jax.tree.map, lambda leaf: leaf.ndim == 2)


def random_batch(n=9, input_shape=(6,), c=4, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, *input_shape)), rng.integers(0, c, n)
    true = jnp.ones(n, bool)
    return Batch(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), true, true, jnp.zeros(n, jnp.int32))


def made(name="pcn", spec=SPEC, **settings):
    """A learner of five hidden units under plain gradient steps of 0.1, unless `settings` say otherwise."""
    learner, hp = learners.make(name, spec)
    fixed = {"step_limit": "nothing"} if name == "pcn" else {}
    hp = hp.replace(**{**fixed, "width": 5, "optimiser": "sgd", "lr": 0.1, **settings})
    return learner, hp, learner.init(jax.random.key(0), hp)


def updated(batch, **settings):
    """State and report after one update."""
    learner, hp, state = made(**settings)
    return jax.jit(learner.update)(state, batch, hp)


def problem_of(state, batch, output="gaussian"):
    return Problem(state.network, batch.x, jax.nn.one_hot(batch.y, 4), output=output)


def assert_close(got, want, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **(tolerance or ROUNDING)), got, want)


def settle(p, rate, steps, rule="gd"):
    return RULES[rule].settle(p, feedforward(p), Budget(steps), Numbers(rate, momentum=0.5))


@pytest.mark.slow
@pytest.mark.parametrize("inference", [name for name, rule in RULES.items() if rule.learns == "settled"])
def test_weights_move_down_the_mean_energy_at_the_settled_activities(inference):
    batch = random_batch()
    _, _, state = made()
    p = problem_of(state, batch)
    settled = settle(p, 0.1, 7, inference)

    def mean_energy(network):
        return energy(dataclasses.replace(p, network=network), settled.z).mean()

    expected = jax.tree.map(lambda w, g: w - 0.1 * g, state.network, jax.grad(mean_energy)(state.network))
    # Adam's first steps are as long for a gradient that is zero up to rounding as for any other.
    adam = inference == "adam"
    tolerance = {"atol": 2e-3} if adam else ROUNDING
    got, info = updated(batch, inference=inference, inference_steps=7)
    assert_close(got.network, expected, **tolerance)
    assert_close(info.log["energy"].value, mean_energy(state.network), **tolerance)
    assert info.log["energy"].value < info.log["surprise"].value  # settling lowered the energy
    assert_close(info.log["inference_steps"].value, 7.0)  # a mean whose weights sum to one but for rounding
    # A difference of what nearly cancels.
    assert_close(info.log["residual"].value, settled.residual.mean(), rtol=0.05 if adam else 1e-3, atol=1e-5)
    assert info.risen == 0


def test_without_hidden_layers_it_is_backprop():
    """With nothing to infer, the energy is the loss and the local rule its gradient."""
    batch = random_batch()
    pcn, backprop = (updated(batch, name=name, depth=0)[0] for name in ("pcn", "backprop"))
    assert_close(pcn.network, backprop.network)


@pytest.mark.parametrize("settings", [{}, {"init": "mupc"}, {"init": "he", "depth": 3}])
def test_equal_keys_give_backprop_equal_weights(settings):
    pcn, backprop = (made(name, **settings)[2].network for name in ("pcn", "backprop"))
    jax.tree.map(np.testing.assert_array_equal, pcn, backprop)


def test_one_incremental_step_is_one_step_of_learning_at_the_feedforward_activities():
    batch = random_batch()
    incremental, info = updated(batch, inference="ipc", inference_steps=1)
    assert_close(incremental.network, updated(batch, inference_steps=0)[0].network)
    assert info.log["inference_steps"].value == 1


def test_an_early_stop_reports_the_steps_of_the_rows_that_teach():
    batch = random_batch()
    settings = {"inference_steps": 500, "halt": "gradient", "tolerance": 0.05}
    state, info = updated(batch, **settings)
    assert 1 < info.log["inference_steps"].value < 500
    # Rows that do not teach settle nothing and count nothing.
    quiet = batch._replace(labelled=jnp.arange(9) < 4)
    _, some = updated(quiet, **settings)
    _, alone = updated(jax.tree.map(lambda leaf: leaf[:4], batch), **settings)
    assert some.log["inference_steps"].value == alone.log["inference_steps"].value
    assert jnp.isfinite(state.network[0].w).all()


def test_nudging_all_the_way_is_plain_and_centred_is_the_mean_of_both_sides():
    batch = random_batch()
    _, _, before = made()
    plain, positive, negative, centred = (
        updated(batch, nudge=nudge, beta=1.0)[0].network for nudge in ("none", "positive", "negative", "centred")
    )
    assert_close(positive, plain)
    assert_close(centred, jax.tree.map(lambda a, b: (a + b) / 2, positive, negative))
    assert jnp.abs(negative[0].w - positive[0].w).max() > 1e-4  # far above rounding
    assert jnp.abs(negative[0].w - before.network[0].w).max() > 1e-4  # far above rounding


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_precision_is_learned_from_the_settled_errors(kind):
    batch = random_batch()
    state, _ = updated(batch, precision=kind, precision_lr=0.5)
    _, _, before = made()
    p = problem_of(before, batch)
    e = settle(p, 0.1, 20).errors.raw[-1]
    seen = e.T @ e / 9 + 0.01 * jnp.eye(4)
    want = 0.5 * jnp.eye(4) + 0.5 * seen
    assert_close(state.variance[-1], want if kind == "full" else jnp.diag(want))
    assert updated(batch, precision=kind, output="categorical")[0].variance[-1] is None


@pytest.mark.parametrize("nudge", ["positive", "centred"])
def test_nudging_does_not_change_the_precision_that_a_linear_network_learns(nudge):
    """There all errors are as large as the nudge, from the first step on."""
    settings = {"activation": "identity", "precision": "diagonal", "precision_lr": 0.5}
    plain, nudged = (updated(random_batch(), **settings, nudge=n, beta=0.1)[0].variance for n in ("none", nudge))
    assert_close(nudged, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_learned_precision_recovers_the_noise_of_real_targets(kind):
    """Weights learned beside it; 6,000 samples' worth at that rate: 0.08 is above four standard errors."""
    rng, covariance = np.random.default_rng(0), np.asarray([[0.5, 0.2], [0.2, 0.2]])
    x = rng.normal(size=(2000, 30, 3))
    y = x @ rng.normal(size=(3, 2)) + rng.multivariate_normal(np.zeros(2), covariance, (2000, 30))
    true = jnp.ones((2000, 30), bool)
    batches = Batch(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), true, true, jnp.zeros((2000, 30), int))
    learner, hp, state = made(spec=Spec((3,), 0, 2), depth=0, optimiser="adam", lr=0.003, precision=kind)
    state, _ = jax.jit(lambda s, b: jax.lax.scan(lambda s, rows: learner.update(s, rows, hp), s, b))(state, batches)
    got = state.variance[-1] - 0.01 * np.eye(2) if kind == "full" else np.diag(state.variance[-1] - 0.01)
    want = covariance if kind == "full" else np.diag(np.diag(covariance))
    np.testing.assert_allclose(got, want, rtol=0, atol=0.08 * 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inference", "halt"),
    [("gd", "fixed"), ("conjugate", "gradient"), ("gauss_newton", "gradient"), ("ipc", "fixed"), ("epc", "fixed")],
)
def test_memory_does_not_depend_on_the_number_of_steps(inference, halt):
    learner, hp, state = made(inference=inference, halt=halt)
    few, many = (
        jax.jit(learner.update).lower(state, random_batch(), hp.replace(inference_steps=steps)).compile()
        for steps in (5, 500)
    )
    assert few.memory_analysis().temp_size_in_bytes == many.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_steps_are_divided_by_the_largest_gain_of_any_layer(layer):
    """A gain of 25 in one layer: the steps are those of a rate of 0.004, and what they reach is reported."""
    batch = random_batch()
    learner, hp, state = made(precision="diagonal", inference_steps=3)
    variance = list(state.variance)
    variance[layer] = variance[layer].at[0].set(0.04)
    state = state._replace(variance=tuple(variance))
    p = dataclasses.replace(problem_of(state, batch), precision=tuple(1 / v for v in variance))
    settled = settle(p, 0.004, 3)
    info = jax.jit(learner.update)(state, batch, hp)[1]
    assert_close(info.log["energy"].value, energy(p, settled.z).mean())
    assert_close(info.log["residual"].value, settled.residual.mean())


def test_only_inference_that_raised_a_finite_energy_has_diverged():
    learner, hp, state = made(inference_steps=3)
    update, batch = jax.jit(learner.update), random_batch()
    poisoned = batch._replace(x=batch.x.at[0, 0].set(jnp.nan))
    for rate, given, risen in ((0.1, batch, 0), (3.0, batch, 1), (1e30, batch, 1), (0.1, poisoned, 0)):
        assert update(state, given, hp.replace(inference_lr=np.float32(rate)))[1].risen == risen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "optimiser"),
    [
        ({"optimiser": "momentum", "momentum": 0.7}, optax.sgd(0.1, 0.7)),
        ({"optimiser": "adamw", "weight_decay": 0.3}, optax.adamw(0.1, weight_decay=0.3, mask=NO_BIASES)),
        ({"optimiser": "adam", "beta1": 0.2, "beta2": 0.5}, optax.adam(0.1, 0.2, 0.5)),
    ],
    ids=lambda value: value["optimiser"] if isinstance(value, dict) else "",
)
def test_optimisers_are_those_of_optax(settings, optimiser):
    """Two updates of backprop beside the same optimiser on the same gradients."""
    batch = random_batch()
    learner, hp, state = made("backprop", **settings)

    @jax.jit
    def gradient(network):
        def loss(network):
            p = dataclasses.replace(problem_of(state, batch), network=network)
            return energy(p, feedforward(p)).mean()

        return jax.grad(loss)(network)

    network, memory, update = state.network, optimiser.init(state.network), jax.jit(learner.update)
    for _ in range(2):
        updates, memory = optimiser.update(gradient(network), memory, network)
        network = optax.apply_updates(network, updates)
        state, _ = update(state, batch, hp)
    # Adam divides by the size of gradients, whose rounding errors it so enlarges.
    assert_close(state.network, network, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pcn", "backprop"])
def test_a_convolutional_network_learns_images(name):
    """Stripes up and down, a few pixels wide, at random places and under noise."""
    rng, spec = np.random.default_rng(0), Spec((8, 8, 1), 2)
    y = rng.integers(0, 2, 64)
    stripes = np.sin(np.arange(8)[None] * 1.5 + rng.uniform(0, 6, (64, 1)))
    x = np.where(y[:, None, None] == 1, stripes[:, :, None], stripes[:, None, :]) + 0.3 * rng.normal(size=(64, 8, 8))
    batch = random_batch(64)._replace(x=jnp.asarray(x[..., None], jnp.float32), y=jnp.asarray(y, jnp.int32))
    learner, hp, state = made(name, spec, architecture="vgg5", width=4, optimiser="adam", lr=0.01, init="he")

    def step(state, _):
        state, info = learner.update(state, batch, hp)
        return state, info.log["surprise"].value

    state, surprise = jax.jit(lambda state: jax.lax.scan(step, state, length=40))(state)
    assert surprise[-1] < 0.5 * surprise[0]
    assert (learner.predict(state, batch.x, hp).logits.argmax(1) == y).mean() > 0.9


def test_refusals():
    with pytest.raises(UsageError, match="nudge=centred: inference=ipc learns at every step, and takes nudge=none"):
        made(inference="ipc", nudge="centred")
    with pytest.raises(UsageError, match="halt=gradient: inference=epc takes halt=fixed"):
        made(inference="epc", halt="gradient")
    with pytest.raises(UsageError, match="halt=saturation: inference=gauss_newton takes halt=fixed or"):
        made(inference="gauss_newton", halt="saturation")
    with pytest.raises(UsageError, match="reads images"):
        made(architecture="vgg5")
    with pytest.raises(UsageError, match="init=mupc is for architecture=mlp"):
        made(architecture="vgg5", init="mupc")
