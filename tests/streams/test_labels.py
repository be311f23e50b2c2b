"""Partly labelled streams: the share is right, drawn from the key, and touches nothing else."""

import jax
import numpy as np
import pytest

from pcl import streams

pytestmark = pytest.mark.slow

KINDS = {"split": {}, "contexts": {"contexts": 2, "visits": 2, "dwell": 701}}


def lived(kind, seed=0, **settings):
    stream, data = streams.make(kind, batch=8, **KINDS[kind], **settings)

    @jax.jit
    def live(key, data):
        world, steps, _ = stream.schedule(key, data)
        probe, _ = stream.probe(world, jax.tree.map(lambda leaf: leaf[-1], steps), data, 20)
        return jax.vmap(lambda step: stream.observe(world, step, data))(steps), probe

    return live(jax.random.key(seed), data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_given_share_of_rows_has_a_label_and_all_else_is_the_same(kind):
    (whole, _), (part, probe), (other, _) = lived(kind), lived(kind, labelled=0.3), lived(kind, 1, labelled=0.3)
    assert whole.labelled.all()
    n_rows = part.labelled.size
    assert abs(part.labelled.mean() - 0.3) < 4 * np.sqrt(0.21 / n_rows)
    assert not np.array_equal(part.labelled, other.labelled)
    assert not part.valid.all()  # padding is there, and is what it was
    jax.tree.map(np.testing.assert_array_equal, part._replace(labelled=whole.labelled), whole)
    assert probe.labelled.all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_of_an_unlabelled_stream_has_a_label(kind):
    assert not lived(kind, labelled=0.0)[0].labelled.any()
