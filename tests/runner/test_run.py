"""The compiled run equals a plain loop over the stream, and its record says what happened."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.evaluation.calibration import expected_calibration_error
from pcl.evaluation.record import (
    bin_last,
    bin_mean,
    binned,
    by_bin,
    confident,
    group_mean,
    log_every,
    scored,
    scores,
    unsure,
)
from pcl.runner.evaluation import Evaluation
from pcl.runner.probing import probe_steps
from pcl.runner.run import make_run
from pcl.types import Batch, Info, Layout, Learner, Logged, Prediction, Schedule, Spec, Stream


def small(name="pcn", kind="split", **settings):
    stream, data = streams.make(kind, batch=50, **settings)
    learner, hp = learners.make(name, stream.spec)
    if name != "ncm":
        hp = hp.replace(width=8, depth=1, lr=0.01)
    return stream, data, learner, hp


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pcn", "ncm"])
def test_run_equals_a_plain_loop(name):
    stream, data, learner, hp = small(name)
    record = jax.jit(make_run(learner, stream, Evaluation(probe_every=7, probe_size=100)))(jax.random.key(0), hp, data)

    stream_key, learner_key = jax.random.split(jax.random.key(0))
    world, steps, _ = stream.schedule(stream_key, data)
    state, update = learner.init(learner_key, hp), jax.jit(learner.update)
    probes = probe_steps(stream, 7)
    for t in range(stream.steps + 1):
        last = max(t - 1, 0)
        step = jax.tree.map(lambda leaf, i=last: leaf[i], steps)
        if t > 0:
            batch = stream.observe(world, step, data)
            right = learner.predict(state, batch.x, hp).logits.argmax(1) == batch.y
            assert record.hits[t - 1] == (right & batch.valid).sum()
            assert record.seen[t - 1] == batch.valid.sum()
            state, info = update(state, batch, hp)
            for logged in info.log.keys() & {"energy", "residual"}:
                total = info.log[logged].value * batch.valid.sum()
                np.testing.assert_allclose(record.logged[logged].value[t - 1], total, rtol=1e-3)
        if t in probes:
            probe, classes = stream.probe(world, step, data, None if t in stream.task_ends else 100)
            right = np.asarray(learner.predict(state, probe.x, hp).logits.argmax(1) == probe.y)
            by_class = [right[np.asarray(classes) == k].mean() for k in range(10)]
            # One of ten or more samples of a class may flip where two scores tie to the last bit.
            np.testing.assert_allclose(record.probe_accuracy[probes.index(t)], by_class, atol=0.11)
    assert record.seen.sum() == 1437
    assert record.diverged_at == -1
    wanted = {"pcn": {"surprise", "energy", "inference_steps", "residual"}, "ncm": set()}
    assert set(record.logged) == wanted[name] | {"skipped"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["backprop", "ncm"])
def test_revisits_equal_a_plain_loop_and_change_nothing_else(name):
    settings = {"transform": "labels", "contexts": 3, "visits": 4, "dwell": 200}
    stream, data, learner, hp = small(name, "contexts", **settings)
    key = jax.random.key(0)
    with_revisits = jax.jit(make_run(learner, stream, Evaluation(probe_every=100, revisit_steps=4)))(key, hp, data)
    without = jax.jit(make_run(learner, stream, Evaluation(probe_every=100)))(key, hp, data)
    assert without.revisit_accuracy is None
    np.testing.assert_array_equal(with_revisits.hits, without.hits)
    # Two programs may round the last bit otherwise.
    same = functools.partial(np.testing.assert_allclose, rtol=1e-6)
    jax.tree.map(same, with_revisits._replace(revisit_accuracy=None), without)

    stream_key, learner_key = jax.random.split(key)
    world, steps, _ = stream.schedule(stream_key, data)
    update = jax.jit(learner.update)
    final = learner.init(learner_key, hp)
    for t in range(stream.steps):
        step = jax.tree.map(lambda leaf, t=t: leaf[t], steps)
        final, _ = update(final, stream.observe(world, step, data), hp)
    assert with_revisits.revisit_accuracy.shape == (3, 4)
    episodes = [stream.revisit(world, step, data, jnp.asarray(context), 4) for context in range(3)]
    for context, episode in enumerate(episodes):
        state = final
        for t in range(4):
            batch = jax.tree.map(lambda leaf, t=t: leaf[t], episode)
            right = learner.predict(state, batch.x, hp).logits.argmax(1) == batch.y
            # One of fifty samples may flip where two scores tie to the last bit.
            np.testing.assert_allclose(with_revisits.revisit_accuracy[context, t], right.mean(), atol=0.021)
            state, _ = update(state, batch, hp)
    # Each context teaches its own labels for the same samples, each once.
    np.testing.assert_array_equal(episodes[0].x, episodes[1].x)
    assert len(np.unique(np.asarray(episodes[0].x).reshape(200, -1), axis=0)) == 200
    classes = [np.argsort(world.label[c])[episodes[c].y] for c in range(3)]
    np.testing.assert_array_equal(classes[0], classes[1])
    np.testing.assert_array_equal(classes[0], classes[2])
    assert (episodes[1].task == 1).all()


def test_what_comes_back_looks_as_it_would_after_the_last_step():
    """A stream of five steps whose label is the number of the step, and a learner that always answers 4."""
    one = jnp.ones(1, bool)

    def batch(label):
        return Batch(jnp.zeros((1, 1)), label[None], one, one, jnp.zeros(1, int))

    def revisit(world, step, data, group, steps):
        return jax.tree.map(lambda leaf: jnp.repeat(leaf[None], steps, 0), batch(step))

    layout = Layout(jnp.arange(2), jnp.zeros(1, int), jnp.zeros(1, int))
    stream = Stream(
        spec=Spec((1,), 5),
        steps=5,
        task_ends=(),
        chance=0.2,
        schedule=lambda key, data: Schedule(None, jnp.arange(5), layout),
        observe=lambda world, step, data: batch(step),
        probe=None,
        revisit=revisit,
    )
    learner = Learner(
        init=lambda key, hp: jnp.zeros(()),
        predict=lambda state, x, hp: Prediction(jax.nn.one_hot(jnp.full(len(x), 4), 5)),
        update=lambda state, batch, hp: (state, Info()),
    )
    record = make_run(learner, stream, Evaluation(revisit_steps=3))(jax.random.key(0), None, None)
    assert record.hits.tolist() == [0, 0, 0, 0, 1]
    assert record.revisit_accuracy.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.slow
def test_revisits_that_a_stream_cannot_give_are_refused():
    stream, _, learner, _ = small("ncm")
    with pytest.raises(UsageError, match="revisit_steps=3: nothing comes back on this stream"):
        make_run(learner, stream, Evaluation(revisit_steps=3))
    stream, data, learner, hp = small("ncm", "contexts", contexts=2, visits=2, dwell=100)
    with pytest.raises(UsageError, match=r"revisit_steps=8: with batch=50 takes 400 held-out .* are 360; at most 7"):
        make_run(learner, stream, Evaluation(revisit_steps=8))(jax.random.key(0), hp, data)


@pytest.mark.slow
def test_learners_that_share_a_key_live_on_the_same_stream():
    records = []
    for name in ("ncm", "backprop"):
        stream, data, learner, hp = small(name)
        records.append(make_run(learner, stream, Evaluation(probe_every=100))(jax.random.key(5), hp, data))
    np.testing.assert_array_equal(records[0].group_task, records[1].group_task)


@pytest.mark.slow
def test_a_run_that_diverges_says_at_which_step():
    stream, data, learner, hp = small("backprop")
    run = jax.jit(make_run(learner, stream, Evaluation(probe_every=100)))
    hp = hp.replace(optimiser="sgd", depth=2, width=32)
    assert run(jax.random.key(0), hp.replace(lr=np.float32(0.01)), data).diverged_at == -1
    record = run(jax.random.key(0), hp.replace(lr=np.float32(1e6)), data)
    surprise = record.logged["surprise"].value
    assert not record.inference_diverged
    assert 0 < record.diverged_at < stream.steps
    assert np.isfinite(surprise[: record.diverged_at]).all()
    assert not np.isfinite(surprise[record.diverged_at])


def test_probes_are_at_the_start_on_schedule_and_at_the_ends_of_tasks():
    stream, _, _, _ = small()
    probes = probe_steps(stream, 4)
    assert probes[0] == 0
    assert set(stream.task_ends) <= set(probes)
    assert set(range(0, stream.steps, 4)) <= set(probes)


def test_log_is_bounded_and_binned_by_sums():
    assert [log_every(steps, 250) for steps in (1, 250, 251, 1000)] == [1, 1, 2, 4]
    np.testing.assert_array_equal(binned(jnp.arange(1.0, 6.0), 2), [3, 7, 5])


def test_beliefs_are_averaged_and_counts_are_the_last_of_a_bin():
    belief = jnp.asarray([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0], [0.3336, 0.6664]])
    binned = by_bin({"belief": Logged(belief, "mean", decimals=3)}, 2)["belief"].value
    np.testing.assert_allclose(binned, [[0.75, 0.25], [0.0, 1.0], [0.334, 0.666]], atol=1e-6)
    np.testing.assert_allclose(bin_mean(belief[:, 0], 2), [0.75, 0.0, 0.3336], atol=1e-6)
    np.testing.assert_array_equal(bin_last(jnp.asarray([1.0, 1, 2, 2, 3]), 2), [1, 2, 3])
    np.testing.assert_array_equal(bin_last(jnp.arange(4.0), 2), [1, 3])


def test_scores_by_hand():
    x = jnp.zeros((3, 1))
    task, valid = jnp.asarray([0, 1, 0]), jnp.asarray([True, True, False])
    batch = Batch(x, jnp.asarray([0, 2, 1]), valid, valid, task)
    logits = Prediction(jnp.asarray([[1.0, 0, 5, 0], [9, 0, 1, 0], [0, 1.0, 0, 0]]))
    layout = Layout(jnp.asarray([0, 0, 1, 1]), jnp.zeros(1, int), jnp.zeros(1, int))
    assert scores(logits, batch, layout).tolist() == [0, 0, 0]
    masked = layout._replace(allowed=jnp.asarray([[1, 1, 0, 0], [0, 0, 1, 1]], bool))
    assert scores(logits, batch, masked).tolist() == [1, 1, 0]
    absent = np.nan
    means = group_mean(jnp.asarray([1.0, 0, 1]), jnp.asarray([0, 0, 2]), 4)
    np.testing.assert_allclose(means, [0.5, absent, 1, absent])


def test_scores_of_real_targets_are_explained_variance_and_bounded():
    true = jnp.asarray([True, True, True, False])
    y = jnp.asarray([[1.0, -1.0], [0.0, 0.0], [9.0, 9.0], [0.0, 0.0]])
    batch = Batch(jnp.zeros((4, 1)), y, true, true, jnp.zeros(4, int))
    prediction = Prediction(mean=jnp.asarray([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    assert scores(prediction, batch, layout).tolist() == [0.5, 1, -1, 0]
    assert not any(part.any() for part in confident(unsure(), prediction, batch, layout))


def test_confidence_by_hand():
    """Logits log 3 apart give probabilities 3/4 and 1/4: bin 7; equal ones give 1/2: bin 5; padding counts nothing."""
    true = jnp.asarray([True, True, False])
    logits = jnp.log(jnp.asarray([[3.0, 1.0], [1.0, 1.0], [9.0, 1.0]]))
    batch = Batch(jnp.zeros((3, 1)), jnp.asarray([1, 0, 0]), true, true, jnp.zeros(3, int))
    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    sure = confident(unsure(), Prediction(logits), batch, layout)
    want = np.zeros((3, 10))
    want[:, 7], want[:, 5] = (0.75, 0, 1), (0.5, 1, 1)
    np.testing.assert_allclose([sure.total, sure.hits, sure.answers], want, rtol=1e-6)


def test_answers_and_targets_that_are_not_finite_spoil_nothing():
    """Of five rows three have no finite answer: misses, in no bin; not even where NaN is padding. The last is right."""
    nan, inf = np.nan, np.inf
    logits = Prediction(jnp.asarray([[nan, 0.0], [inf, 0.0], [-inf, -inf], [nan, nan], [0.0, 0.0]]))
    true, zero = jnp.ones(5, bool), jnp.zeros(5, int)
    batch = Batch(jnp.zeros((5, 1)), zero, true, true.at[3].set(False), zero)
    layout = Layout(zero[:0], zero[:1], zero[:1])
    assert scores(logits, batch, layout).tolist() == [0, 0, 0, 0, 1]
    sure = confident(unsure(), logits, batch, layout)
    assert (sure.total[5], sure.total.sum(), sure.hits.sum(), sure.answers.sum()) == (0.5, 0.5, 1, 1)
    # Answers to real targets: NaN and infinite ones are as bad as the worst; a target that is NaN is no target.
    real = batch._replace(y=jnp.asarray([[0.0], [0.0], [nan], [0.0], [1.0]]))
    answers = Prediction(mean=jnp.asarray([[nan], [inf], [0.0], [nan], [1.0]]))
    assert scores(answers, real, layout).tolist() == [-1, -1, 0, 0, 1]
    assert scored(real).tolist() == [True, True, False, False, True]


def test_confidence_is_right_to_a_ten_thousandth_after_a_hundred_million_answers():
    """0.97 in batches of 1,000 from the first answer on, then one by one, each a ten-millionth of the sum so far."""
    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    logits = np.log(np.asarray([0.97, 0.03], np.float32))
    probability = float(np.float64(np.exp(logits[0])) / np.exp(logits.astype(np.float64)).sum())

    def answers(sure, rows, steps, wrong):
        true, zero = jnp.ones(rows, bool), jnp.zeros(rows, int)
        # So many of the answers are wrong.
        batch = Batch(jnp.zeros((rows, 1)), (jnp.arange(rows) < wrong).astype(int), true, true, zero)
        same = Prediction(jnp.tile(jnp.asarray(logits), (rows, 1)))
        return jax.lax.fori_loop(0, steps, lambda _, sure: confident(sure, same, batch, layout), sure)

    many = jax.jit(answers, static_argnums=(1, 3))(unsure(), 1000, 99_500, 10)
    sure = jax.jit(answers, static_argnums=(1, 3))(many, 1, 500_000, 0)
    count, hits = 99_500_000 + 500_000, 99_500 * 990 + 500_000
    assert (int(sure.answers.sum()), int(sure.hits.sum())) == (count, hits)
    mean = np.asarray(sure.total, np.float64).sum() / count
    assert mean == pytest.approx(probability, abs=1e-6)
    columns = (np.asarray(part, np.float32) for part in (sure.total, sure.hits, sure.answers))
    error = expected_calibration_error(*columns)
    assert error == pytest.approx(abs(hits / count - probability), abs=1e-4)


def test_sums_of_long_bins_are_right_to_a_ten_thousandth():
    """A bin of 400,001 steps, as 10^8 samples in 250 bins have: terms of one sign, which rounding shifts one way."""
    terms = jnp.full(400_001 + 3, 0.97)
    long, short = np.asarray(jax.jit(binned, static_argnums=1)(terms, 400_001), np.float64)
    assert long == pytest.approx(400_001 * float(np.float32(0.97)), rel=1e-5)
    assert short == pytest.approx(3 * 0.97, rel=1e-6)
    assert binned(jnp.ones(400_001), 400_001).tolist() == [400_001]


@pytest.mark.slow
def test_a_learner_that_costs_c_learns_every_cth_batch_and_predicts_them_all():
    stream, data, learner, hp = small("ncm", order="iid")
    key = jax.random.key(0)
    seldom = Evaluation(probe_every=100)
    free = make_run(learner, stream, seldom)(key, hp, data)
    for ratio, share in ((0.5, 1.0), (2.0, 1 / 2), (2.5, 1 / 2.5)):
        record = make_run(learner, stream, seldom, lambda hp, steps, batch, c=ratio: c)(key, hp, data)
        assert record.seen.tolist() == free.seen.tolist()
        lessons = int((record.taught > 0).sum())
        assert abs(lessons - stream.steps * share) <= 1
    thinned = make_run(learner, stream, seldom, lambda hp, steps, batch: 2.0)(key, hp, data)
    stream_key, learner_key = jax.random.split(key)
    world, steps, _ = stream.schedule(stream_key, data)
    state = learner.init(learner_key, hp)
    for t in range(stream.steps):
        batch = stream.observe(world, jax.tree.map(lambda leaf, t=t: leaf[t], steps), data)
        right = (learner.predict(state, batch.x, hp).logits.argmax(1) == batch.y) & batch.valid
        assert thinned.hits[t] == right.sum()
        if t % 2 == 0:
            state, _ = learner.update(state, batch, hp)


@pytest.mark.slow
def test_all_held_out_samples_are_probed_at_every_nth_end_and_at_the_last():
    stream, data, learner, hp = small("ncm")
    probes = probe_steps(stream, 10**6, 2)
    ends = stream.task_ends
    assert probes == (0, ends[1], ends[3], ends[4])
    record = make_run(learner, stream, Evaluation(10**6, 20, end_every=2))(jax.random.key(0), hp, data)
    every = make_run(learner, stream, Evaluation(10**6, 20))(jax.random.key(0), hp, data)
    np.testing.assert_array_equal(record.probe_accuracy[1:], every.probe_accuracy[np.asarray([2, 4, 5])])


def test_where_a_sample_is_all_there_is_one_program_probes_both():
    """Traces of `predict`: what arrives, the untrained learner, and each size of probes that there is."""
    stream, data, learner, hp = small("ncm")
    traces = []

    def counting(state, x, hp):
        traces.append(len(x))
        return learner.predict(state, x, hp)

    def traced(**numbers):
        run = make_run(learner._replace(predict=counting), stream, Evaluation(probe_every=10, **numbers))
        traces.clear()
        jax.eval_shape(run, jax.random.key(0), hp, data)
        return sorted(traces)

    everything = [50, 360, 360]
    assert traced() == traced(probe_size=360) == traced(probe_size=10**6) == everything
    assert traced(probe_size=359) == [50, 359, 359, 360]
    assert traced(probe_size=359, end_every=0) == [50, 359, 359]


def products(jaxpr):
    """Precisions of all matrix products and convolutions of a program, with those of the programs inside it."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield equation.params["precision"]
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                yield from products(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pcn", {"inference": "adam", "width": 4}),
        ("backprop", {"architecture": "vgg5", "width": 4}),
        ("rls", {"features": "random", "random_features": 4}),
        pytest.param("parallax", {"random_features": 4}, marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_products_are_those_of_float32_whatever_the_caller_set(name, settings):
    """A life, and the functions of a learner of the registry called as they are."""
    stream, data = streams.make("split", batch=50)
    learner, hp = learners.make(name, stream.spec)
    hp, key, highest = hp.replace(**settings), jax.random.key(0), (jax.lax.Precision.HIGHEST,) * 2
    state = jax.eval_shape(learner.init, key, hp)
    world, steps, _ = jax.eval_shape(stream.schedule, key, data)
    step = jax.eval_shape(lambda steps: jax.tree.map(lambda leaf: leaf[0], steps), steps)
    batch = jax.eval_shape(stream.observe, world, step, data)
    with jax.default_matmul_precision("bfloat16"):
        # A learner of somebody's own does not see to its products itself.
        life = jax.make_jaxpr(make_run(learners.REGISTRY[name].make(stream.spec), stream))(key, hp, data)
        update = jax.make_jaxpr(learner.update)(state, batch, hp)
        answer = jax.make_jaxpr(learner.predict)(state, batch.x, hp)
    for program in (life, update, answer):
        assert set(products(program.jaxpr)) == {highest}
