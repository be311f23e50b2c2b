"""Facts of sleep: mergers are exact, evidence is a product of predictive probabilities, and slots stay contiguous."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_t

from pcl.learners.parallax import ablations, density, maps, merging, sleep, window, workspace
from pcl.learners.parallax.bank import Bank
from pcl.learners.parallax.density import densities
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.synapses import Discriminator, discriminators
from pcl.learners.parallax.verdict import Verdict
from pcl.synapses.covariance import Deferred

S, L, D, H, N = 4, 3, 4, 6, 40
HP = ablations.of(HParams(specialists=S, width=H))
RIDGE = HP.ridge
renew = jax.jit(density.renew)
PLACE = [2, 0, 1]  # of the latents of another bank: its 0 is 2 here


@functools.cache
def untaught():
    keys = jax.random.split(jax.random.key(0), S)
    return Bank(jax.vmap(densities(L, D).init)(keys), jax.vmap(discriminators(L, H, RIDGE, 5.0).init)(keys))


def taught(rows, place=(0, 1, 2)):
    """A bank from the sums of some of the samples, with its latents in these places."""
    codes, features, k = (part[rows] for part in samples())
    there = k[:, None] == np.asarray(place)
    size = there.sum(0)
    mean = there.T @ codes / size[:, None]
    scatter = np.einsum("nl,nld,nle->lde", there, *[codes[:, None] - mean] * 2)
    p = np.linalg.inv(features.T @ features + RIDGE * np.eye(H))
    steps = 0.1 * np.random.default_rng(3).normal(size=(8, H))
    known = {"size": size, "mean": mean, "scatter": scatter, "recent": mean + 1}
    empty = at(untaught(), 0)
    bank = Bank(
        renew(empty.density._replace(**{name: jnp.asarray(value, float) for name, value in known.items()})),
        Discriminator(
            w=jnp.asarray(p @ features.T @ there, float),
            p=Deferred(jnp.asarray(p + steps.T @ steps, float), jnp.asarray(steps, float), jnp.asarray(8)),
            size=jnp.asarray(size, float),
        ),
    )
    return jax.tree.map(lambda leaf, like: leaf.astype(like.dtype), bank, empty)


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


def space_of(owner, votes):
    """A workspace of contexts that look through these banks; the last one is current."""
    slots = len(owner)
    held = window.empty(S, 4, L, L, D)
    space = workspace.init(HP, L, L, held)
    names = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(named, votes))
    return space._replace(
        belief=jnp.zeros(S).at[:slots].set(1 / slots),
        slots=jnp.asarray(slots),
        owner=jnp.zeros(S, jnp.int32).at[:slots].set(jnp.asarray(owner)),
        names=jax.tree.map(lambda leaf, new: leaf.at[:slots].set(new), space.names, names),
        wrong=jnp.full((S, L), 0.1),
        current=jnp.asarray(slots - 1),
    )


@pytest.mark.slow
def test_two_halves_of_a_stream_merge_into_the_bank_that_learned_both():
    whole, half, other = taught(ALL), taught(FIRST), taught(SECOND, PLACE)
    there = jax.jit(merging.placed)(other.density, jnp.asarray(PLACE))
    merged = renew(jax.jit(merging.merged_densities)(half.density, there))
    for name in ("size", "mean", "scatter", "inverse", "logdet", "novel_mean", "novel_inverse", "novel_logdet"):
        np.testing.assert_allclose(getattr(merged, name), getattr(whole.density, name), rtol=1e-4, atol=1e-4)
    synapses = put(put(untaught(), half, 0), other, 1).synapses
    synapses = jax.jit(merging.merged_synapses)(synapses, 0, 1, jnp.asarray(PLACE), RIDGE)
    np.testing.assert_allclose(synapses.w[0], whole.synapses.w, atol=1e-5)
    p, joint = (s.base - s.steps.T @ s.steps for s in (at(synapses, 0).p, whole.synapses.p))
    np.testing.assert_allclose(p, joint, atol=1e-5)
    np.testing.assert_array_equal(synapses.size[0], whole.synapses.size)
    jax.tree.map(np.testing.assert_array_equal, at(synapses, 1), at(untaught(), 1).synapses)


WRONG = jnp.asarray([0.1, 0.2, 0.3])


maps_alike = jax.jit(merging.maps_alike)


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
    ours, theirs = (merging.Sums(*map(jnp.asarray, (n, m, scatter))) for n, m in zip(sizes, means, strict=True))
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
    alike = jax.jit(merging.sensors_alike)
    np.testing.assert_allclose(alike(ours, theirs, jnp.asarray(10.0)), want, rtol=1e-4)
    same = theirs._replace(mean=ours.mean)
    stray = same._replace(mean=same.mean.at[2].add(50.0))
    assert min(alike(ours, bank, jnp.asarray(10.0)) for bank in (same, stray)) > 1
    assert alike(ours, same._replace(mean=same.mean + 2.0), jnp.asarray(10.0)) < -20


def test_names_that_agree_say_nothing_for_one_sensor():
    banks = put(put(untaught(), taught(FIRST), 0), taught(SECOND), 1)
    table = 13.0 * np.eye(L)
    compared = jax.jit(lambda space: sleep.compared(banks, space, jnp.asarray(0), jnp.asarray(1), HP))
    one, other = (at(banks.density, slot) for slot in (0, 1))
    freedom = density.degrees_of_freedom(one.square + other.square, D)
    of_sensors = jax.jit(merging.sensors_alike)(merging.sums(one), merging.sums(other), freedom)
    agree = space_of([0, 1], [table, table])
    assert maps_alike(at(agree.names, 0), at(agree.names, 1), jnp.full(L, 0.1))[1] > 1
    np.testing.assert_allclose(compared(agree).evidence, of_sensors, rtol=1e-5)


def test_latents_are_matched_by_their_labels_and_every_one_has_a_place():
    ours, theirs = named(np.diag([9.0, 9, 0])), named(np.roll(np.diag([9.0, 9, 9]), 1, axis=0))
    # Labels 0 and 1 are latents 0 and 1 of one bank, 1 and 2 of the other; what is left goes where nothing is.
    place = merging.matched(ours, theirs, jnp.asarray([9.0, 9, 0]), jnp.asarray([9.0, 9, 9]))
    assert place.tolist() == [2, 0, 1]
    moved = merging.renamed(theirs, place)
    np.testing.assert_array_equal(moved.votes, np.diag([9.0, 9, 9]))


@functools.cache
def asleep():
    def night(banks, space, least, before=None):
        before = sleep.eve(banks, space) if before is None else before
        return sleep.sleep(sleep.Night(banks, space, before, jnp.arange(S), jnp.asarray(-1)), least, True, HP)

    return jax.jit(night)


@pytest.mark.slow
def test_of_four_contexts_the_two_that_are_one_merge_and_slots_stay_contiguous():
    # Bank 1 is of the stream that bank 0 is of, with its latents in other places; bank 3 sees something else.
    alien = taught(FIRST)
    alien = alien._replace(density=renew(alien.density._replace(mean=4 - alien.density.mean)))
    banks = put(put(put(untaught(), taught(FIRST), 0), taught(SECOND, PLACE), 1), alien, 3)
    table = 13.0 * np.eye(L)
    votes = [table, table[PLACE], np.roll(table, 1, axis=1), table]
    space = space_of([0, 1, 0, 3], votes)
    night = asleep()(banks, space, 0.0)
    after = night.space
    assert after.slots == 3
    assert after.merged == 1
    assert night.moved.tolist() == [0, 0, 2, 1]  # the last one fills the hole
    assert after.owner[:3].tolist() == [0, 1, 0]
    assert after.current == 1
    np.testing.assert_allclose(after.belief, [0.5, 0.25, 0.25, 0])
    np.testing.assert_array_equal(after.names.votes[0], 2 * table)
    np.testing.assert_array_equal(after.names.votes[2], votes[2].T)
    np.testing.assert_allclose(night.banks.density.size.sum(1), [2 * N, N, 0, 0], rtol=1e-6)
    # Whoever did not merge is what it was, bit for bit, and a free slot is as new.
    jax.tree.map(np.testing.assert_array_equal, at(night.banks, 1), alien)
    for free in (2, 3):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), at(night.banks, free), at(untaught(), 0))
    # Nothing is left that evidence favours, nor for the price of a window.
    again = asleep()(night.banks, after, -HP.allocation)
    jax.tree.map(np.testing.assert_array_equal, again.banks, night.banks)
    assert again.space.slots == 3
    assert again.space.slept == after.taught


def test_two_maps_over_one_bank_merge_and_leave_the_bank_as_it_was():
    bank, table = taught(ALL), 13.0 * np.eye(L)
    votes = [table, np.roll(table, 1, axis=1), table]
    night = asleep()(put(untaught(), bank, 0), space_of([0, 0, 0], votes), 0.0)
    assert night.space.slots == 2
    assert night.space.current == night.moved[2] == 0
    jax.tree.map(np.testing.assert_array_equal, night.banks, put(untaught(), bank, 0))
    # A founder that stands behind its maps keeps its bank, and takes the place of the one that became part of it.
    behind = asleep()(put(untaught(), bank, 2), space_of([2, 2, 2], votes), 0.0)
    assert behind.space.owner[:2].tolist() == [0, 0]
    assert behind.moved.tolist() == [0, 1, 0, 3]
    jax.tree.map(np.testing.assert_array_equal, at(behind.banks, 0), bank)


@pytest.mark.slow
def test_a_context_whose_day_was_unlike_the_days_before_is_two_and_the_first_is_as_it_was():
    evening, day = taught(FIRST), taught(SECOND)
    table, others = 13.0 * np.eye(L), 12.0 * np.eye(L)
    before = sleep.eve(put(untaught(), evening, 0), space_of([0], [table]))
    for shift, slots in ((0.0, 1), (9.0, 2)):
        moved = renew(day.density._replace(mean=day.density.mean + shift))
        both = Bank(renew(jax.jit(merging.merged_densities)(evening.density, moved)), taught(ALL).synapses)
        banks, space = put(untaught(), both, 0), space_of([0], [table + others])
        night = asleep()(banks, space, 0.0, before)
        assert night.space.slots == slots
    assert (night.space.split, night.space.current, night.moved[0]) == (1, 1, 1)
    assert night.space.owner[:2].tolist() == [0, 1]
    assert night.space.belief.tolist() == [0, 1, 0, 0]
    jax.tree.map(np.testing.assert_array_equal, at(night.banks, 0), evening)
    jax.tree.map(np.testing.assert_array_equal, at(night.space.names, 0), before.names)
    for name in ("size", "mean", "scatter", "inverse", "logdet"):
        np.testing.assert_allclose(getattr(night.banks.density, name)[1], getattr(moved, name), rtol=1e-3, atol=1e-3)
    got, want = at(night.banks, 1).synapses, day.synapses
    for part in (lambda layer: layer.w, lambda layer: layer.size, lambda layer: merging.variances(layer.p)):
        np.testing.assert_allclose(part(got), part(want), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(night.space.names.votes[1], others, atol=1e-5)
    assert night.eve.slot == 1
    # An evening of another context, or one since which a latent has moved, says nothing of the day.
    lost = sleep.unless_moved(before, banks, put(banks, evening, 0))
    assert asleep()(banks, space, 0.0, lost).space.slots == 1


@pytest.mark.slow
def test_nobody_sleeps_while_the_window_is_unresolved():
    banks = put(untaught(), taught(ALL), 0)
    space = space_of([0, 0], [13.0 * np.eye(L)] * 2)._replace(taught=jnp.asarray(100, jnp.int32))
    yes, no, zero = jnp.asarray(True), jnp.asarray(False), jnp.zeros(())
    rest = jax.jit(lambda verdict: sleep.rest(banks, space, sleep.eve(banks, space), verdict, yes, HP))

    def slots_after(resolved):
        return rest(Verdict(resolved, jnp.asarray(1, jnp.int32), no, no, zero, no))[1].slots

    assert slots_after(no) == 2
    assert slots_after(yes) == 1
