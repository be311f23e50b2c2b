"""Error of float32 synapses relative to the float64 solution of all rows that they have learned."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pcl.synapses import synapse
from pcl.synapses.covariance import covariance
from pcl.synapses.synapse import Synapses

PIECE = 2_000_000  # numbers drawn at a time


def rounding(updates: int, inputs: int = 50, batch: int = 1) -> dict[str, float]:
    """Relative errors after `updates` updates of `batch` samples: of the weights, of P and of leverages."""
    rng = np.random.default_rng(0)
    # The strongest direction of a code is its mean.
    scale = np.logspace(0, -2, inputs)
    w = rng.normal(size=(inputs, 2))
    form = covariance("full", inputs, 0)

    @jax.jit
    def live(synapses: Synapses, rows: tuple[Array, Array]) -> Synapses:
        def step(synapses: Synapses, rows: tuple[Array, Array]) -> tuple[Synapses, None]:
            return synapse.learn(form, synapses, *rows, jnp.ones(batch, bool))[0], None

        return jax.lax.scan(step, synapses, rows)[0]

    with jax.enable_x64(False):
        synapses = Synapses(jnp.zeros((inputs, 2)), form.init(inputs, 1.0))
    xx, xy = np.eye(inputs), np.zeros((inputs, 2))
    for part in np.array_split(np.arange(updates), -(-updates * inputs * batch // PIECE)):
        phi = (rng.normal(size=(len(part), batch, inputs)) * scale).astype(np.float32)
        y = (phi @ w + 0.1 * rng.normal(size=(len(part), batch, 2))).astype(np.float32)
        flat, target = phi.reshape(-1, inputs).astype(float), y.reshape(-1, 2).astype(float)
        xx, xy = xx + flat.T @ flat, xy + flat.T @ target
        with jax.enable_x64(False):
            synapses = live(synapses, (jnp.asarray(phi), jnp.asarray(y)))
    exact = np.linalg.inv(xx)
    carried = np.asarray(synapses.p[0], float)
    fresh = rng.normal(size=(1000, inputs)) * scale

    def error(got: np.ndarray, want: np.ndarray) -> float:
        return float(np.abs(got - want).max() / np.abs(want).max())

    return {
        "weights": error(np.asarray(synapses.w), exact @ xy),
        "covariance": error(carried, exact),
        "leverage": error(np.sum(fresh @ carried * fresh, axis=1), np.sum(fresh @ exact * fresh, axis=1)),
    }
