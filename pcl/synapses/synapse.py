"""Conjugate synapses: the exact posterior over the weights of a linear layer, learned by Hebbian sums.

A layer predicts y = W^T phi + noise, noise ~ N(0, Sigma), from a code phi[D]; W is matrix-normal with mean w[D, C] and
covariance P (x) Sigma, a Kronecker product: P[D, D] is in units of the noise. Learning a batch Phi[B, D], Y[B, C] is

    S = I + Phi P Phi^T = L L^T,   V = L^-1 Phi P,   R = L^-1 (Y - Phi w)
    w <- w + V^T R,    P <- P - V^T V,    nu <- nu + B,    Psi <- Psi + R^T R

the rank-B Woodbury form of Lambda <- Lambda + Phi^T Phi, Lambda w <- Lambda w + Phi^T Y (Lambda = P^-1), in which
the batch's own inputs decorrelate its prediction errors. The posterior is a function of sums over samples: neither
their order nor batches matter, two posteriors merge by adding their sums (`pcl.synapses.statistics`), and the mean is
ridge regression on all samples so far. On a code that does not change this is recursive least squares, as used in
class-incremental learning: ACIL, arXiv:2205.14922; RanPAC, arXiv:2307.02251; RanDumb, arXiv:2402.08823.

With a full covariance the only forgetting is process noise, P <- P + q I, with q inferred from errors that are larger
than P explains; cheaper forms of P also forget by approximation (`pcl.synapses.covariance`). Float32 rounding after a
million updates is measured by `scripts.bench.rounding`.

Locality: V and R are at the two ends of a synapse; P phi is the steady state of lateral inhibition among the
inputs, and P changes anti-Hebbianly. Sources: Tschantz et al. (2025), Bayesian predictive coding, arXiv:2503.24016;
Kalman (1960), doi:10.1115/1.3662552; process noise as in Jazwinski (1969), doi:10.1016/0005-1098(69)90109-5.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from pcl import linalg
from pcl.synapses import horizon


class Covariance(NamedTuple):
    """One form of P, exact or approximate, as four functions of its representation `p` (`pcl.synapses.covariance`).

    init:    (D, ridge) -> p             P = I / ridge
    project: (p, phi[B, D]) -> [B, D]    P phi for each row
    shrink:  (p, v[B, D]) -> p           P - V^T V, brought back to the form; rows of zeros change nothing
    widen:   (p, q) -> p                 P + q I
    """

    init: Callable[[int, ArrayLike], Any]
    project: Callable[[Any, Float[Array, "B D"]], Float[Array, "B D"]]
    shrink: Callable[[Any, Float[Array, "B D"]], Any]
    widen: Callable[[Any, ArrayLike], Any]


class Synapses(NamedTuple):
    """Posterior over the weights of one layer: their mean, and their covariance in units of the noise."""

    w: Float[Array, "D C"]
    p: Any  # in the form of a `Covariance`


class Innovation(NamedTuple):
    """Outputs and errors of a batch; rows that do not teach have errors of 0, but an output and a leverage."""

    output: Float[Array, "B C"]  # W^T phi, before learning
    leverage: Float[Array, " B"]  # phi^T P phi, before learning
    error: Float[Array, "B C"]  # y - W^T phi
    whitened: Float[Array, "B C"]  # L^-1 error: rows independent, each with the covariance of the noise


class Noise(NamedTuple):
    """Inverse-Wishart posterior over the covariance of the noise."""

    nu: Float[Array, ""]
    psi: Float[Array, "C C"]


def decorrelator(phi_BD: Float[Array, "B D"], projected_BD: Float[Array, "B D"]) -> Float[Array, "B B"]:
    """L^-1 with L L^T = I + Phi P Phi^T, given Phi and Phi P.

    The jitter is the size of rounding: without it the factorisation fails if inputs are so large that the noise is lost
    to rounding. If it fails all the same the result is 0, and the batch teaches nothing.
    """
    s_BB = phi_BD @ projected_BD.T
    s_BB = 0.5 * (s_BB + s_BB.T)
    batch = len(phi_BD)
    jitter = 4 * batch * jnp.finfo(s_BB.dtype).eps * jnp.max(jnp.diagonal(s_BB))
    factor = linalg.cholesky(s_BB + (1 + jitter) * jnp.eye(batch, dtype=s_BB.dtype))
    # The small inverse: XLA's triangular solve on CPU takes far longer for D right-hand sides than a product does.
    inverse_BB = linalg.triangular_solve(factor, jnp.eye(batch, dtype=s_BB.dtype))
    return jnp.where(jnp.isfinite(inverse_BB).all(), inverse_BB, 0.0)


def learn(
    form: Covariance,
    synapses: Synapses,
    phi_BD: Float[Array, "B D"],
    y_BC: Float[Array, "B C"],
    teaches_B: Bool[Array, " B"],
) -> tuple[Synapses, Innovation]:
    """The posterior after the rows of a batch that teach."""
    teaches_B1 = teaches_B[:, None]
    projected_BD = form.project(synapses.p, phi_BD)
    taught_BD, spread_BD = jnp.where(teaches_B1, phi_BD, 0.0), jnp.where(teaches_B1, projected_BD, 0.0)
    inverse_BB = decorrelator(taught_BD, spread_BD)
    v_BD = inverse_BB @ spread_BD
    output_BC = phi_BD @ synapses.w
    error_BC = jnp.where(teaches_B1, y_BC - output_BC, 0.0)
    whitened_BC = inverse_BB @ error_BC
    learned = Synapses(synapses.w + v_BD.T @ whitened_BC, form.shrink(synapses.p, v_BD))
    return learned, Innovation(output_BC, _leverage(phi_BD, projected_BD), error_BC, whitened_BC)


def leverage(form: Covariance, synapses: Synapses, phi_BD: Float[Array, "B D"]) -> Float[Array, " B"]:
    """phi^T P phi: variance of each prediction that is due to the weights, in units of the noise."""
    return _leverage(phi_BD, form.project(synapses.p, phi_BD))


def information_gain(leverage_B: Float[Array, " B"]) -> Float[Array, " B"]:
    """Information gain about the weights from the target of each row, in nats an output: 1/2 log(1 + phi^T P phi).

    Mutual information of a linear-Gaussian model: MacKay (1992), doi:10.1162/neco.1992.4.4.590.
    """
    return 0.5 * jnp.log1p(leverage_B)


def noise_prior(outputs: int, variance: ArrayLike) -> Noise:
    """A weak prior: the expected noise is `variance` in each output, without correlation."""
    return Noise(jnp.full((), outputs + 2.0), jnp.asarray(variance) * jnp.eye(outputs))


def learn_noise(noise: Noise, whitened_BC: Float[Array, "B C"], rows: ArrayLike) -> Noise:
    """The noise after the decorrelated errors of a batch, of which `rows` teach and the others are zero.

    Beyond a million samples older ones fade (`horizon.left`).
    """
    left = horizon.left(jnp.where(jnp.asarray(rows) > 0, noise.nu, 0.0))
    return Noise(left * noise.nu + rows, left * noise.psi + whitened_BC.T @ whitened_BC)


def noise_covariance(noise: Noise) -> Float[Array, "C C"]:
    """Expected covariance of the noise; times 1 + leverage, the covariance of the (Student t) prediction."""
    return noise.psi / (noise.nu - len(noise.psi) - 1)


def drift(
    phi_BD: Float[Array, "B D"], innovation: Innovation, variance_C: Float[Array, " C"], teaches_B: Bool[Array, " B"]
) -> Float[Array, ""]:
    """The q that explains the errors of the rows that teach: sum e^2 / noise = sum 1 + v + q |phi|^2.

    Jazwinski's estimate, averaged over rows and outputs. Below 0 where errors are smaller than P explains; on
    stationary data the mean of many is near 0. 0 for a batch that does not teach.
    """
    square = jnp.sum(innovation.error**2 / variance_C) / innovation.error.shape[1]
    excess = square - teaches_B @ (1 + innovation.leverage)
    return excess / jnp.maximum(teaches_B @ jnp.sum(phi_BD**2, axis=1), jnp.finfo(phi_BD.dtype).tiny)


def _leverage(phi_BD: Float[Array, "B D"], projected_BD: Float[Array, "B D"]) -> Float[Array, " B"]:
    """A variance: at least 0, whatever the rounding of large inputs."""
    return jnp.maximum(jnp.sum(phi_BD * projected_BD, axis=1), 0.0)
