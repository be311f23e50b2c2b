"""Random views of images: mirrored and moved, on arrival alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import augment, streams
from pcl.augment import PAD, Views
from pcl.errors import UsageError
from pcl.fields import identity
from pcl.streams import split
from pcl.streams.sources import from_arrays
from pcl.streams.split import Split


def image(channels):
    return jnp.asarray(np.random.default_rng(0).normal(size=(6, 7, channels) if channels else (6, 7)), jnp.float32)


@pytest.mark.parametrize("channels", [0, 3])
def test_a_view_is_the_image_mirrored_and_moved_over_zeros(channels):
    x = image(channels)
    corners = [(PAD, PAD), (PAD, PAD), (PAD + 2, PAD - 1), (0, 2 * PAD)]
    seen = Views(jnp.asarray([False, True, False, True]), jnp.asarray(corners))
    got = np.asarray(augment.viewed(jnp.stack([x] * 4), seen))
    np.testing.assert_array_equal(got[0], x)
    np.testing.assert_array_equal(got[1], x[:, ::-1])
    np.testing.assert_array_equal(got[2][:4, 1:], x[2:, :-1])  # two rows up, one column to the right
    assert not got[2][4:].any()
    assert not got[2][:, 0].any()
    np.testing.assert_array_equal(got[3][4:, :3], x[:, ::-1][:2, 4:])


def test_kinds_draw_what_they_say():
    drawn = {kind: augment.views(jax.random.key(0), kind, (500, 2)) for kind in augment.KINDS}
    assert drawn["none"] is None
    assert not drawn["crop"].flipped.any()
    assert (drawn["flip"].corner == PAD).all()
    for kind in ("flip", "flip_crop"):
        assert 0.45 < drawn[kind].flipped.mean() < 0.55  # of 1,000
    for kind in ("crop", "flip_crop"):
        np.testing.assert_array_equal(np.unique(drawn[kind].corner), np.arange(2 * PAD + 1))


@pytest.mark.slow
def test_images_are_augmented_as_they_arrive_and_probes_are_not():
    x = np.random.default_rng(0).normal(size=(80, 5, 5)).astype(np.float32)
    source, seen = from_arrays(x, np.arange(80) % 2, x[:20], np.arange(20) % 2, scale=1.0), {}
    for kind in ("none", "flip"):
        stream, data = split.make(Split(augment=kind, batch=40), source, "test")
        world, steps, _ = stream.schedule(jax.random.key(0), data)
        step = jax.tree.map(lambda leaf: leaf[0], steps)
        seen[kind] = stream.observe(world, step, data), stream.probe(world, step, data, 20)[0]
    plain, flipped = (seen[kind][0].x for kind in ("none", "flip"))
    mirrored = (flipped == plain[:, :, ::-1]).all((1, 2))
    assert ((flipped == plain).all((1, 2)) | mirrored).all()
    assert 8 < mirrored.sum() < 32
    jax.tree.map(np.testing.assert_array_equal, seen["none"][1], seen["flip"][1])


def test_ids_and_inputs_that_are_no_images():
    config = streams.REGISTRY["split"].config
    assert "augment" not in identity(config)
    with pytest.raises(UsageError, match=r"^augment=flip: inputs of electricity .* set augment=none"):
        augment.check("flip", (6,), "electricity")
