"""Random networks of every layer kind, and problems with clamped ends on them."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from pcl.network.energy import Problem
from pcl.network.layers import Conv, Dense, forward

INPUTS = {
    "dense": (3,),
    "no_bias": (3,),
    "single": (3,),
    "mupc": (3,),
    "skip": (3,),
    "norm": (3,),
    "max": (5, 4, 2),
    "average": (5, 4, 2),
}
INPUTS |= {"stride": (6, 5, 2), "valid": (5, 5, 1)}
KINDS = tuple(INPUTS)
# Two sides that are sums of at most a few hundred float64 products of numbers near 1.
EXACT = {"rtol": 1e-9, "atol": 1e-10}


def network(kind, activation="tanh", seed=0):
    """Layers of one kind with weights and biases near 1, in the default float type."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape))

    if kind == "dense":
        return (
            Dense(draw(3, 4), draw(4), activation),
            Dense(draw(4, 3), draw(3), activation),
            Dense(draw(3, 2), draw(2)),
        )
    if kind == "no_bias":
        return Dense(draw(3, 4), activation=activation), Dense(draw(4, 2))
    if kind == "single":
        return (Dense(draw(3, 2), draw(2)),)
    if kind == "mupc":
        middle = Dense(draw(4, 4), draw(4), inner=activation, scale=0.5, skip=True)
        return Dense(draw(3, 4), scale=0.6), middle, Dense(draw(4, 2), inner=activation, scale=0.25)
    if kind == "norm":
        middle = Dense(draw(4, 4), draw(4), activation, scale=0.7, norm=True)
        return Dense(draw(3, 4), draw(4), activation, norm=True), middle, Dense(draw(4, 2), draw(2))
    if kind == "skip":
        middle = Dense(draw(4, 4), draw(4), activation, skip=True)
        return Dense(draw(3, 4), draw(4), activation), middle, Dense(draw(4, 2), draw(2))
    options = {
        "max": {"pool": 2},
        "average": {"pool": 2, "pooling": "average"},
        "stride": {"stride": 2},
        "valid": {"padding": "VALID"},
    }[kind]
    channels = INPUTS[kind][-1]
    lower = Conv(draw(3, 3, channels, 2), draw(2), activation, **options)
    upper = Conv(draw(2, 2, 2, 3), None, activation)
    features = math.prod(shapes((lower, upper), INPUTS[kind])[-1])
    return lower, upper, Dense(draw(features, 2) / 2, draw(2))


def shapes(layers, input_shape):
    """The shape of each layer's activity, without the samples."""
    return [a.shape[1:] for a in jax.eval_shape(forward, layers, jnp.zeros((1, *input_shape)))]


def problem(kind, activation="tanh", output="gaussian", precision="identity", seed=0, batch=3, free_bottom=False):
    """A problem on such a network, and random free activities for it."""
    layers, rng = network(kind, activation, seed), np.random.default_rng([seed, 1])
    bottom = jnp.asarray(rng.normal(size=(batch, *INPUTS[kind])))
    z = tuple(jnp.asarray(rng.normal(size=(batch, *shape))) for shape in shapes(layers, INPUTS[kind]))
    top = {
        "gaussian": z[-1],
        "categorical": jnp.asarray(np.eye(2)[rng.integers(0, 2, batch)]),
        "bernoulli": jnp.asarray(rng.integers(0, 2, (batch, 2)).astype(float)),
    }[output]
    made = Problem(layers, bottom, top, output=output)
    if precision != "identity":
        gains = [gain(precision, a.shape[1:], rng) for a in z]
        made = dataclasses.replace(made, precision=(*gains[:-1], gains[-1] if output == "gaussian" else None))
    if free_bottom:
        return dataclasses.replace(made, bottom=None, prior=0.7), (bottom, *z[:-1])
    return made, z[:-1]


def gain(precision, shape, rng):
    """A positive definite precision; images have diagonal ones only."""
    if precision == "full" and len(shape) == 1:
        half = rng.normal(size=(*shape, *shape))
        return jnp.asarray(half @ half.T + np.eye(*shape))
    return jnp.asarray(rng.uniform(0.5, 2.0, shape))


def assert_close(got, want, **tolerance):
    """Two pytrees agree leaf by leaf, within rounding unless `tolerance` says otherwise."""
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **(tolerance or EXACT)), got, want)
