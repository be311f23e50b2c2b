"""Facts of settling, of the filter over contexts, of maps, of the past, and of the evidence for explanations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pcl.learners.parallax import evidence, numbers, succession, verdict, window
from pcl.learners.parallax.contexts import belief
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.contexts.belief import Opinion
from pcl.learners.parallax.contexts.settling import Settlement, free_energy, settle
from tests.learners.parallax.streams import fresh, set_to


def test_settling_ends_at_the_posterior_and_the_free_energy_is_then_minus_the_log_evidence():
    target = jnp.asarray([[0.3, -2.0], [1.0, -4.0]])
    settled = settle(jnp.zeros((2, 2)), target, 0.5, 0.2, 1.5, -1.0, 0.0, 100)
    np.testing.assert_allclose(jnp.exp(settled.log_q), jax.nn.softmax(target.ravel()).reshape(2, 2), atol=1e-5)
    np.testing.assert_allclose(free_energy(settled.log_q, target), -jax.nn.logsumexp(target), rtol=1e-5)


def divergence(log_q, log_p):
    """KL(q | p) in nats."""
    return float((jnp.exp(log_q) * (log_q - log_p)).sum())


def test_what_was_expected_takes_one_step_and_more_surprise_takes_more():
    start_SC = jnp.log(jnp.asarray([[0.99], [0.01]]))
    steps = [
        int(settle(start_SC, start_SC + jnp.asarray([[0.0], [nats]]), 0.5, 0.2, 1.5, 0.01, 0.01, 50).steps)
        for nats in (0.0, 0.01, 2.0, 6.0, 12.0)
    ]
    assert steps[:2] == [1, 1]
    assert steps == sorted(steps)
    assert steps[-1] > steps[1]


def test_contexts_settle_to_the_tolerance_and_classes_to_the_slack():
    context_S, class_C = jnp.log(jnp.asarray([0.1, 0.9])), jax.nn.log_softmax(jnp.asarray([5.0, 0.0, 0.0]))
    target_SC = context_S[:, None] + class_C
    start_SC = context_S[:, None] - jnp.log(3 * jnp.ones(3))
    settled = settle(start_SC, target_SC, 0.2, 0.0, 9.0, 0.01, 0.5, 50)
    before = settle(start_SC, target_SC, 0.2, 0.0, 9.0, 0.01, 0.5, int(settled.steps) - 1)
    assert settled.steps > 1
    assert 0.01 < divergence(settled.log_q, target_SC) <= 0.5 < divergence(before.log_q, target_SC)
    # The same odds, of contexts.
    halted = settle(jnp.log(jnp.full((3, 1), 1 / 3)), class_C[:, None], 0.2, 0.0, 9.0, 0.01, 0.5, 50)
    assert halted.steps > settled.steps
    assert divergence(halted.log_q, class_C[:, None]) <= 0.01


def believing(number, hp, labels=2):
    """A life with so many contexts, which are as likely."""
    state = fresh(hp, labels)
    belief_S = jnp.where(jnp.arange(hp.slots) < number, 1 / number, 0.0)
    return state._replace(contexts=state.contexts._replace(number=jnp.asarray(number, jnp.int32), belief=belief_S))


@pytest.mark.slow
def test_a_label_is_doubted_about_contexts_and_taken_for_the_class():
    expected_SC = jnp.log(jnp.asarray([[0.35, 0.15, 0.1], [0.06, 0.3, 0.04]]))
    doubt_S, label = jnp.asarray([0.05, 0.6]), 1
    hp = set_to(max_contexts=2, without="settling", inference_steps=100)
    state, expected = believing(2, hp, labels=3), Settlement(expected_SC, jnp.asarray(1))
    settled = belief.hear(state, expected, doubt_S, jnp.asarray(label), hp)
    weight_S = (1 - doubt_S) * jnp.exp(expected_SC[:, label]) + doubt_S / 3 * jnp.exp(expected_SC).sum(1)
    np.testing.assert_allclose(settled.contexts, weight_S / weight_S.sum(), rtol=1e-4)
    given_SC = jnp.exp(settled.log_q) / settled.contexts[:, None]
    odds_S = given_SC[:, label] / given_SC[:, 0]
    trust = 1 - numbers.LEAST_ERROR + numbers.LEAST_ERROR / 3
    surely_S = jnp.exp(expected_SC[:, label] - expected_SC[:, 0]) * trust / (numbers.LEAST_ERROR / 3)
    np.testing.assert_allclose(odds_S, surely_S, rtol=1e-3)


def test_usual_surprise_is_the_mean_of_lately_and_what_is_more_takes_more_steps():
    hp = set_to(max_contexts=2)
    state, nats = believing(1, hp), np.random.default_rng(0).exponential(0.4, 300)
    for i, each in enumerate(nats):
        course = belief.surprised(state.course, jnp.asarray(each), jnp.asarray(True))
        state = state._replace(course=course._replace(taught=jnp.asarray(i + 1)))
        if i == 50:
            np.testing.assert_allclose(state.course.usual, (1 + nats[:51].sum()) / 52, rtol=1e-5)
    np.testing.assert_allclose(state.course.usual, 0.4, atol=0.1)
    assert belief.surprised(state.course, jnp.asarray(9.0), jnp.asarray(False)).usual == state.course.usual
    expected = Settlement(jnp.log(jnp.asarray([[0.3, 0.7], [1e-20, 1e-20]])), jnp.asarray(1))
    label, doubt_S = jnp.asarray(0), jnp.full(2, 0.02)
    calm, stirred = (
        belief.hear(
            state._replace(course=state.course._replace(usual=jnp.asarray(usual))), expected, doubt_S, label, hp
        )
        for usual in (0.1, 1.0)
    )
    assert calm.steps > stirred.steps == 1


@pytest.mark.slow
def test_belief_over_a_stream_is_that_of_a_brute_force_forward_filter():
    hp = set_to(max_contexts=4, without="settling", inference_steps=300, leap=1e6, bound=1e6)
    state, rng = believing(3, hp), np.random.default_rng(0)
    logs = rng.normal(size=(12, 3))
    for log_density in logs:
        said = Opinion(
            posterior=jnp.full((4, 2), 0.5),
            input=jnp.asarray([*log_density, -50.0]),
            label=jnp.full((4, 2), 0.5),
            typicality=jnp.zeros(4),
            calibrated=jnp.zeros(4, bool),
            speaks=jnp.ones((4, 2), bool),
        )
        belief_S = belief.believe(state.contexts, belief.expect(state, said, hp))
        state = state._replace(contexts=state.contexts._replace(belief=belief_S))
    hazard, weight = 1 / (1 / hp.hazard), np.full(3, 1 / 3)
    stays = (1 - hazard) * np.eye(3) + hazard / 3
    for log_density in logs:
        weight = (weight @ stays) * np.exp(numbers.TEMPER * log_density)
        weight /= weight.sum()
    np.testing.assert_allclose(state.contexts.belief[:3], weight, atol=2e-4)
    assert state.contexts.belief[3] == 0


def maps_of(votes):
    """One map (leaves lead with S) in which a sample of each label (row) fell on latents as `votes` has it."""
    names = jax.tree.map(lambda leaf: leaf[None], maps.empty(len(votes[0]), len(votes)))
    for label, vote in enumerate(votes):
        names = maps.count(names, jnp.asarray(0), jnp.asarray(label), jnp.asarray(-1), jnp.asarray(vote))
    return names


def test_a_label_never_met_says_nothing_and_doubt_fades_to_the_error_of_the_bank():
    names = maps.empty(4, 5)
    assert maps.error_rates(names, jnp.zeros(4), 0.02)[3] == 1
    many = names._replace(met=names.met.at[3].set(1000))
    np.testing.assert_allclose(maps.error_rates(many, jnp.full(4, 0.2), 0.02)[3], 0.2, atol=2e-3)


def test_labels_are_read_out_by_the_table_of_their_latents():
    rng = np.random.default_rng(0)
    votes, share = rng.dirichlet(np.full(4, 0.3), (3, 5)), rng.dirichlet(np.ones(4))
    names = maps_of(votes[0])
    for more in votes[1:]:
        for label, vote in enumerate(more):
            names = maps.count(names, jnp.asarray(0), jnp.asarray(label), jnp.asarray(-1), jnp.asarray(vote))
    names = jax.tree.map(lambda leaf: leaf[0], names)
    table = 3.0 * (votes.sum(0).argmax(1)[:, None] == np.arange(4)).T  # [latents, labels]
    table = (table + 0.2 / 5) / (table.sum(1, keepdims=True) + 0.2)
    np.testing.assert_allclose(maps.read_out(names, jnp.asarray(share), 5), share @ table, rtol=1e-5)
    np.testing.assert_allclose(names.voted, votes.sum((0, 1)), rtol=1e-5)


def test_a_new_label_opens_a_latent_unless_a_nameless_one_fits():
    size = jnp.asarray([50.0, 50.0, 0.0])
    share, score = jnp.asarray([0.9, 0.1, 0.0]), jnp.asarray([-1.0, -9.0, -1e30])
    names = jax.tree.map(lambda leaf: leaf[None], maps.empty(3, 3))
    known = maps.name(names, jnp.asarray(0), jnp.asarray(1), share, score, jnp.asarray(-5.0), size)
    assert known.names.opened[0, 1] == -1
    assert known.latent == 0
    opened = maps.name(names, jnp.asarray(0), jnp.asarray(1), share, score, jnp.asarray(0.0), size)
    assert opened.names.opened[0, 1] == opened.latent == 2


def test_a_label_that_opens_no_latent_teaches_from_its_fourth_sample_on_if_most_of_them_agree():
    size, score, novel = jnp.full(3, 50.0), jnp.full(3, -1.0), jnp.asarray(-5.0)
    for vote, sure in (([0.6, 0.2, 0.2], [False, False, False, True]), ([0.5, 0.3, 0.2], [False] * 4)):
        names, found = jax.tree.map(lambda leaf: leaf[None], maps.empty(3, 2)), []
        for _ in range(4):
            naming = maps.name(names, jnp.asarray(0), jnp.asarray(1), jnp.asarray(vote), score, novel, size)
            names = naming.names
            found.append(bool(naming.sure))
        assert found == sure
        assert names.opened[0, 1] == -1


def test_no_voice_teaches_the_trust_more_than_its_bound():
    state, true = succession.init(3), jnp.ones(1, bool)
    voices = np.array([[-100.0, 0.0, -1.0], [-2.0, -0.5, 0.0]])
    log_p = np.log([0.2, 0.5, 0.3])
    told = succession.Foretold(jnp.asarray(voices[None], jnp.float32), jnp.asarray(log_p[None], jnp.float32))
    after = succession.learn(state, told, jnp.asarray([0]), true, true, set_to())
    bounded, p = np.array([[-6.0, 0.0, -1.0], voices[1]]), np.exp(log_p)
    off = bounded - (bounded @ p)[:, None]
    precision = 10 * np.eye(2) + (off * p) @ off.T
    np.testing.assert_allclose(after.precision, precision, rtol=1e-5)
    np.testing.assert_allclose(after.trust, np.array([1, 0]) + np.linalg.solve(precision, off[:, 0]), rtol=1e-5)


def foretold(labels, of_input, classes):
    """The answers to labels that come one at a time, and the state after them."""
    rows, true = jnp.asarray(labels)[:, None], jnp.ones(1, bool)

    def step(state, row):
        label, said = row
        told = succession.foretell(state, jax.nn.log_softmax(said)[None], true)
        return succession.learn(state, told, label, true, true, set_to()), told.log_p[0]

    return jax.jit(lambda: jax.lax.scan(step, succession.init(classes), (rows, jnp.asarray(of_input))))()


def test_labels_that_stay_are_foretold_and_shuffled_ones_leave_the_input_alone():
    rng = np.random.default_rng(0)
    shuffled = rng.integers(0, 3, 600)
    sticky = shuffled[np.arange(600) // 10 * 10]
    said = 2 * np.eye(3)[np.where(rng.random(600) < 0.8, shuffled, rng.integers(0, 3, 600))]
    state, log_p = foretold(shuffled, said, 3)
    assert (log_p.argmax(1) == said.argmax(1)).mean() > 0.99
    assert (state.follows.sum(), state.met.sum(), state.stays[0]) == (599, 600, 599)
    np.testing.assert_allclose(succession.after(state, jnp.eye(3)[0]), succession.frequencies(state), atol=0.05)
    state, log_p = foretold(sticky, np.zeros((600, 3)), 3)
    assert (log_p.argmax(1) == sticky)[100:].mean() > 0.88  # nine of ten stay
    np.testing.assert_allclose(succession.after(state, jnp.asarray([0.5, 0.2, 0.0])).sum(), 1, rtol=1e-5)
    assert state.trust[1] > 0.3


def test_unlikeness_is_the_odds_of_a_mean_of_their_own_and_of_nothing_below_zero():
    z = np.array([1.5, 0.4, 2.2, 0.9])
    odds = stats.multivariate_normal.logpdf(z, cov=np.eye(4) + 1) - stats.norm.logpdf(z).sum()
    np.testing.assert_allclose(verdict.unlikeness(jnp.asarray(z.sum()), jnp.asarray(4.0)), odds, rtol=1e-5)
    assert verdict.unlikeness(jnp.asarray(-9.0), jnp.asarray(4.0)) == verdict.unlikeness(
        jnp.zeros(()), jnp.asarray(4.0)
    )


def judged(size=10, mature=10.0, strange=0.0, **evidence):
    """The verdict of one context of a possible four on a window that is full with ten."""
    hp = set_to(max_contexts=4, lag=10)
    state = fresh(hp)
    held = state.window._replace(
        size=jnp.asarray(size),
        mature=jnp.asarray(mature),
        typicality=jnp.zeros(4).at[0].set(strange),
        judged=jnp.zeros(4).at[0].set(size),
        **{name: jnp.asarray(nats) for name, nats in evidence.items()},
    )
    found = verdict.decide(state.contexts, held, hp)
    return {name: bool(value) for name, value in found._asdict().items() if name != "slot"}


@pytest.mark.slow
def test_labels_that_conflict_are_other_names_where_inputs_are_alike_and_another_sensor_where_not():
    alike = judged(size=5, new_map=25.0, guess=22.0)
    assert (alike["new_map"], alike["new_sensor"]) == (True, False)
    strange = judged(size=9, new_map=25.0, guess=14.0, strange=15.0)  # no density of the new sensor is better yet
    assert (strange["new_map"], strange["new_sensor"]) == (False, True)
    # Inputs that are a little unlike count for two nats here: names have to tell labels better than a guess and these.
    inclined = judged(size=9, new_map=21.0, guess=20.0, strange=8.0)
    assert (inclined["new_map"], inclined["new_sensor"]) == (False, True)
    parted = judged(size=9, new_map=21.0, guess=18.0, strange=8.0)
    assert (parted["new_map"], parted["new_sensor"]) == (True, False)
    assert not judged(size=9, new_map=18.0, guess=17.0, strange=8.0)["resolved"]
    assert not judged(size=9, guess=-20.0, strange=20.0)["new_sensor"]  # strange inputs alone conflict with nothing


def test_a_full_window_is_emptied_but_for_one_in_which_another_sensor_is_suspected():
    assert judged(new_map=12.0)["resolved"]
    suspected = {"guess": 2.0, "strange": 15.0}  # of 20 nats that a new sensor takes it has 12.0
    assert not judged(**suspected)["resolved"]
    assert judged(**suspected, mature=4.0)["resolved"]  # rests on few of its samples
    assert judged(size=40, strange=26.0, guess=8.0, mature=40.0)["resolved"]  # nor for ever
    lag = window.empty(4, 10, 2, 2, 3)
    held = lag._replace(size=jnp.asarray(10), new_map=jnp.asarray(12.0))
    assert [window.cleared(held, jnp.asarray(emptied)).size for emptied in (True, False)] == [0, 10]


def of_two_sensors(size, strange, **evidence):
    """The verdict of two contexts with a sensor each on a window whose inputs are so strange to the two, in sum."""
    hp = set_to(max_contexts=4)
    state = fresh(hp)
    contexts = state.contexts._replace(number=jnp.asarray(2), sensor=jnp.arange(4))
    held = state.window._replace(
        size=jnp.asarray(size),
        typicality=jnp.asarray([*strange, 0, 0]),
        judged=jnp.asarray([size, size, 0, 0], jnp.float32),
        **{name: jnp.asarray(nats) for name, nats in evidence.items()},
    )
    return verdict.decide(contexts, held, hp)


def test_inputs_that_another_sensor_would_find_as_strange_do_not_keep_a_new_one_from_being_found():
    def finds_sensor(strange):
        return bool(of_two_sensors(30, (40.0, strange), mature=30.0, guess=18.0).new_sensor)

    assert finds_sensor(27.0)  # a mean below 1, of thirty: 10 nats
    assert not finds_sensor(3.0)


def test_a_known_sensor_takes_over_only_where_nothing_speaks_for_another_one():
    def recalls(strange):
        found = of_two_sensors(8, (9.0, strange), known=[0.0, 15.0, 0, 0])
        return bool(found.resolved) and int(found.slot) == 1

    assert recalls(4.0)
    assert not recalls(7.0)  # a mean below 1, yet 1.6 nats for another sensor: to be waited for


def knowing(shifts, wrong=(0.05,) * 4):
    """A workspace with contexts that look through one bank of four latents, and an opinion of theirs of one latent.

    Labels are those of latents, shifted by a number for each context; the bank gets a share of samples of each `wrong`.
    """
    hp, labels = set_to(max_contexts=4), 4
    state = fresh(hp, labels)
    tables = [200.0 * np.roll(np.eye(labels), shift, axis=0) for shift in shifts] + [np.zeros((labels, labels))] * 3
    votes_SCL, none_C = jnp.asarray(np.stack(tables[:4]), jnp.float32), jnp.full(labels, -1, jnp.int32)
    names = jax.vmap(lambda votes_CL: maps.of(votes_CL, none_C, votes_CL.sum(1).astype(jnp.int32)))(votes_SCL)
    state = state._replace(
        contexts=state.contexts._replace(number=jnp.asarray(len(shifts), jnp.int32), names=names),
        sensors=state.sensors._replace(wrong=jnp.tile(jnp.asarray(wrong), (4, 1))),
    )

    def weighed(state, latent, label):
        share_L = jnp.where(jnp.arange(labels) == latent, 0.97, 0.01)
        label_SC = jax.vmap(maps.read_out, (0, None, None))(names, share_L, labels)
        zero_S = jnp.zeros(4)
        said = Opinion(jnp.tile(share_L, (4, 1)), zero_S, label_SC, zero_S, zero_S > 0, jnp.ones((4, labels), bool))
        return share_L, evidence.weigh(state, said, belief.doubts(state, label, hp), jnp.zeros(3), label, hp)

    return state, weighed, hp


def by_turns(shifts, known=(0, 1), samples=32, wrong=(0.05,) * 4):
    """The window after samples whose labels are those of their latents, shifted by each of some numbers in turn."""
    state, weighed, hp = knowing(known, wrong)

    @jax.jit
    def held(state, latent, label):
        share_L, of_sample = weighed(state, latent, label)
        return state._replace(window=window.hold(state.window, jnp.zeros(3), label, share_L, of_sample))

    rng = np.random.default_rng(0)
    for i, latent in enumerate(rng.integers(0, 4, samples)):
        label = (latent + shifts[i % len(shifts)]) % 4
        state = held(state, jnp.asarray(latent), jnp.asarray(label))
    return state.window, verdict.decide(state.contexts, state.window, hp)


@pytest.mark.slow
def test_a_guess_is_that_labels_are_alike_or_as_frequent_as_they_were():
    state, weighed, _ = knowing((0,))

    def guess(shown):
        shadow = state.window.shadow._replace(size=jnp.asarray(shown))
        held = state._replace(window=state.window._replace(shadow=shadow))
        return weighed(held, jnp.asarray(0), jnp.asarray(1))[1].guess

    often = guess([3.0, 5.0, 0.0, 0.0]) - guess([0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(often, np.log((1 / 4 + 5.5 / 10) / (1 / 4 + 1 / 4)), rtol=1e-5)
    never = guess([8.0, 0.0, 0.0, 0.0]) - guess([0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(never, np.log((1 / 4 + 0.5 / 10) / (1 / 4 + 1 / 4)), rtol=1e-5)


@pytest.mark.slow
def test_contexts_that_are_known_may_mix_in_a_window_and_what_they_leave_is_another_map():
    held, found = by_turns((0, 1))
    assert held.mixed > held.known.max() + 20
    assert held.new_map < held.mixed
    assert not found.new
    assert (held.explained[0], held.explained[1]) == (16, 16)
    held, found = by_turns((0, 2), known=(0,))
    assert found.new_map
    assert (held.explained[0], held.explained[-1]) == (16, 16)
    assert held.names.met.sum() == 16  # it has learned its own samples alone
    rows = held.names.met > 0
    np.testing.assert_array_equal(held.names.tied[rows], (held.label[rows] + 2) % 4)


@pytest.mark.slow
def test_a_latent_that_the_bank_confuses_speaks_for_no_other_names_unless_all_go_wrong_alike():
    held, found = by_turns((2,), known=(0,), wrong=(0.4, 0.4, 0.4, 0.4))
    assert held.mature == held.size
    assert found.new_map
    held, _ = by_turns((2,), known=(0,), wrong=(0.4, 0.0, 0.0, 0.0))
    assert held.mature == (held.label[:32] != 0).sum() < held.size


@pytest.mark.slow
def test_what_an_earlier_window_held_is_left_in_place_and_not_seen():
    rng = np.random.default_rng(0)
    codes, shares = jnp.asarray(rng.normal(size=(9, 3)), jnp.float32), jnp.asarray(rng.dirichlet(np.ones(2), 9))
    labels = jnp.asarray([0, 1, 1, 0, 1, 1, 0, 0, 1])
    zero, no_S = jnp.zeros(()), jnp.zeros(4)
    renamed = jnp.asarray(4)  # the new map explains them best, and learns them
    nothing = window.Evidence(no_S, zero, zero, renamed, zero, zero, no_S, no_S > 0, zero > 0)

    def held(start, rows):
        for i in rows:
            start = window.hold(start, codes[i], labels[i], shares[i], nothing)
        return start

    empty, yes = window.empty(4, 10, 2, 2, 3), jnp.asarray(True)
    before = held(empty, range(5))
    again = window.cleared(before, yes)
    np.testing.assert_array_equal(again.shadow.steps, before.shadow.steps)
    for late, new in ((again, empty), (held(again, range(5, 8)), held(empty, range(5, 8)))):
        for label in (0, 1):
            late_p, new_p = (window.shadow_density(w, codes[8], jnp.asarray(label)) for w in (late, new))
            np.testing.assert_allclose(late_p, new_p, rtol=1e-6)
            late_row, new_row = (window.place(w, jnp.asarray(label)) for w in (late, new))
            assert late_row == new_row
            read_out = [maps.read_out(w.names, shares[8], 2)[new_row] for w in (late, new)]
            np.testing.assert_allclose(*read_out, rtol=1e-6)
            assert late.names.tied[late_row] == new.names.tied[new_row]
