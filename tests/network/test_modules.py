"""Convolutional networks of flax.linen as the one layer of a network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.learners import mlp
from pcl.learners.backprop import HParams
from pcl.network import modules
from pcl.network.flops import synapse_uses
from pcl.network.layers import forward
from pcl.types import Batch, Spec

SPEC = Spec((8, 8, 3), 4)


def shapes(architecture, width, spec):
    hp = HParams(architecture=architecture, width=width)
    return jax.eval_shape(lambda key: mlp.network(spec, key, hp), jax.random.key(0))


@pytest.mark.parametrize(("width", "weights"), [(20, 1_109_240), (64, 11_220_132)])
def test_resnet18_on_cifar100_has_the_published_number_of_weights(width, weights):
    """Those of the networks in kuangliu/pytorch-cifar and facebookresearch/GradientEpisodicMemory, by batches there."""
    found = shapes("resnet18", width, Spec((32, 32, 3), 100))
    assert sum(leaf.size for leaf in jax.tree.leaves(found)) == weights


def test_uses_are_counted_at_every_place():
    found = shapes("convnet", 2, SPEC)
    want = 64 * 9 * 3 * 2 + 16 * 9 * 2 * 4 + 4 * 9 * 4 * 8 + 1 * 8 * 4
    assert synapse_uses(found, SPEC.input_shape) == (0, want)


@functools.cache
def taught():
    learner, hp = learners.make("backprop", SPEC)
    hp = hp.replace(architecture="convnet", width=4, lr=0.01)
    y = jnp.arange(12) % 4
    x = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))[y] + 0.3 * jax.random.normal(
        jax.random.key(2), (12, 8, 8, 3)
    )
    true = jnp.ones(12, bool)
    batch = Batch(x, y, true, true, jnp.zeros(12, jnp.int32))
    state = jax.jit(learner.init)(jax.random.key(0), hp)
    after = jax.jit(lambda s: jax.lax.fori_loop(0, 60, lambda _, s: learner.update(s, batch, hp)[0], s))(state)
    return learner, hp, after, batch


@pytest.mark.slow
def test_backpropagation_learns_through_it():
    learner, hp, state, batch = taught()
    assert (learner.predict(state, batch.x, hp).logits.argmax(1) == batch.y).all()


def test_no_image_depends_on_the_others_of_its_batch():
    _, _, state, batch = taught()
    together = forward(state.network, batch.x)[-1]
    np.testing.assert_allclose(forward(state.network, batch.x[:1])[-1], together[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", modules.MODULES)
def test_images_are_read_whatever_their_shape_says(architecture):
    assert modules.image_shape(architecture, (64,)) == modules.image_shape(architecture, (8, 8)) == (8, 8, 1)
    with pytest.raises(UsageError, match=f"architecture={architecture} reads images or squares"):
        modules.image_shape(architecture, (65,))


@pytest.mark.slow
def test_predictive_coding_refuses_it():
    learner, hp = learners.make("pcn", SPEC)
    hp = hp.replace(architecture="convnet", width=2)
    state = learner.init(jax.random.key(0), hp)
    with pytest.raises(UsageError, match="are for backpropagation; set mlp or vgg5"):
        learner.update(state, jax.tree.map(lambda leaf: leaf[:2], taught()[3]), hp)
