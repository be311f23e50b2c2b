"""Sequences: targets are the next inputs, dynamics have the stated law, a file comes in its order."""

import jax
import numpy as np
import pytest

from pcl import streams
from pcl.errors import UsageError
from pcl.streams import sequence
from pcl.streams.sources import from_arrays


def lived(config, source=None, seed=0):
    stream, data = sequence.make(config, source, "test")

    @jax.jit
    def live(key, data):
        world, steps, layout = stream.schedule(key, data)
        return world, jax.vmap(lambda step: stream.observe(world, step, data))(steps), layout

    return stream, *live(jax.random.key(seed), data)


def test_the_target_is_the_next_observation():
    stream, _, batches, _ = lived(sequence.Sequence(visit_steps=50, batch=3))
    assert stream.spec == ((4,), 0, 4)
    np.testing.assert_array_equal(batches.y[:-1], batches.x[1:])
    assert batches.valid.all()


def test_dynamics_have_unit_variance_and_the_stated_transition_in_every_context():
    config = sequence.Sequence(observed=6, hidden=6, contexts=2, visits=2, visit_steps=4000, batch=4)
    _, _, batches, layout = lived(config)
    assert layout.visit_task.tolist() == [0, 1]
    laws = []
    for context in (0, 1):
        now, then = (np.asarray(part[context * 4000 : (context + 1) * 4000]).reshape(-1, 6) for part in batches[:2])
        # A state remembers 50 steps, so 16,000 rows are worth some 300 draws: five standard errors are 0.3.
        np.testing.assert_allclose(np.cov(now.T), np.eye(6), atol=0.3)
        law = np.linalg.lstsq(now, then, rcond=None)[0]
        # Residuals have deviation 0.2: a coefficient's standard error is 0.0016.
        np.testing.assert_allclose(law.T @ law, 0.98**2 * np.eye(6), atol=0.02)
        laws.append(law)
    assert abs(laws[0] - laws[1]).max() > 0.1


def test_a_file_comes_in_its_order_in_as_many_parts_as_rows():
    x = np.arange(23, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    empty = x[:0]
    source = from_arrays(x, np.zeros(23, int), empty, np.zeros(0, int), 1.0)
    _, world, batches, _ = lived(sequence.Sequence(source="weather", batch=2), source)
    raw = np.asarray(world.x)[..., 0]
    assert raw[:, 0].tolist() == [*range(12)]
    assert raw[:11, 1].tolist() == [*range(11, 22)]
    assert batches.valid.all()
    # Both are standardised by what has arrived by now, so that a target may lie outside.
    mean, std = np.mean(raw[:3]), np.std(raw[:3])
    np.testing.assert_allclose(batches.y[2, :, 0], (raw[3] - mean) / std, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"observed": 9}, "observed=9: must be at most hidden=8"),
        ({"contexts": 4, "visits": 3}, "visits=3: every context is visited"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        streams.make("sequence", **settings)
