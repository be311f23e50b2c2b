"""The compiled run equals a plain loop over the stream, and its record says what happened."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners, streams
from pcl.errors import UsageError
from pcl.evaluation.record import bin_last, bin_mean, binned, confidence, group_mean, log_every, scores
from pcl.runner.run import make_run, probe_steps
from pcl.types import Batch, Layout, Prediction


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
    record = jax.jit(make_run(learner, stream, probe_every=7, probe_size=100))(jax.random.key(0), hp, data)

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
            if info.energy is not None:
                np.testing.assert_allclose(record.energy[t - 1], info.energy * batch.valid.sum(), rtol=1e-3)
                np.testing.assert_allclose(record.residual[t - 1], info.residual * batch.valid.sum(), rtol=1e-3)
        if t in probes:
            probe, classes = stream.probe(world, step, data, None if t in stream.task_ends else 100)
            right = np.asarray(learner.predict(state, probe.x, hp).logits.argmax(1) == probe.y)
            by_class = [right[np.asarray(classes) == k].mean() for k in range(10)]
            # One of ten or more samples of a class may flip where two scores tie to the last bit.
            np.testing.assert_allclose(record.probe_accuracy[probes.index(t)], by_class, atol=0.11)
    assert record.seen.sum() == 1437
    assert record.diverged_at == -1
    assert (record.energy is None) == (record.residual is None) == (name == "ncm")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["backprop", "ncm"])
def test_revisits_equal_a_plain_loop_and_change_nothing_else(name):
    settings = {"transform": "labels", "contexts": 3, "visits": 4, "dwell": 200}
    stream, data, learner, hp = small(name, "contexts", **settings)
    key = jax.random.key(0)
    with_revisits = jax.jit(make_run(learner, stream, 100, revisit_steps=4))(key, hp, data)
    without = jax.jit(make_run(learner, stream, 100))(key, hp, data)
    assert without.revisit_accuracy is None
    jax.tree.map(np.testing.assert_array_equal, with_revisits._replace(revisit_accuracy=None), without)

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


@pytest.mark.slow
def test_revisits_that_a_stream_cannot_give_are_refused():
    stream, _, learner, _ = small("ncm")
    with pytest.raises(UsageError, match="revisit_steps=3: nothing comes back on this stream"):
        make_run(learner, stream, revisit_steps=3)
    stream, data, learner, hp = small("ncm", "contexts", contexts=2, visits=2, dwell=100)
    with pytest.raises(UsageError, match=r"revisit_steps=8: with batch=50 takes 400 held-out .* are 360; at most 7"):
        make_run(learner, stream, revisit_steps=8)(jax.random.key(0), hp, data)


@pytest.mark.slow
def test_learners_that_share_a_key_live_on_the_same_stream():
    records = []
    for name in ("ncm", "backprop"):
        stream, data, learner, hp = small(name)
        records.append(make_run(learner, stream, 100)(jax.random.key(5), hp, data))
    np.testing.assert_array_equal(records[0].group_task, records[1].group_task)


def test_a_run_that_diverges_says_at_which_step():
    stream, data, learner, hp = small("backprop")
    run = jax.jit(make_run(learner, stream, 100))
    hp = hp.replace(optimiser="sgd", depth=2, width=32)
    assert run(jax.random.key(0), hp.replace(lr=np.float32(0.01)), data).diverged_at == -1
    record = run(jax.random.key(0), hp.replace(lr=np.float32(1e6)), data)
    assert not record.inference_diverged
    assert 0 < record.diverged_at < stream.steps
    assert np.isfinite(record.surprise[: record.diverged_at]).all()
    assert not np.isfinite(record.surprise[record.diverged_at])


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
    np.testing.assert_allclose(bin_mean(belief, 2), [[0.75, 0.25], [0.0, 1.0], [0.334, 0.666]], atol=1e-6)
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
    np.testing.assert_allclose(group_mean(jnp.asarray([1.0, 0, 1]), jnp.asarray([0, 0, 2]), 4), [0.5, 0, 1, 0])


def test_scores_of_real_targets_are_explained_variance_and_bounded():
    true = jnp.asarray([True, True, True, False])
    y = jnp.asarray([[1.0, -1.0], [0.0, 0.0], [9.0, 9.0], [0.0, 0.0]])
    batch = Batch(jnp.zeros((4, 1)), y, true, true, jnp.zeros(4, int))
    prediction = Prediction(mean=jnp.asarray([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    assert scores(prediction, batch, layout).tolist() == [0.5, 1, -1, 0]
    assert not confidence(prediction, batch, layout).any()


def test_confidence_by_hand():
    """Logits log 3 apart give probabilities 3/4 and 1/4: bin 7; equal ones give 1/2: bin 5; padding counts nothing."""
    true = jnp.asarray([True, True, False])
    logits = jnp.log(jnp.asarray([[3.0, 1.0], [1.0, 1.0], [9.0, 1.0]]))
    batch = Batch(jnp.zeros((3, 1)), jnp.asarray([1, 0, 0]), true, true, jnp.zeros(3, int))
    layout = Layout(jnp.zeros(0, int), jnp.zeros(1, int), jnp.zeros(1, int))
    got = confidence(Prediction(logits), batch, layout)
    want = np.zeros((3, 10))
    want[:, 7], want[:, 5] = (0.75, 0, 1), (0.5, 1, 1)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.slow
def test_a_learner_that_costs_c_learns_every_cth_batch_and_predicts_them_all():
    stream, data, learner, hp = small("ncm", order="iid")
    key = jax.random.key(0)
    free = make_run(learner, stream, 100)(key, hp, data)
    for ratio, share in ((0.5, 1.0), (2.0, 1 / 2), (2.5, 1 / 2.5)):
        record = make_run(learner, stream, 100, cost_ratio=lambda hp, steps, batch, c=ratio: c)(key, hp, data)
        assert record.seen.tolist() == free.seen.tolist()
        lessons = int((record.taught > 0).sum())
        assert abs(lessons - stream.steps * share) <= 1
    thinned = make_run(learner, stream, 100, cost_ratio=lambda hp, steps, batch: 2.0)(key, hp, data)
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
    record = make_run(learner, stream, 10**6, 20, end_every=2)(jax.random.key(0), hp, data)
    every = make_run(learner, stream, 10**6, 20)(jax.random.key(0), hp, data)
    np.testing.assert_array_equal(record.probe_accuracy[1:], every.probe_accuracy[np.asarray([2, 4, 5])])


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
        ("pcn", {"inference": "adam"}),
        ("backprop", {"architecture": "vgg5"}),
        ("rls", {"features": "random"}),
        pytest.param("parallax", {}, marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_products_are_those_of_float32_whatever_the_caller_set(name, settings):
    """A life, and the functions of a learner of the registry called as they are."""
    stream, data = streams.make("split", batch=50)
    learner, hp = learners.make(name, stream.spec)
    hp, key, highest = hp.replace(width=4, **settings), jax.random.key(0), (jax.lax.Precision.HIGHEST,) * 2
    state = jax.eval_shape(learner.init, key, hp)
    world, steps, _ = jax.eval_shape(stream.schedule, key, data)
    step = jax.eval_shape(lambda steps: jax.tree.map(lambda leaf: leaf[0], steps), steps)
    batch = jax.eval_shape(stream.observe, world, step, data)
    with jax.default_matmul_precision("bfloat16"):
        life = jax.make_jaxpr(make_run(learner, stream))(key, hp, data)
        update = jax.make_jaxpr(learner.update)(state, batch, hp)
        answer = jax.make_jaxpr(learner.predict)(state, batch.x, hp)
    for program in (life, update, answer):
        assert set(products(program.jaxpr)) == {highest}
