"""The two problems of the inference benchmarks, and how fast plain descent can be made on them."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from pcl.errors import UsageError
from pcl.network.energy import Activities, Problem, activity_gradient, errors, feedforward, first_prediction
from pcl.network.equilibrium import gauss_newton
from pcl.network.layers import Dense, Network
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.streams.sources import source
from scripts.peers.work import BATCH, SIZES, TOLERANCE

RATES, MOMENTA, MOST = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5), (0.3, 0.4, 0.5, 0.6), 150


def _network(seed: int) -> Network:
    rng, layers = np.random.default_rng(seed), []
    for d, h in itertools.pairwise(SIZES):
        layers.append(Dense(jnp.asarray(rng.normal(size=(d, h)) / np.sqrt(d), jnp.float32), activation="tanh"))
    return (*layers[:-1], dataclasses.replace(layers[-1], activation="identity"))


def random_problem() -> Problem:
    """Fresh weights of variance 1/inputs, normal inputs, random labels."""
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(BATCH, SIZES[0])), jnp.float32)
    return Problem(_network(0), x, jax.nn.one_hot(rng.integers(0, SIZES[-1], BATCH), SIZES[-1]))


def trained_problem(steps: int = 300, lr: float = 1e-3) -> Problem:
    """Digits, each pixel three wide, after `steps` steps of predictive coding with Adam."""
    digits = source("digits")
    images = np.kron(digits.scale * digits.x_train.reshape(-1, 8, 8), np.ones((3, 3)))
    x = jnp.asarray(np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, SIZES[0]), jnp.float32)
    y = jax.nn.one_hot(digits.y_train, SIZES[-1])
    network, optimiser = _network(0), optax.adam(lr)

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
        network, memory = carry
        chosen = jax.random.choice(key, len(x), (BATCH,), replace=False)
        problem = Problem(network, x[chosen], y[chosen])
        settled = gauss_newton(problem, feedforward(problem), 3)
        direction = hebbian_update(problem, settled.z, settled.errors, jnp.full(BATCH, 1 / BATCH))
        return learn(network, memory, direction, optimiser, (1.0,) * len(network)), None

    start = (network, init_optimiser(network, optimiser))
    (network, _), _ = jax.lax.scan(step, start, jax.random.split(jax.random.key(0), steps))
    return Problem(network, x[:BATCH], y[:BATCH])


def _size(problem: Problem, z: Activities, first: Array | None = None) -> Array:
    """Norm of the activity gradient over the whole batch."""
    gradient = activity_gradient(problem, z, errors(problem, z, first))
    return jnp.sqrt(sum(jnp.sum(g**2) for g in gradient))


@jax.jit
def residual(problem: Problem, z: Activities) -> Array:
    """Norm of the activity gradient over the whole batch, relative to that of the feed-forward pass."""
    return _size(problem, z) / _size(problem, feedforward(problem))


@jax.jit
def _residuals(problem: Problem, rate: Array, momentum: Array) -> Array:
    """The residual after each step of gradient descent with momentum."""
    z, first, optimiser = feedforward(problem), first_prediction(problem), optax.sgd(rate, momentum)

    def step(carry: tuple, _: None) -> tuple[tuple, Array]:
        z, memory = carry
        gradient = activity_gradient(problem, z, errors(problem, z, first))
        updates, memory = optimiser.update(gradient, memory)
        return (optax.apply_updates(z, updates), memory), jnp.sqrt(sum(jnp.sum(g**2) for g in gradient))

    size = jax.lax.scan(step, (z, optimiser.init(z)), None, MOST)[1]
    return size / size[0]


def descent_plans(problem: Problem) -> dict[str, tuple[float, float, int]]:
    """Rate, momentum and number of steps that reach the tolerance soonest, without and with momentum.

    Raises:
      UsageError: nothing on the grid reaches it.
    """
    found = {}
    for name, momenta in (("gradient descent", (0.0,)), ("momentum", MOMENTA)):
        tried = []
        for rate, momentum in itertools.product(RATES, momenta):
            there = np.flatnonzero(np.asarray(_residuals(problem, rate, momentum)) <= TOLERANCE)
            if len(there):
                tried.append((int(there[0]), rate, momentum))
        if not tried:
            raise UsageError(f"{MOST} steps of {name} do not reach a residual of {TOLERANCE}")
        steps, rate, momentum = min(tried)
        found[name] = (rate, momentum, steps)
    return found


def gauss_newton_steps(problem: Problem) -> int:
    """The fewest Gauss-Newton steps that reach the tolerance.

    Raises:
      UsageError: twenty do not.
    """
    for steps in range(1, 21):
        if residual(problem, gauss_newton(problem, feedforward(problem), steps).z) <= TOLERANCE:
            return steps
    raise UsageError(f"20 Gauss-Newton steps do not reach a residual of {TOLERANCE}")
