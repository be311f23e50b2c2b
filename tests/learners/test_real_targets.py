"""What every learner that predicts real targets promises: it learns to predict the next observation of a sequence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.fields import fields, replace
from pcl.learners import REGISTRY
from pcl.types import Batch, Spec

SPEC = Spec((3,), 0, 3)
ABLE = [name for name, entry in REGISTRY.items() if entry.targets]


def turning(n_batches, size=4, seed=0):
    """`size` sequences in parallel that turn by half a radian a step about one axis and fade slowly, with noise."""
    rng = np.random.default_rng(seed)
    turn = np.asarray([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0], [0, 0, 1]])
    states = [rng.normal(size=(size, 3))]
    for _ in range(n_batches):
        states.append(0.99 * states[-1] @ turn.T + np.sqrt(1 - 0.99**2) * rng.normal(size=(size, 3)))
    x = jnp.asarray(np.stack(states), jnp.float32)
    true = jnp.ones((n_batches, size), bool)
    return Batch(x[:-1], x[1:], true, true, jnp.zeros((n_batches, size), jnp.int32))


@pytest.fixture(params=ABLE)
def made(request):
    learner, hp = learners.make(request.param, SPEC)
    small = {"width": 16, "random_features": 16, "memory": 50, "activation": "tanh", "output": "gaussian"}
    settings = {name: value for name, value in small.items() if name in fields(hp)}
    return learner, jax.tree.map(np.float32, replace(hp, settings))


def lived(learner, hp, batches):
    def step(state, batch):
        prediction = learner.predict(state, batch.x, hp)
        return learner.update(state, batch, hp)[0], prediction.mean

    return jax.jit(lambda b: jax.lax.scan(step, learner.init(jax.random.key(0), hp), b))(batches)


@pytest.mark.slow
def test_predicts_the_next_observation(made):
    batches = turning(3000)
    _, mean = lived(*made, batches)
    error = ((mean[-500:] - batches.y[-500:]) ** 2).mean()
    assert error < 0.2  # the least possible is 0.02, the variance of the targets about 1


@pytest.mark.slow
def test_padding_changes_nothing(made):
    learner, hp = made
    batches = turning(20)
    state, _ = lived(learner, hp, batches)
    batch = jax.tree.map(lambda leaf: leaf[-1], batches)
    padding = batch._replace(x=jnp.full_like(batch.x, jnp.nan), y=jnp.full_like(batch.y, jnp.nan))
    padding = padding._replace(valid=jnp.zeros_like(batch.valid))
    after, _ = learner.update(state, padding, hp)
    for one, other in zip(jax.tree.leaves(after), jax.tree.leaves(state), strict=True):
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        np.testing.assert_array_equal(one, other)


def test_a_learner_that_cannot_predict_what_is_asked_says_who_can():
    with pytest.raises(UsageError, match=r"ncm cannot predict real targets; learners that can: agem, backprop, "):
        learners.make("ncm", SPEC)


def test_labels_of_an_output_that_cannot_be_real_are_refused():
    learner, hp = learners.make("backprop", SPEC)
    with pytest.raises(UsageError, match="output=categorical: the targets of this stream are real"):
        learner.init(jax.random.key(0), hp.replace(output="categorical"))
