"""What every learner of the registry promises; a new line in the registry is tested without a new test."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.fields import fields, replace
from pcl.learners import REGISTRY
from pcl.learners.parallax import succession
from pcl.types import Batch, Learner, Spec

SPEC = Spec((5,), 3)
CENTRES = 4 * np.eye(3, 5, dtype=np.float32)
SLOW = ("parallax", "parallax_told", "parallax_single")  # to compile
OPENING = ("reopening", "reopening_parallax")
LONG = ("reopening_parallax",)  # minutes to compile; each of its two parts is among the others
PERIOD = {"atoms": "6,6", "critical": 32}  # over before tests ask what rows without a label teach
DEFAULTS = [(name, {}) for name, entry in REGISTRY.items() if entry.labels and name not in (*SLOW, *OPENING)]
VARIANTS = [
    *((name, {}) for name in SLOW),
    ("pcn", {"activation": "relu", "output": "categorical", "optimiser": "sgd", "lr": 0.05}),
    ("pcn", {"depth": 0, "lr": 0.03}),
    ("pcn", {"inference": "ipc", "lr": 0.001}),
    ("pcn", {"inference": "gauss_newton", "inference_steps": 3}),
    ("pcn", {"inference": "momentum", "halt": "gradient", "tolerance": 0.1, "nudge": "centred"}),
    ("pcn", {"precision": "full", "halt": "saturation", "init": "mupc", "lr": 0.03, "optimiser": "adamw"}),
    ("backprop", {"activation": "relu", "output": "categorical", "optimiser": "sgd", "lr": 0.05}),
    ("bpc", {"depth": 1, "drift": 0.01}),
    ("rls", {"covariance": "low_rank", "block": 4, "features": "random"}),
    ("rls", {"covariance": "sums", "block": 16}),
    *((name, PERIOD) for name in OPENING),
]


@pytest.fixture(
    scope="module",
    params=[
        *DEFAULTS,
        *(pytest.param(v, marks=[pytest.mark.slow, *[pytest.mark.long][: v[0] in LONG]]) for v in VARIANTS),
    ],
    ids=lambda v: v[0] + "".join(f"-{x}" for x in v[1].values()),
)
def made(request):
    name, settings = request.param
    learner, hp = learners.make(name, SPEC)
    learner = Learner(*map(jax.jit, learner))  # compiled once for all tests of a learner
    shrunk = {k: v for k, v in {"width": 16, "random_features": 16, "memory": 20}.items() if k in fields(hp)}
    # A traced number reaches a run as float32, never as a Python float.
    return learner, jax.tree.map(np.float32, replace(hp, shrunk | settings))


def blobs(n_batches=20, size=8, seed=0):
    """Three Gaussian classes whose centres stand four standard deviations from the origin."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, (n_batches, size)).astype(np.int32)
    x = (CENTRES[y] + rng.normal(size=(n_batches, size, 5))).astype(np.float32)
    true = np.ones(y.shape, bool)
    return Batch(jnp.asarray(x), jnp.asarray(y), jnp.asarray(true), jnp.asarray(true), jnp.zeros(y.shape, jnp.int32))


@functools.partial(jax.jit, static_argnums=0)
def live(learner, hp, state, batches):
    def step(state, batch):
        state, info = learner.update(state, batch, hp)
        return state, info

    return jax.lax.scan(step, state, batches)


def learn(learner, hp, batches, seed=0):
    """A life from the start; all tests live through as many batches, for which it is compiled once."""
    return live(learner, hp, learner.init(jax.random.key(seed), hp), batches)


def in_time(state, change):
    """The state after a change of what it knows of labels in time, if it knows any."""
    if hasattr(state, "rule"):
        return state._replace(rule=in_time(state.rule, change))
    return state._replace(succession=change(state.succession)) if hasattr(state, "succession") else state


def at(batches, i):
    return jax.tree.map(lambda leaf: leaf[i], batches)


def numbers(tree):
    """Leaves as plain arrays; keys by their bits."""
    return [
        jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(tree)
    ]


def assert_close(got, want, rtol=1e-4):
    """float32 sums in another order: a few hundred steps of a contracting rule stay well within 1e-4."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5), numbers(got), numbers(want))


def rounding(hp):
    """Of lives in two programs; adaptive optimisers divide a gradient near zero by its own size."""
    return 5e-4 if getattr(hp, "optimiser", "") in ("adam", "adamw") else 1e-4


def assert_same(got, want):
    jax.tree.map(np.testing.assert_array_equal, numbers(got), numbers(want))


@pytest.mark.slow
def test_solves_a_separable_problem(made):
    learner, hp = made
    state = learner.init(jax.random.key(0), hp)
    for part in range(8):
        state, _ = live(learner, hp, state, blobs(seed=2 + part))
    held_out = at(blobs(1, 300, seed=1), 0)
    hits = learner.predict(state, held_out.x, hp).logits.argmax(1) == held_out.y
    assert hits.mean() > 0.95  # Bayes is above 0.99


@pytest.mark.slow
def test_scan_equals_loop(made):
    learner, hp = made
    batches = blobs()
    scanned, _ = learn(learner, hp, batches)
    state = learner.init(jax.random.key(0), hp)
    for i in range(20):
        state, _ = learner.update(state, at(batches, i), hp)
    assert_close(state, scanned, rounding(hp))


@pytest.mark.slow
def test_vmap_equals_loop(made):
    learner, hp = made
    batches, seeds = blobs(), jnp.arange(3)
    factors = np.asarray([0.5, 1.0, 1.5], np.float32)
    hps = jax.tree.map(lambda leaf: leaf * factors, hp)
    together = jax.vmap(lambda seed, hp: learn(learner, hp, batches, seed)[0])(seeds, hps)
    for i in range(3):
        assert_close(at(together, i), learn(learner, at(hps, i), batches, seeds[i])[0], rounding(hp))


def test_traces_once_for_all_numbers(made):
    learner, hp = made
    batches = blobs(3)
    chex.clear_trace_counter()
    update = jax.jit(chex.assert_max_traces(n=1)(learner.update.__wrapped__))
    state = learner.init(jax.random.key(0), hp)
    for i, factor in enumerate((1.0, 0.5, 2.0)):
        state, _ = update(state, at(batches, i), jax.tree.map(lambda leaf, f=factor: np.float32(leaf * f), hp))


def test_structure_shapes_and_dtypes_are_stable(made):
    learner, hp = made
    before = learner.init(jax.random.key(0), hp)
    after, info = learner.update(before, at(blobs(1), 0), hp)
    chex.assert_trees_all_equal_shapes_and_dtypes(before, after)
    assert {leaf.dtype for leaf in jax.tree.leaves(info.prediction)} <= {jnp.dtype(jnp.float32)}
    logged = {jnp.asarray(number.value).dtype for number in info.log.values()}
    assert logged <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}  # numbers are logged, or how many there were


def test_prediction_reported_by_the_update_is_the_one_made_before_it(made):
    learner, hp = made
    state, _ = learn(learner, hp, blobs())
    batch = at(blobs(1, seed=3), 0)
    # A batch has a place in time and a query has none: nothing came before.
    state = in_time(state, lambda _: succession.init(SPEC.num_labels))
    _, info = learner.update(state, batch, hp)
    if info.prediction is not None:
        assert_close(info.prediction, learner.predict(state, batch.x, hp))


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 1e-8, 1e4, -1e4])
def test_finite_on_extreme_inputs(made, value):
    learner, hp = made
    batches = blobs()
    constant = batches._replace(x=jnp.full_like(batches.x, value), y=jnp.zeros_like(batches.y))
    state, info = learn(learner, hp, constant)
    logits = learner.predict(state, constant.x[0], hp).logits
    for leaf in jax.tree.leaves((state, info, logits)):
        assert jnp.isfinite(leaf).all()


def test_predict_leaves_the_state_alone(made):
    learner, hp = made
    state, _ = learn(learner, hp, blobs())
    copy = [np.array(leaf) for leaf in numbers(state)]
    x = at(blobs(1), 0).x
    first = learner.predict(state, x, hp)
    assert_same(learner.predict(state, x, hp), first)
    jax.tree.map(np.testing.assert_array_equal, numbers(state), copy)


def test_invalid_rows_change_nothing(made):
    learner, hp = made
    batch = at(blobs(1), 0)
    valid = jnp.arange(8) < 5
    state = learner.init(jax.random.key(0), hp)
    quiet = batch._replace(valid=valid)
    loud = quiet._replace(x=jnp.where(valid[:, None], batch.x, jnp.nan), y=jnp.where(valid, batch.y, 2))
    short = jax.tree.map(lambda leaf: leaf[:5], batch)
    assert_same(learner.update(state, loud, hp)[0], learner.update(state, quiet, hp)[0])
    assert_close(learner.update(state, quiet, hp)[0], learner.update(state, short, hp)[0])


def test_a_batch_of_padding_leaves_the_state_bit_identical(made):
    learner, hp = made
    state, _ = learn(learner, hp, blobs())
    padding = at(blobs(1), 0)._replace(valid=jnp.zeros(8, bool))
    assert_same(learner.update(state, padding, hp)[0], state)


def test_rows_without_a_label_teach_a_supervised_learner_nothing(made):
    learner, hp = made
    state, _ = learn(learner, hp, blobs())
    unlabelled = at(blobs(1), 0)._replace(labelled=jnp.zeros(8, bool))
    after = learner.update(state, unlabelled, hp)[0]
    # What was believed of the last label is no lesson: the next row overwrites it.
    after, state = (in_time(s, lambda known: known._replace(latest=jnp.zeros(()))) for s in (after, state))
    if hasattr(state, "watch"):  # whether an input fits the code has nothing to do with labels
        after = after._replace(watch=state.watch)
    assert_same(after, state)
