"""Each layer's transposed map and local rule are those of autodiff; fresh networks have the stated statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import EXACT, INPUTS, KINDS, assert_close, network, shapes

from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.architectures import INITS, dense_chain, mupc_chain, vgg5
from pcl.network.layers import Conv, Dense, forward


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "activation"), [*((kind, "tanh") for kind in KINDS), *(("mupc", name) for name in ("gelu", "leaky_relu"))]
)
def test_carry_down_and_hebbian_are_the_transposes_that_autodiff_finds(kind, activation):
    @jax.jit
    def both_ways(layer, below, delta):
        pullback = jax.vjp(lambda layer, x: layer.predict(x), layer, below)[1]
        return (layer.hebbian(below, delta), layer.carry_down(below, delta)), pullback(delta)

    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        shape = INPUTS[kind]
        layers = network(kind, activation)
        for layer, above in zip(layers, shapes(layers, shape), strict=True):
            below, delta = jnp.asarray(rng.normal(size=(2, *shape))), jnp.asarray(rng.normal(size=(2, *above)))
            assert_close(*both_ways(layer, below, delta))
            shape = above


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_of_activations(name):
    with jax.enable_x64(True):
        a = jnp.asarray([-3.0, -0.7, -0.1, 0.2, 0.9, 4.0])
        np.testing.assert_allclose(ACTIVATIONS[name].df(a), jax.vmap(jax.grad(ACTIVATIONS[name].f))(a), **EXACT)


def test_maximal_pooling_before_a_monotone_activation_is_maximal_pooling_after_it():
    with jax.enable_x64(True):
        layer, x = network("max", "sigmoid")[0], jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4, 2)))
        a = Conv(layer.w, layer.b).predict(x)
        after = jax.lax.reduce_window(jax.nn.sigmoid(a), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        assert_close(forward((layer,), x)[0], after)


@pytest.mark.parametrize(
    ("init", "variance"), [("lecun", 1 / 400), ("xavier", 2 / 900), ("he", 2 / 400), ("pytorch", 1 / 1200)]
)
def test_fresh_weights_have_the_stated_variance(init, variance):
    (layer,) = dense_chain(jax.random.key(0), (400, 500), init=init)
    assert layer.w.std() == pytest.approx(variance**0.5, rel=0.02)  # 200,000 draws: 0.02 is 12 standard errors
    assert not layer.b.any()


def test_orthogonal_weights_are_orthogonal():
    w = INITS["orthogonal"](jax.random.key(0), (40, 60))
    np.testing.assert_allclose(w @ w.T, np.eye(40), atol=1e-5)


def test_mupc_keeps_the_size_of_activities_at_any_depth():
    """Var z_l <= Var z_{l-1} (1 + 1/L) for |f(z)| <= |z|, so z stays below e^(1/2) of its size at layer 1."""
    x = jax.random.normal(jax.random.key(1), (50, 30))
    for depth in (4, 64):
        chain = mupc_chain(jax.random.key(0), (30, *[100] * depth, 3), "relu")
        sizes = [float(jnp.sqrt((z**2).mean())) for z in forward(chain, x)[:-1]]
        assert sizes[0] == pytest.approx(1, rel=0.1)
        assert 1 < sizes[-1] / sizes[0] < 1.8


def test_vgg5_on_colour_images_has_the_published_shapes():
    def network_of(image, width):
        return jax.eval_shape(lambda key: vgg5(key, image, 10, width), jax.random.key(0))

    chain = network_of((32, 32, 3), 128)
    assert shapes(chain, (32, 32, 3)) == [(16, 16, 128), (8, 8, 256), (4, 4, 512), (1, 1, 512), (10,)]
    assert network_of((8, 8, 1), 4)[-1].w.shape == (16, 10)  # small images still have features


def test_vgg5_reads_a_square_vector_as_an_image():
    key, x = jax.random.key(0), jax.random.normal(jax.random.key(1), (2, 8, 8, 1))
    of_vector, of_image = (vgg5(key, shape, 10, width=2)[0] for shape in ((64,), (8, 8, 1)))
    flat, delta = x.reshape(2, 64), jnp.ones((2, 4, 4, 2))
    assert_close(of_vector.predict(flat), of_image.predict(x))
    assert_close(of_vector.hebbian(flat, delta).w, of_image.hebbian(x, delta).w)
    assert_close(of_vector.carry_down(flat, delta), of_image.carry_down(x, delta).reshape(2, 64))


def test_vgg5_refuses_other_vectors():
    with pytest.raises(UsageError, match="reads images"):
        vgg5(jax.random.key(0), (50,), 10)


def test_vgg5_reads_a_grey_image_as_one_channel():
    key, x = jax.random.key(0), jax.random.normal(jax.random.key(1), (2, 9, 7, 1))
    grey, image = (vgg5(key, shape, 3, width=2) for shape in ((9, 7), (9, 7, 1)))
    jax.tree.map(np.testing.assert_array_equal, forward(grey, x[..., 0]), forward(image, x))
    assert grey[0].carry_down(x[..., 0], forward(image, x)[0]).shape == (2, 9, 7)


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda: dense_chain(jax.random.key(0), (3, 2), "tahn"), "unknown activation 'tahn'; known: gelu, hard_tanh,"),
        (lambda: dense_chain(jax.random.key(0), (3, 2), init="lecum"), "unknown init 'lecum'; known: he, lecun, orth"),
        (lambda: dense_chain(jax.random.key(0), (3, -1)), r"sizes=\(3, -1\): each must be a whole number of at least"),
        (lambda: dense_chain(jax.random.key(0), (3,)), r"sizes=\(3,\): give the inputs"),
        (lambda: mupc_chain(jax.random.key(0), (3,)), r"sizes=\(3,\): give the inputs"),
        (lambda: vgg5(jax.random.key(0), (8, 8), 3, activation="tahn"), "unknown activation 'tahn'"),
        (lambda: vgg5(jax.random.key(0), (8, 8), 3, init="lecum"), "unknown init 'lecum'"),
        (lambda: vgg5(jax.random.key(0), (8, 8), 3, width=0), "each must be a whole number of at least 1"),
        (lambda: vgg5(jax.random.key(0), (), 3), "reads images"),
        (lambda: Dense(jnp.ones((3, 2)), activation="tahn"), "unknown activation 'tahn'"),
        (lambda: Dense(jnp.ones((3, 2)), inner="tahn"), "unknown activation 'tahn'"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2)), activation="tahn"), "unknown activation 'tahn'"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2)), padding="same"), "unknown padding 'same'; known: SAME, VALID"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2)), pooling="mean"), "unknown pooling 'mean'; known: average, max"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2)), stride=0), "stride=0, pool=1: both must be at least 1"),
        (
            lambda: Dense(jnp.ones((3, 2))).predict(jnp.ones((4, 5))),
            r"weights \(3, 2\) take 3 inputs per sample, not 5",
        ),
        (lambda: Dense(jnp.ones((3, 2)), skip=True).predict(jnp.ones((4, 3))), "as many outputs as inputs"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2))).predict(jnp.ones((4, 5, 5))), r"reads images \[height, width, 1\]"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2))).predict(jnp.ones((4, 5, 5, 3))), r"not \(5, 5, 3\)"),
        (lambda: Conv(jnp.ones((3, 3, 1, 2)), image=(5, 5, 1)).predict(jnp.ones((4, 24))), r"not \(24,\)"),
    ],
)
def test_what_no_layer_can_be_is_refused_where_it_is_said(say, message):
    with pytest.raises(UsageError, match=message):
        say()
