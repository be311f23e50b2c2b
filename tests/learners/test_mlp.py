"""Perceptrons: hidden layers of given widths, and layer normalisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl import learners
from pcl.errors import UsageError
from pcl.fields import identity
from pcl.learners import mlp
from pcl.learners.backprop import HParams
from pcl.network.layers import forward
from pcl.types import Spec

SPEC = Spec((7,), 3)


def shapes(**settings):
    return [layer.w.shape for layer in mlp.network(SPEC, jax.random.key(0), HParams(**settings))]


def test_hidden_names_the_units_of_each_layer():
    assert shapes(layer_sizes="5+4", width=9, depth=7) == [(7, 5), (5, 4), (4, 3)]
    assert shapes(width=9, depth=2) == [(7, 9), (9, 9), (9, 3)]


def test_equal_widths_are_the_same_network_however_they_are_named():
    one, other = (mlp.network(SPEC, jax.random.key(1), HParams(**s)) for s in ({"layer_sizes": "6+6"}, {"width": 6}))
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("hidden", ["300+", "0+3", "3x4", "-3", "10000000", "3+ 4"])
def test_what_names_no_units_is_refused(hidden):
    with pytest.raises(UsageError, match=r"^layer_sizes=.*as in layer_sizes=300\+150"):
        shapes(layer_sizes=hidden)


@pytest.mark.parametrize("settings", [{"layer_sizes": "4+3"}, {"norm": "layer"}])
def test_other_parametrisations_and_architectures_refuse_them(settings):
    with pytest.raises(UsageError, match="init=mupc"):
        shapes(init="mupc", **settings)
    with pytest.raises(UsageError, match="is for architecture=mlp"):
        mlp.network(Spec((8, 8), 3), jax.random.key(0), HParams(architecture="vgg5", **settings))


def test_layer_normalisation_gives_each_hidden_row_mean_0_and_variance_1():
    layers = mlp.network(SPEC, jax.random.key(0), HParams(layer_sizes="50+40", norm="layer", activation="identity"))
    x = 3 + 5 * jax.random.normal(jax.random.key(1), (6, 7))
    *hidden, top = forward(layers, x)
    for z in hidden:  # biases begin at zero
        np.testing.assert_allclose(z.mean(1), np.zeros(6), atol=1e-5)
        np.testing.assert_allclose(z.std(1), np.ones(6), rtol=1e-4)
    assert jnp.abs(top.mean(1)).max() > 0.01, "the output is normalised too"


def test_ids_of_runs_without_them_do_not_know_them():
    assert not {"layer_sizes", "norm"} & set(identity(HParams()))
    assert {"layer_sizes", "norm"} <= set(identity(HParams(layer_sizes="3", norm="layer")))


def test_costs_are_relative_to_a_network_of_the_same_hidden_layers():
    hp = HParams(layer_sizes="300+150")
    assert learners.cost_ratio("backprop", Spec((784,), 10), hp, 0, 1) == 1.0


def test_no_stable_step_is_known_through_layer_normalisation():
    learner, hp = learners.make("pcn", SPEC)
    with pytest.raises(UsageError, match="set step_limit=nothing"):
        learner.init(jax.random.key(0), hp.replace(norm="layer"))
