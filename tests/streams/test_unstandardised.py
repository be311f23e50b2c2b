"""Inputs that no moments standardise: pixels as the source has them, in the stream and in its probes."""

import jax
import numpy as np
import pytest

from pcl import streams
from pcl.streams import sources

SETTINGS = {
    "split": {"batch": 50},
    "contexts": {"transform": "permutation", "contexts": 2, "visits": 2, "dwell": 100},
    "class_contexts": {"contexts": 2, "samples_per_task": 10, "revisits": 1},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_pixels_lie_between_0_and_1(kind):
    stream, data = streams.make(kind, source="digits", moments="none", **SETTINGS[kind])
    world, steps, _ = stream.schedule(jax.random.key(0), data)
    last = jax.tree.map(lambda leaf: leaf[-1], steps)
    batch, (probe, _) = stream.observe(world, last, data), stream.probe(world, last, data, 20)
    images = sources.load("digits").x_train
    pixels = images.reshape(len(images), -1)[np.asarray(last.sample)] / 16
    np.testing.assert_allclose(np.sort(batch.x.reshape(pixels.shape)), np.sort(pixels), rtol=1e-6)
    assert (probe.x.min(), probe.x.max()) == (0, 1)
