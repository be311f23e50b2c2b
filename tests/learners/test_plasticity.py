"""Methods that keep a network plastic: each is its definition, and with its numbers at rest it is the plain rule."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.learners import backprop, continual_backprop, l2_init, moments, pcn, plasticity, rebirth, snr, upgd
from pcl.learners.rule import lesson
from pcl.network.energy import output_cost
from pcl.network.layers import Dense, forward
from pcl.types import Batch, Spec

SPEC = Spec((5,), 3)
NET = {"width": 6, "depth": 2, "optimiser": "sgd", "lr": 0.05}
PLAIN = {
    "l2_init": {"regeneration": 0.0},
    "shrink_perturb": {"shrink": 0.0, "perturb": 0.0},
    "continual_backprop": {"replacement_rate": 0.0},
}


def batches(n=12, rows=4, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, rows, 5)).astype(np.float32), rng.integers(0, 3, (n, rows)).astype(np.int32)
    true = jnp.ones((n, rows), bool)
    return Batch(jnp.asarray(x), jnp.asarray(y), true, true, jnp.zeros((n, rows), jnp.int32))


def first(some):
    return jax.tree.map(lambda leaf: leaf[0], some)


@functools.cache
def lived(name, **settings):
    """The learner, its numbers, and its state before and after twelve batches."""
    learner, hp = learners.make(name, SPEC)
    nested = {key: settings.pop(key, value) for key, value in (*NET.items(), ("activation", "tanh"))}
    hp = hp.replace(rule=hp.rule.replace(**nested), **settings) if hasattr(hp, "rule") else hp.replace(**nested)
    start = learner.init(jax.random.key(0), hp)
    end = jax.jit(lambda s, b: jax.lax.scan(lambda s, b: (learner.update(s, b, hp)[0], None), s, b)[0])(
        start, batches()
    )
    return learner, hp, start, end


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_at_rest_a_method_is_the_plain_rule_to_the_bit(name):
    """Operation by operation: compiled together, they are rounded otherwise."""
    states = []
    for one, settings in (("backprop", {}), (name, PLAIN[name])):
        learner, hp = learners.make(one, SPEC)
        net = NET | {"optimiser": "adamw"}
        hp = hp.replace(rule=hp.rule.replace(**net), **settings) if hasattr(hp, "rule") else hp.replace(**net)
        state = learner.init(jax.random.key(0), hp)
        for i in range(2):
            state, _ = learner.update(state, jax.tree.map(lambda leaf, i=i: leaf[i], batches()), hp)
        states.append(getattr(state, "rule", state))
    jax.tree.map(np.testing.assert_array_equal, *states)


@pytest.mark.slow
def test_a_method_works_around_predictive_coding():
    around = plasticity.around(pcn.rule(SPEC), SPEC, l2_init.METHOD)
    plain, own = pcn.make(SPEC), pcn.HParams(**NET, inference_steps=3)
    some = first(batches())
    states = []
    for regeneration in (0.0, 10.0):
        hp = l2_init.HParams(rule=own, regeneration=regeneration)
        state = around.init(jax.random.key(0), hp)
        for _ in range(2):
            state, _ = around.update(state, some, hp)
        states.append(state.rule.network)
    state = plain.init(jax.random.key(0), own)
    for _ in range(2):
        state, _ = plain.update(state, some, own)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), states[0], state.network)
    assert np.abs(states[1][0].w - state.network[0].w).max() > 3e-6


@pytest.mark.slow
def test_weights_are_drawn_back_by_the_gradient_of_their_squared_distance():
    """With 2 lr regeneration = 1 a step of SGD ends one plain step of the present gradient from where all began."""
    learner, hp, start, state = lived("l2_init", regeneration=10.0)
    some = first(batches(seed=1))
    after = learner.update(state, some, hp)[0].rule.network
    rule = backprop.rule(SPEC)
    move = rule.direct(state.rule, lesson(some, SPEC), hp.rule)
    want = jax.tree.map(lambda w0, d: w0 + 0.05 * d, start.rule.network, move.direction)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), after, want)


@pytest.mark.slow
def test_shrinking_takes_its_share_and_perturbing_adds_its_spread():
    learner, hp, start, _ = lived("shrink_perturb", shrink=0.25, perturb=0.0, lr=0.0)
    after = learner.update(start, first(batches()), hp)[0].rule.network
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, 0.75 * b, rtol=1e-6), after, start.rule.network)
    hp = hp.replace(shrink=0.0, perturb=0.5)
    after = [learner.update(start._replace(steps=start.steps + i), first(batches()), hp)[0] for i in range(40)]
    added = np.stack([a.rule.network[1].w - start.rule.network[1].w for a in after])
    np.testing.assert_allclose([added.mean(), added.std()], [0, 0.5], atol=0.04)  # of 1,440 normal numbers


@pytest.mark.slow
def test_utility_is_to_first_order_what_the_cost_would_lose_without_a_weight():
    learner, hp, start, _ = lived("upgd", utility_decay=0.0)
    some = first(batches())

    def cost(network):
        a = forward(network, some.x)[-1]
        return output_cost(hp.rule.output, jax.nn.one_hot(some.y, 3), a).mean()

    network = start.rule.network
    found = learner.update(start, some, hp)[0].memory.utility
    taylor = jax.tree.map(lambda w, g: -g * w, network, jax.grad(cost)(network))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, taylor)
    small = jax.tree.map(lambda w: w.at[...].set(w), network)
    i = (2, 1)
    less = (small[0].replace(w=small[0].w.at[i].multiply(1 - 1e-2)), *small[1:])
    np.testing.assert_allclose(cost(less) - cost(network), 1e-2 * found[0].w[i], rtol=0.1, atol=1e-7)


def test_the_most_useful_weight_moves_least_and_a_useless_one_half_a_step():
    utility = (jnp.asarray([[4.0, 0.0, -4.0]]), jnp.asarray([2.0]))
    memory = upgd.Memory((Dense(*utility),), jnp.asarray(1))
    (gates,) = upgd.gates(memory, 0.0)
    np.testing.assert_allclose(gates.w, [[1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-1))]], rtol=1e-6)
    np.testing.assert_allclose(gates.b, [1 / (1 + np.exp(0.5))], rtol=1e-6)


def test_a_step_of_upgd_is_its_formula():
    learner, hp, start, _ = lived("upgd", direction_noise=0.0, shrink=0.02)
    some = first(batches())
    move = backprop.rule(SPEC).direct(start.rule, lesson(some, SPEC), hp.rule)
    after = learner.update(start, some, hp)[0]
    gates = upgd.gates(after.memory, hp.utility_decay)
    want = jax.tree.map(lambda w, d, g: 0.98 * w + 0.05 * d * g, start.rule.network, move.direction, gates)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), after.rule.network, want)


def test_units_are_replaced_at_the_rate_of_mature_ones():
    units = continual_backprop.start(
        backprop.rule(SPEC).init(jax.random.key(0), backprop.HParams(**NET)).network, None
    )[0]
    hp = continual_backprop.HParams(replacement_rate=0.05, maturity=20.0)
    replaced, owed = [], 0.0
    judged = jax.jit(lambda u, c: continual_backprop.judged(u, c, hp))
    for _ in range(300):
        owed += 0.05 * float((np.asarray(units.age) + 1 > 20).sum())
        units, chosen = judged(units, jnp.asarray([3.0, 1.0, 2.0, 5.0, 4.0, 6.0]))
        replaced.append(np.flatnonzero(chosen).tolist())
        assert not replaced[-1] or (units.age[jnp.asarray(replaced[-1])] == 0).all()
    taken = sum(map(len, replaced))
    assert abs(taken - owed) <= 1, (taken, owed)
    assert next(one for one in replaced if one) == [1], "another than the least useful unit"
    assert all(len(one) <= 1 for one in replaced)
    assert replaced.index([1]) == 20 + 3  # from step 21 on six units are mature: 0.3 a step


def test_a_unit_that_begins_anew_has_fresh_weights_none_behind_it_and_no_memory():
    rule, hp = backprop.rule(SPEC), backprop.HParams(**NET | {"optimiser": "adam"})
    state = rule.init(jax.random.key(0), hp)
    state = state._replace(optimiser=jax.tree.map(jnp.ones_like, state.optimiser))
    chosen = (jnp.arange(6) == 2, jnp.arange(6) == 4)
    after = rebirth.begun_anew(state, chosen, jax.random.key(1), SPEC, hp)
    fresh = rule.init(jax.random.key(1), hp).network
    first, second, last = after.network
    np.testing.assert_array_equal(first.w[:, 2], fresh[0].w[:, 2])
    np.testing.assert_array_equal(second.w[:, 4], fresh[1].w[:, 4])
    assert not second.w[2, np.arange(6) != 4].any()
    assert not last.w[4].any()
    kept = np.arange(6) != 2
    np.testing.assert_array_equal(first.w[:, kept], state.network[0].w[:, kept])
    np.testing.assert_array_equal(last.w[np.arange(6) != 4], state.network[2].w[np.arange(6) != 4])
    mean = [memory[0].mu for memory in after.optimiser]
    assert not mean[0].w[:, 2].any()
    assert not mean[0].b[2]
    assert not mean[1].w[2].any()
    assert mean[0].w[:, kept].all()
    assert mean[1].w[np.ix_(kept, np.arange(6) != 4)].all()


def test_a_unit_that_stays_silent_longer_than_its_pauses_begins_anew():
    units = snr.Units(jnp.zeros(3), jnp.zeros((3, snr.BINS)), jnp.full(3, 100.0))
    heard = jax.jit(snr.heard)
    for step in range(400):  # the first fires at every second sample, the second at every tenth, the third never
        fires = jnp.asarray([step % 2 == 1, step % 10 == 9, False])
        units, late = heard(units, fires, jnp.asarray(1))
        assert not late[:2].any()
        assert late[2] == (step % 100 == 99)
    units = snr.limited(units, 0.02)
    longest = np.asarray([1, 9])
    assert (units.limit[:2] >= longest).all()
    assert (units.limit[:2] <= longest * 2 ** (1 / 8) + 1e-3).all()
    assert units.limit[2] == 200, "without shorter pauses the limit doubles"
    units, late = heard(units._replace(pause=jnp.asarray([5.0, 5.0, 5.0])), jnp.zeros(3, bool), jnp.asarray(1))
    np.testing.assert_array_equal(late, [True, False, False])


def test_units_of_convolutions_cannot_begin_anew():
    learner, hp = learners.make("continual_backprop", Spec((8, 8), 3))
    with pytest.raises(UsageError, match="set architecture=mlp"):
        learner.init(jax.random.key(0), hp.replace(rule=hp.rule.replace(architecture="vgg5", width=2)))


def averages(x, decay):
    """Moving averages one by one, in float64."""
    mean, variance, seen = np.zeros(x.shape[1]), np.ones(x.shape[1]), []
    for k, row in enumerate(x, start=1):
        d = min(decay, k / (k + 1))
        difference = row - mean
        mean = mean + (1 - d) * difference
        variance = d * variance + (1 - d) * difference * (row - mean)
        seen.append((mean, variance))
    return seen


@pytest.mark.parametrize("rows", [1, 3, 12])
def test_moving_averages_are_those_of_one_row_after_the_other(rows):
    x = (3 + 2 * np.random.default_rng(0).normal(size=(12, 4))).astype(np.float32)
    now = moments.prior((4,))
    for i in range(0, 12, rows):
        now = moments.moved(now, jnp.asarray(x[i : i + rows]), jnp.ones(rows, bool), 0.8)
    mean, variance = averages(x.astype(float), 0.8)[-1]
    np.testing.assert_allclose(now.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(now.variance, variance, rtol=1e-4)


def test_rows_that_do_not_count_move_nothing_and_the_first_samples_weigh_alike():
    x = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    counts = jnp.asarray([True, False, True, True, False, False])
    now = moments.moved(moments.prior((4,)), jnp.asarray(x), counts, 0.999)
    np.testing.assert_allclose(now.mean, np.concatenate([np.zeros((1, 4)), x[np.asarray(counts)]]).mean(0), rtol=1e-5)
    assert now.seen == 3


def test_a_row_is_normalised_by_the_averages_that_it_moves_itself():
    x = (3 + 2 * np.random.default_rng(2).normal(size=(8, 4))).astype(np.float32)
    now = moments.moved(moments.prior((4,)), jnp.asarray(x[:7]), jnp.ones(7, bool), 0.8)
    mean, variance = averages(x.astype(float), 0.8)[-1]
    got = moments.normalised(now, jnp.asarray(x[7:]), 0.8)[0]
    np.testing.assert_allclose(got, (x[7] - mean) / np.sqrt(variance), rtol=1e-4)
    still = moments.moved(moments.prior((2,)), jnp.full((5000, 2), -0.4), jnp.ones(5000, bool), 0.99)
    assert np.abs(moments.normalised(still, jnp.full((1, 2), -0.4), 0.99)).max() < 0.01
    jump = moments.normalised(still, jnp.full((1, 2), 5.0), 0.99)
    np.testing.assert_allclose(jump, np.sqrt(0.99 / 0.01), rtol=1e-3)


def test_the_network_reads_normalised_inputs_when_it_learns_and_when_it_is_asked():
    learner, hp, _, state = lived("moving_norm")
    some = first(batches(seed=3))
    info = learner.update(state, some, hp)[1]
    seen = moments.normalised(state.moments, some.x, hp.norm_decay)
    want = forward(state.rule.network, seen)[-1]
    np.testing.assert_allclose(info.prediction.logits, want, rtol=1e-6)
    np.testing.assert_allclose(learner.predict(state, some.x, hp).logits, want, rtol=1e-6)
    assert int(state.steps) == 12
    assert state.moments.seen == 48
