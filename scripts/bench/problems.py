"""The two problems of the inference benchmarks, and the best rates of plain descent on them."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.amortise import recognition_update
from pcl.network.energy import Activities, Problem, activity_gradient, errors, feedforward, first_prediction
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers, Settled
from pcl.network.layers import Dense, Network
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.network.rules import RULES
from pcl.streams.sources import source

from .peers.work import BATCH, SIZES, TOLERANCE

RATES, MOMENTA, MOST = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5), (0.3, 0.4, 0.5, 0.6), 150

Samples = tuple[Float[Array, "N D"], Float[Array, "N C"]]


def gauss_newton(problem: Problem, steps: int, halt: Halt | None = None) -> Settled:
    """Where Gauss-Newton steps lead from the feed-forward pass."""
    return RULES["gauss_newton"].settle(problem, feedforward(problem), Budget(steps, halt), Numbers(1.0))


def _network(seed: int) -> Network:
    rng, layers = np.random.default_rng(seed), []
    for d, h in itertools.pairwise(SIZES):
        layers.append(Dense(jnp.asarray(rng.normal(size=(d, h)) / np.sqrt(d), jnp.float32), activation="tanh"))
    return (*layers[:-1], dataclasses.replace(layers[-1], activation="identity"))


def random_problem() -> tuple[Problem, Samples]:
    """Fresh weights of variance 1/inputs, normal inputs, random labels; and other samples of the same kind."""
    rng, other = np.random.default_rng(1), np.random.default_rng(2)

    def samples(rng: np.random.Generator, size: int) -> Samples:
        x = jnp.asarray(rng.normal(size=(size, SIZES[0])), jnp.float32)
        return x, jax.nn.one_hot(rng.integers(0, SIZES[-1], size), SIZES[-1])

    return Problem(_network(0), *samples(rng, BATCH)), samples(other, 20 * BATCH)


def trained_problem(steps: int = 300, lr: float = 1e-3) -> tuple[Problem, Samples]:
    """Digits, each pixel three wide, after `steps` steps of predictive coding with Adam; and the digits not in it."""
    digits = source("digits")
    images = np.kron(digits.scale * digits.x_train.reshape(-1, 8, 8), np.ones((3, 3)))
    x = jnp.asarray(np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, SIZES[0]), jnp.float32)
    y = jax.nn.one_hot(digits.y_train, SIZES[-1])
    network, optimiser = _network(0), optax.adam(lr)

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
        network, memory = carry
        chosen = jax.random.choice(key, len(x), (BATCH,), replace=False)
        problem = Problem(network, x[chosen], y[chosen])
        settled = gauss_newton(problem, 3)
        direction = hebbian_update(problem, settled.z, settled.errors, jnp.full(BATCH, 1 / BATCH))
        return learn(network, memory, direction, optimiser, (1.0,) * len(network)), None

    start = (network, init_optimiser(network, optimiser))
    (network, _), _ = jax.lax.scan(step, start, jax.random.split(jax.random.key(0), steps))
    return Problem(network, x[:BATCH], y[:BATCH]), (x[BATCH:], y[BATCH:])


def recognition(problem: Problem, samples: Samples, steps: int = 300, lr: float = 1e-3) -> Network:
    """A recognition chain (`pcl.network.amortise`) learned by Adam from where `samples` settle on the network."""
    sizes = SIZES[:0:-1]
    chain = tuple(Dense(jnp.zeros((d, h))) for d, h in itertools.pairwise(sizes))
    x, y = samples
    optimiser = optax.adam(lr)

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
        chain, memory = carry
        chosen = jax.random.choice(key, len(x), (BATCH,), replace=False)
        seen = Problem(problem.network, x[chosen], y[chosen])
        z = gauss_newton(seen, 3).z
        direction = recognition_update(chain, seen.top, z, jnp.full(BATCH, 1 / BATCH))
        return learn(chain, memory, direction, optimiser, (1.0,) * len(chain)), None

    keys = jax.random.split(jax.random.key(1), steps)
    return jax.jit(lambda start: jax.lax.scan(step, start, keys)[0])((chain, init_optimiser(chain, optimiser)))[0]


def as_float64(tree: Any) -> Any:
    """Every array of a tree in double precision, where that is on."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), tree)


def equilibrium(problem: Problem, tolerance: float = 1e-10) -> Activities:
    """The activities where the gradient is `tolerance` of its first, by Newton's method in float64.

    From two hundred steps of gradient descent on; each of its linear systems is solved by conjugate gradients.

    Raises:
      UsageError: ten steps do not reach it.
    """
    with jax.enable_x64(True):

        @jax.jit
        def newton(p: Problem, z: Activities) -> Activities:
            def gradient(z: Activities) -> Activities:
                return activity_gradient(p, z, errors(p, z))

            down = jax.tree.map(jnp.negative, gradient(z))
            hessian = lambda v: jax.jvp(gradient, (z,), (v,))[1]  # noqa: E731
            return jax.tree.map(jnp.add, z, jax.scipy.sparse.linalg.cg(hessian, down, tol=1e-8, maxiter=500)[0])

        p = as_float64(problem)
        z = jax.jit(lambda p: RULES["gd"].settle(p, feedforward(p), Budget(200), Numbers(0.1)).z)(p)
        for _ in range(10):
            if residual(p, z) <= tolerance:
                return z
            z = newton(p, z)
    raise UsageError(f"ten Newton steps do not reach a residual of {tolerance}")


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
        if residual(problem, gauss_newton(problem, steps).z) <= TOLERANCE:
            return steps
    raise UsageError(f"20 Gauss-Newton steps do not reach a residual of {TOLERANCE}")
