"""Facts of sleep: mergers are exact, evidence is a product of predictive probabilities, and slots stay contiguous."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_t

from pcl.learners.parallax import sleep
from pcl.learners.parallax import state as states
from pcl.learners.parallax.contexts import mergers
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.sensors import sums
from pcl.learners.parallax.sensors.bank import sensor
from pcl.learners.parallax.sensors.sums import Sums
from pcl.learners.parallax.sensors.synapses import variances
from pcl.learners.parallax.sensors.tails import degrees_of_freedom
from pcl.learners.parallax.verdict import Verdict
from tests.learners.parallax.streams import fresh, set_to

S, L, D, H, N = 4, 3, 4, 6, 40
HP = set_to(max_contexts=S, random_features=H)
KIND = sensor(L, D, HP)
RIDGE = HP.ridge
of_sums = jax.jit(KIND.of_sums)
PLACE = [2, 0, 1]  # of the latents of another bank: its 0 is 2 here


@functools.cache
def untaught():
    return jax.vmap(KIND.init)(jax.random.split(jax.random.key(0), S))


def taught(rows, place=(0, 1, 2), shift=0.0, sign=1):
    """A sensor from the sums of some of the samples, with its latents in these places."""
    codes, features, k = (part[rows] for part in samples())
    there = k[:, None] == np.asarray(place)
    size = there.sum(0)
    mean = there.T @ codes / size[:, None]
    scatter = np.einsum("nl,nld,nle->lde", there, *[codes[:, None] - mean] * 2)
    p = np.linalg.inv(features.T @ features + RIDGE * np.eye(H))
    weights = sums.Weights(jnp.asarray(p @ features.T @ there, float), jnp.asarray(p, float), RIDGE)
    known = (size, sign * mean + shift, scatter, sign * mean + shift + 1, np.zeros(3), np.zeros(3))
    return of_sums(Sums(*(jnp.asarray(value, float) for value in known), weights=weights))


def samples():
    rng = np.random.default_rng(0)
    k = rng.integers(0, L, 2 * N)
    return 2 * np.eye(L, D)[k] + rng.normal(size=(2 * N, D)), rng.normal(size=(2 * N, H)), k


ALL, FIRST, SECOND = slice(0, 2 * N), slice(0, N), slice(N, 2 * N)


def at(states, slot):
    return jax.tree.map(lambda leaf: leaf[slot], states)


def put(states, state, slot):
    return jax.tree.map(lambda leaf, new: leaf.at[slot].set(new), states, state)


def named(votes):
    """The map with a table of votes, latents by labels."""
    votes_CL = jnp.asarray(votes, jnp.float32).T
    return maps.of(votes_CL, jnp.full(len(votes_CL), -1, jnp.int32), votes_CL.sum(1).astype(jnp.int32))


def contexts_of(through, votes):
    """Contexts that look through these sensors, and what the sensors get wrong; the last one is current."""
    number, state = len(through), fresh(HP, L)
    names = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(named, votes))
    return state.contexts._replace(
        belief=jnp.zeros(S).at[:number].set(1 / number),
        number=jnp.asarray(number, jnp.int32),
        sensor=jnp.zeros(S, jnp.int32).at[:number].set(jnp.asarray(through)),
        names=jax.tree.map(lambda leaf, new: leaf.at[:number].set(new), state.contexts.names, names),
        current=jnp.asarray(number - 1, jnp.int32),
    ), jnp.full((S, L), 0.1)


@pytest.mark.slow
def test_two_halves_of_a_stream_merge_into_the_sensor_that_learned_both():
    whole, half, other = taught(ALL), taught(FIRST), taught(SECOND, PLACE)

    @jax.jit
    def merged(half, other):
        there = sums.placed(KIND.sums(other), jnp.asarray(PLACE))
        return KIND.of_sums(sums.joined(KIND.sums(half), there))

    both = merged(half, other)
    for name in ("size", "mean", "scatter", "inverse", "logdet", "novel_mean", "novel_inverse", "novel_logdet"):
        np.testing.assert_allclose(getattr(both.density, name), getattr(whole.density, name), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(both.synapses.w, whole.synapses.w, atol=1e-5)
    np.testing.assert_allclose(variances(both.synapses.p), variances(whole.synapses.p), atol=1e-5)
    np.testing.assert_array_equal(both.synapses.size, whole.synapses.size)


def test_steps_that_wait_are_among_the_sums():
    layer, steps = taught(ALL).synapses, 0.1 * jnp.asarray(np.random.default_rng(3).normal(size=(8, H)), jnp.float32)
    waiting = layer._replace(p=layer.p._replace(base=layer.p.base + steps.T @ steps, steps=steps))
    np.testing.assert_allclose(variances(waiting.p), layer.p.base, atol=1e-5)


WRONG = jnp.asarray([0.1, 0.2, 0.3])


maps_alike = jax.jit(mergers.maps_alike)


def test_maps_learned_from_one_table_are_one_and_renamed_ones_are_two():
    votes = np.diag([30.0, 20.0, 40.0])
    shared, alike = maps_alike(named(votes), named(0.5 * votes), WRONG)
    assert shared == 45
    np.testing.assert_allclose(alike, L * np.log(L), atol=1e-3)
    assert maps_alike(named(votes), named(np.roll(votes, 1, axis=1)), WRONG)[1] < -50
    # What only one of them has met says nothing.
    shared, alike = maps_alike(named(np.diag([9.0, 0, 0])), named(np.diag([0, 9.0, 0])), WRONG)
    assert shared == 0
    np.testing.assert_allclose(alike, 0, atol=1e-5)


def test_evidence_for_one_map_sums_over_all_names_that_it_may_have():
    def log_p(labels_of_latents):
        total = 0.0
        for wrong, labels in zip(WRONG, labels_of_latents, strict=True):
            hits = labels[:, None] == np.arange(L)
            total += np.log(np.mean(np.prod(np.where(hits, 1 - wrong, wrong / (L - 1)), axis=0)))
        return total

    tables = [np.array([[5, 0, 0], [0, 7, 0], [0, 0, 2]]), np.array([[0, 3, 0], [0, 0, 6], [4, 0, 0]])]
    rows = [[np.repeat(np.arange(L), counts) for counts in table] for table in tables]
    both = [np.concatenate(pair) for pair in zip(*rows, strict=True)]
    want = log_p(both) - log_p(rows[0]) - log_p(rows[1])
    np.testing.assert_allclose(maps_alike(*map(named, tables), WRONG)[1], want, rtol=1e-5)


def test_evidence_for_one_sensor_is_that_of_means_which_strays_in_one_latent_do_not_move():
    rng = np.random.default_rng(2)
    sizes = [np.array(n) for n in ((30, 40, 50, 60), (20, 30, 5, 0))]
    means = [rng.normal(size=(L + 1, D)) for _ in sizes]
    scatter = 150 * np.eye(D)
    rest = (means[0], np.zeros(3), np.zeros(3))
    ours, theirs = (Sums(*map(jnp.asarray, (n, m, scatter, *rest))) for n, m in zip(sizes, means, strict=True))
    dof = sizes[0].sum() - 4 + sizes[1].sum() - 3
    sigma = (2 * scatter + 20 * 0.5 * np.eye(D)) / (dof + 20)
    sigma += 0.02 * np.trace(sigma) / D * np.eye(D)
    sigma /= (dof - D - 1) / dof
    gains = []
    for variance in (1.0, 0.1, 0.01):
        of_latents = []
        for n, m, off in zip(*sizes, means[0] - means[1], strict=True):
            share = n * m / (n + m)
            if share:  # a mean of so many: heavy tails of 10 degrees of freedom wear off
                freedom = 4 + 6 * share
                one, two = (
                    multivariate_t.logpdf(np.sqrt(share) * off, None, w * sigma * (freedom - 2) / freedom, df=freedom)
                    for w in (1, 1 + variance * share)
                )
                of_latents.append(two - one)
        gains.append(sum(of_latents) - max(0, *of_latents))
    want = np.log(3) - np.logaddexp.reduce(gains)
    alike = jax.jit(sums.sensors_alike)
    np.testing.assert_allclose(alike(ours, theirs, jnp.asarray(10.0)), want, rtol=1e-4)
    same = theirs._replace(mean=ours.mean)
    stray = same._replace(mean=same.mean.at[2].add(50.0))
    assert min(alike(ours, bank, jnp.asarray(10.0)) for bank in (same, stray)) > 1
    assert alike(ours, same._replace(mean=same.mean + 2.0), jnp.asarray(10.0)) < -20


@pytest.mark.slow
def test_names_that_agree_say_nothing_for_one_sensor():
    banks, zero, one = put(put(untaught(), taught(FIRST), 0), taught(SECOND), 1), jnp.asarray(0), jnp.asarray(1)
    table = 13.0 * np.eye(L)
    agree, wrong = contexts_of([0, 1], [table, table])
    compared = jax.jit(lambda banks: sleep.compared(states.Sensors(banks, wrong), agree, zero, one, KIND, HP))
    here, there = (KIND.sums(at(banks, slot)) for slot in (0, 1))
    freedom = degrees_of_freedom(here.square + there.square, D)
    of_sensors = jax.jit(sums.sensors_alike)(here, there, freedom)
    assert maps_alike(at(agree.names, 0), at(agree.names, 1), jnp.full(L, 0.1))[1] > 1
    np.testing.assert_allclose(compared(banks).evidence, of_sensors, rtol=1e-5)


def test_latents_are_matched_by_their_labels_and_every_one_has_a_place():
    ours, theirs = named(np.diag([9.0, 9, 0])), named(np.roll(np.diag([9.0, 9, 9]), 1, axis=0))
    # Labels 0 and 1 are latents 0 and 1 of one bank, 1 and 2 of the other; what is left goes where nothing is.
    place = mergers.matched(ours, theirs, jnp.asarray([9.0, 9, 0]), jnp.asarray([9.0, 9, 9]))
    assert place.tolist() == [2, 0, 1]
    moved = mergers.renamed(theirs, place)
    np.testing.assert_array_equal(moved.votes, np.diag([9.0, 9, 9]))


@functools.cache
def asleep():
    def night(banks, contexts, least, before=None, taught=0):
        sensors = states.Sensors(banks, contexts[1])
        before = states.evening(sensors, contexts[0]) if before is None else before
        course = fresh(HP, L).course._replace(taught=jnp.asarray(taught, jnp.int32))
        return sleep.sleep(sleep.Night(sensors, contexts[0], course, before, jnp.arange(S)), least, True, KIND, HP)

    return jax.jit(night)


@pytest.mark.slow
def test_of_four_contexts_the_two_that_are_one_merge_and_slots_stay_contiguous():
    # Sensor 1 is of the stream that sensor 0 is of, with its latents in other places; sensor 2 sees something else.
    alien = taught(FIRST, shift=4, sign=-1)
    banks = put(put(put(untaught(), taught(FIRST), 0), taught(SECOND, PLACE), 1), alien, 2)
    table = 13.0 * np.eye(L)
    votes = [table, table[PLACE], np.roll(table, 1, axis=1), table]
    night = asleep()(banks, contexts_of([0, 1, 0, 2], votes), 0.0, taught=7)
    after = night.contexts
    assert after.number == 3
    assert (night.course.merged, night.course.split, night.course.rested) == (1, 0, 0)
    assert night.went.tolist() == [0, 0, 2, 1]  # the last one fills the hole
    assert after.sensor[:3].tolist() == [0, 1, 0]
    assert after.current == 1
    np.testing.assert_allclose(after.belief, [0.5, 0.25, 0.25, 0])
    np.testing.assert_array_equal(after.names.votes[0], 2 * table)
    np.testing.assert_array_equal(after.names.votes[2], votes[2].T)
    np.testing.assert_allclose(night.sensors.banks.density.size.sum(1), [2 * N, N, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(night.sensors.wrong, [[0.1] * L] * 2 + [[1] * L, [0.1] * L])
    # What did not merge is what it was, bit for bit, and a free slot is as new.
    jax.tree.map(np.testing.assert_array_equal, at(night.sensors.banks, 1), alien)
    for free in (2, 3):
        jax.tree.map(np.testing.assert_array_equal, at(night.sensors.banks, free), at(untaught(), 0))
    # Nothing is left that evidence favours, nor for the price of a window.
    again = asleep()(night.sensors.banks, (after, night.sensors.wrong), -HP.allocation, taught=9)
    jax.tree.map(np.testing.assert_array_equal, again.sensors, night.sensors)
    assert (again.contexts.number, again.course.rested) == (3, 9)


@pytest.mark.slow
def test_a_sensor_in_front_of_the_one_that_it_is_alike_takes_what_that_has_learned():
    """Sensors stay contiguous though a context behind looks through the first of the two, and the last is its own."""
    banks = put(put(untaught(), taught(SECOND, PLACE), 0), taught(FIRST), 1)
    table = 13.0 * np.eye(L)
    night = asleep()(banks, contexts_of([1, 0, 1], [table, table[PLACE], np.roll(table, 1, axis=1)]), 0.0)
    assert night.contexts.sensor[:2].tolist() == [0, 0]
    assert night.went[:3].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(night.contexts.names.votes[0], 2 * table)
    got, want = at(night.sensors.banks, 0).density, taught(ALL).density
    for name in ("size", "mean", "scatter", "logdet"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-4, atol=1e-4)
    jax.tree.map(np.testing.assert_array_equal, at(night.sensors.banks, 1), at(untaught(), 0))


@pytest.mark.slow
def test_two_maps_over_one_sensor_merge_and_leave_the_sensor_as_it_was():
    bank, table = taught(ALL), 13.0 * np.eye(L)
    votes = [table, np.roll(table, 1, axis=1), table]
    banks = put(untaught(), bank, 0)
    night = asleep()(banks, contexts_of([0, 0, 0], votes), 0.0)
    assert night.contexts.number == 2
    assert night.contexts.current == night.went[2] == 0
    jax.tree.map(np.testing.assert_array_equal, night.sensors.banks, banks)


@pytest.mark.slow
def test_a_context_whose_day_was_unlike_the_days_before_is_two_and_the_first_is_as_it_was():
    evening = taught(FIRST)
    table, others = 13.0 * np.eye(L), 12.0 * np.eye(L)
    banks, (contexts, wrong) = put(untaught(), evening, 0), contexts_of([0], [table])
    before = states.evening(states.Sensors(banks, wrong), contexts)
    for shift, number in ((0.0, 1), (9.0, 2)):
        day = taught(SECOND, shift=shift)
        both = of_sums(sums.joined(KIND.sums(evening), KIND.sums(day)))
        banks, there = put(untaught(), both, 0), contexts_of([0], [table + others])
        night = asleep()(banks, there, 0.0, before)
        assert night.contexts.number == number
    assert (night.course.split, night.course.switches, night.contexts.current, night.went[0]) == (1, 1, 1, 1)
    assert night.contexts.sensor[:2].tolist() == [0, 1]
    assert night.contexts.belief.tolist() == [0, 1, 0, 0]
    jax.tree.map(np.testing.assert_array_equal, at(night.sensors.banks, 0), evening)
    jax.tree.map(np.testing.assert_array_equal, at(night.contexts.names, 0), before.names)
    got = at(night.sensors.banks, 1)
    for name in ("size", "mean", "scatter", "inverse", "logdet"):
        np.testing.assert_allclose(getattr(got.density, name), getattr(day.density, name), rtol=1e-3, atol=1e-3)
    for part in (lambda layer: layer.w, lambda layer: layer.size, lambda layer: variances(layer.p)):
        np.testing.assert_allclose(part(got.synapses), part(day.synapses), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(night.contexts.names.votes[1], others, atol=1e-5)
    assert night.evening.context == 1
    # An evening of another context, or one since which a latent has moved, says nothing of the day.
    size_BL = KIND.size(banks)
    lost = sleep.unless_moved(before, size_BL, size_BL.at[0, 0].multiply(0.5))
    assert asleep()(banks, there, 0.0, lost).contexts.number == 1


@pytest.mark.slow
def test_nobody_sleeps_while_the_window_is_unresolved():
    contexts, wrong = contexts_of([0, 0], [13.0 * np.eye(L)] * 2)
    sensors, state = states.Sensors(put(untaught(), taught(ALL), 0), wrong), fresh(HP, L, D)
    course, evening = state.course._replace(taught=jnp.asarray(100, jnp.int32)), states.evening(sensors, contexts)
    state = state._replace(sensors=sensors, contexts=contexts, course=course, evening=evening)
    yes, no, zero = jnp.asarray(True), jnp.asarray(False), jnp.zeros(())
    rest = jax.jit(lambda verdict: sleep.rest(state, verdict, yes, KIND, HP))

    def contexts_after(resolved):
        return rest(Verdict(resolved, jnp.asarray(1, jnp.int32), no, no, zero, no))[0].contexts.number

    assert contexts_after(no) == 2
    assert contexts_after(yes) == 1
