"""Conjugate synapses in natural form: sums over samples, and the posterior of the weights from them.

    xx = sum phi phi^T,   xy = sum phi y^T,   yy = sum y y^T,   n = number of samples
    Lambda = ridge I + xx,   W = Lambda^-1 xy,   Psi = Psi_0 + yy - W^T xy,   nu = nu_0 + n

Their sum over two data sets gives the posterior of the union, so that layers merge exactly. A solve costs D^3 / 3
multiplications and additions each, a sample D^2, without the rounding of a covariance that is updated. For wide codes
samples wait as rows (`Gathering`) until there are enough to be added and solved for together. Waiting rows are not in
the weights yet, and there is no covariance of the weights.
Source: Tschantz et al. (2025), arXiv:2503.24016.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl import linalg
from pcl.errors import UsageError
from pcl.loops import when
from pcl.synapses import horizon
from pcl.synapses.synapse import Noise, Synapses


class Statistics(NamedTuple):
    """Sums over the samples of a layer, without a prior."""

    xx: Float[Array, "D D"]  # presynaptic x presynaptic
    xy: Float[Array, "D C"]  # presynaptic x postsynaptic
    yy: Float[Array, "C C"]
    n: Float[Array, ""]


def statistics(phi_BD: Float[Array, "B D"], y_BC: Float[Array, "B C"], rows: ArrayLike) -> Statistics:
    """Statistics of a batch with `rows` samples; its other rows are zero in `phi` and `y`."""
    return Statistics(phi_BD.T @ phi_BD, phi_BD.T @ y_BC, y_BC.T @ y_BC, jnp.asarray(rows, phi_BD.dtype))


def merged(*parts: Statistics) -> Statistics:
    """Statistics of the union of the samples of all parts."""
    return jax.tree.map(lambda *leaves: sum(leaves[1:], leaves[0]), *parts)


def weights(seen: Statistics, ridge: ArrayLike) -> Float[Array, "D C"]:
    """The posterior mean W alone, by a Cholesky factor."""
    return ridge_weights(seen.xx, seen.xy, ridge)


def ridge_weights(xx: Float[Array, "D D"], xy: Float[Array, "D C"], ridge: ArrayLike) -> Float[Array, "D C"]:
    """(ridge I + xx)^-1 xy: the weights of ridge regression, and the posterior mean."""
    return linalg.cholesky_solve(_factor(xx, ridge), xy)


def posterior(seen: Statistics, ridge: ArrayLike, prior: Noise) -> tuple[Synapses, Noise]:
    """Synapses with a full covariance (one block), and their noise, as learning one by one would give them."""
    factor = _factor(seen.xx, ridge)
    w = linalg.cholesky_solve(factor, seen.xy)
    p = linalg.cholesky_solve(factor, jnp.eye(len(w), dtype=w.dtype))
    psi = prior.psi + seen.yy - w.T @ seen.xy
    return Synapses(w, _symmetric(p)[None]), Noise(prior.nu + seen.n, _symmetric(psi))


def recovered(synapses: Synapses, noise: Noise, ridge: ArrayLike, prior: Noise) -> Statistics:
    """The sums behind a full posterior: `posterior` backwards."""
    (p,) = synapses.p
    lam = _symmetric(linalg.inverse(p))
    xy = lam @ synapses.w
    yy = noise.psi - prior.psi + synapses.w.T @ xy
    return Statistics(lam - ridge * jnp.eye(len(p), dtype=p.dtype), xy, yy, noise.nu - prior.nu)


class Gathering(NamedTuple):
    """Sums, the weights by these sums, and the rows that are not in them yet."""

    w: Float[Array, "D C"]
    xx: Float[Array, "D D"]
    xy: Float[Array, "D C"]
    phi: Float[Array, "R D"]
    y: Float[Array, "R C"]
    waiting: Int[Array, ""]


def nothing_gathered(inputs: int, outputs: int, rows: int) -> Gathering:
    """Zero weights, and room for `rows` rows."""
    zeros = jnp.zeros
    none_DC = zeros((inputs, outputs))
    started = zeros((), jnp.int32)
    return Gathering(none_DC, zeros((inputs, inputs)), none_DC, zeros((rows, inputs)), zeros((rows, outputs)), started)


def gather(
    held: Gathering,
    phi_BD: Float[Array, "B D"],
    y_BC: Float[Array, "B C"],
    teaches_B: Bool[Array, " B"],
    solve: Callable[[Float[Array, "D D"], Float[Array, "D C"]], Float[Array, "D C"]],
) -> Gathering:
    """The rows of a batch that teach join those that wait; once there is no room for another batch, all are learned.

    The weights are then `solve(xx, xy)` of all rows so far, as `ridge_weights` is, up to the number of samples at which
    sums fade (`pcl.synapses.horizon`). The last entry of each row is 1.

    Raises:
      UsageError: a batch is larger than the room for rows.
    """
    (batch, _), room = phi_BD.shape, len(held.phi)
    if batch > room:
        raise UsageError(f"block={room}: must hold at least one batch, here of {batch} samples")

    def consolidate(held: Gathering) -> Gathering:
        kept = horizon.left(held.xx[-1, -1])  # the constant of a code counts its samples
        xx, xy = kept * held.xx + held.phi.T @ held.phi, kept * held.xy + held.phi.T @ held.y
        return Gathering(solve(xx, xy), xx, xy, *jax.tree.map(jnp.zeros_like, (held.phi, held.y, held.waiting)))

    # Rows that do not teach come last, as zeros, and are overwritten by the next batch.
    order = jnp.argsort(~teaches_B, stable=True)
    phi_BD, y_BC = (jnp.where(teaches_B[:, None], rows, 0.0)[order] for rows in (phi_BD, y_BC))
    held = held._replace(
        phi=jax.lax.dynamic_update_slice_in_dim(held.phi, phi_BD, held.waiting, 0),
        y=jax.lax.dynamic_update_slice_in_dim(held.y, y_BC, held.waiting, 0),
        waiting=held.waiting + teaches_B.sum(dtype=held.waiting.dtype),
    )
    return when(held.waiting + batch > room, consolidate, held)


def gather_flops(inputs: int, outputs: int, rows: int) -> float:
    """Floating-point operations of a sample in `gather`: its output, its products, and its share of a solve."""
    return 2 * inputs**2 + 4 * inputs * outputs + (inputs**3 / 3 + 2 * inputs**2 * outputs) / rows


def _factor(xx: Float[Array, "D D"], ridge: ArrayLike) -> Float[Array, "D D"]:
    """Lower Cholesky factor of ridge I + xx, jittered by the rounding of each entry of its diagonal.

    The error of a factor is relative to the diagonal, entry by entry (Higham, Accuracy and stability of numerical
    algorithms, section 10.1). One jitter for all, by the largest entry, would be that of the constant, whose sum is
    the number of samples, and outweigh the ridge of a wide code.
    """
    eps = jnp.finfo(xx.dtype).eps
    lam = _symmetric(xx) + jnp.diag(ridge + 4 * eps * jnp.diagonal(xx))
    return linalg.cholesky(lam)


def _symmetric(square: Float[Array, "D D"]) -> Float[Array, "D D"]:
    return 0.5 * (square + square.T)
