"""Forms of the covariance of synapses: exact in full, or smaller approximations.

    full        P[D, D]                        exact
    block       P of each K inputs in turn     exact where inputs of different blocks are never active together
    diagonal    block of one input             one uncertainty a synapse
    low_rank    I / ridge - U U^T, U[D, R]     exact up to R independent inputs; then the R directions most reduced
    isotropic   I / ridge, constant            no memory of the past: normalised least mean squares

`deferred` is P in full, of one of several layers, with its last steps stored beside it: no sample writes all of P.

Approximate forms project P onto the form after every batch, so that they depend on the order. All treat the present
batch exactly. Diagonal posteriors as in Bayesian gradient descent, Zeno et al., arXiv:1803.10123, and MESU,
arXiv:2504.13569.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from pcl import linalg
from pcl.errors import UsageError
from pcl.synapses.synapse import Covariance

PIECE = 128  # rows of P that are read at once
FORMS = ("full", "block", "diagonal", "low_rank", "isotropic")


def covariance(form: str, inputs: int, size: int) -> Covariance:
    """The form called `form` for D `inputs`; `size` is that of a block, or the rank.

    Raises:
      UsageError: there is none.
    """
    if form not in FORMS:
        raise UsageError(f"covariance={form}: has no covariance; one of {', '.join(FORMS[:-1])} is needed here")
    if form == "low_rank":
        return low_rank(min(size, inputs))
    if form == "isotropic":
        return isotropic()
    return blocks({"full": inputs, "block": min(size, inputs), "diagonal": 1}[form])


def synapse_flops(form: str, inputs: int, size: int, outputs: int, batch: int) -> int:
    """Floating-point operations of a sample in `pcl.synapses.synapse.learn`, in matrix products.

    P phi and the change of P, then S, V and R, which a batch shares, the output and the change of the weights.
    """
    size = min(size, inputs)
    rank = size + batch
    of_p = {
        "full": 4 * inputs**2,
        "block": 4 * inputs * size,
        "diagonal": 4 * inputs,
        "low_rank": inputs * (4 * size + 4 * rank**2 // batch),  # Gram matrix and turn, once a batch
        "isotropic": inputs,
    }
    return of_p[form] + 4 * inputs * batch + 2 * batch * outputs + 4 * inputs * outputs


def blocks(size: int) -> Covariance:
    """P[G, K, K]: neighbours in blocks of K = `size`; the last is filled up with inputs that are never active."""

    def split(rows_BD: Float[Array, "B D"]) -> Float[Array, "G B K"]:
        padded = jnp.pad(rows_BD, ((0, 0), (0, -rows_BD.shape[1] % size)))
        return padded.reshape(len(rows_BD), -1, size).swapaxes(0, 1)

    def init(inputs: int, ridge: ArrayLike) -> Float[Array, "G K K"]:
        return jnp.tile(jnp.eye(size) / ridge, (-(-inputs // size), 1, 1))

    def project(p: Float[Array, "G K K"], phi_BD: Float[Array, "B D"]) -> Float[Array, "B D"]:
        parts_BGK = jnp.einsum("gkj,gbj->gbk", p, split(phi_BD)).swapaxes(0, 1)
        return parts_BGK.reshape(len(phi_BD), -1)[:, : phi_BD.shape[1]]

    def shrink(p: Float[Array, "G K K"], v_BD: Float[Array, "B D"]) -> Float[Array, "G K K"]:
        parts = split(v_BD)
        return p - jnp.einsum("gbk,gbj->gkj", parts, parts)

    def widen(p: Float[Array, "G K K"], q: ArrayLike) -> Float[Array, "G K K"]:
        return p + q * jnp.eye(size)

    return Covariance(init, project, shrink, widen)


class LowRank(NamedTuple):
    """P = scale I - U U^T."""

    scale: Float[Array, ""]
    u: Float[Array, "D R"]


def low_rank(rank: int) -> Covariance:
    """The `rank` directions in which the covariance shrank most."""

    def init(inputs: int, ridge: ArrayLike) -> LowRank:
        return LowRank(1 / jnp.asarray(ridge, float), jnp.zeros((inputs, rank)))

    def project(p: LowRank, phi_BD: Float[Array, "B D"]) -> Float[Array, "B D"]:
        return p.scale * phi_BD - (phi_BD @ p.u) @ p.u.T

    def shrink(p: LowRank, v_BD: Float[Array, "B D"]) -> LowRank:
        both = jnp.concatenate([p.u, v_BD.T], axis=1)
        # The Gram matrix is small, and its eigenvectors turn `both` into orthogonal directions, smallest first.
        _, turn = linalg.eigh(both.T @ both)
        kept = both @ turn[:, -rank:]
        return LowRank(p.scale, jnp.where(jnp.any(v_BD != 0), kept, p.u))

    def widen(p: LowRank, q: ArrayLike) -> LowRank:
        return LowRank(p.scale + q, p.u)

    return Covariance(init, project, shrink, widen)


def isotropic() -> Covariance:
    """P = scale I, constant; the step is the implicit (proximal) one on the present batch."""
    return Covariance(
        init=lambda inputs, ridge: 1 / jnp.asarray(ridge, float),
        project=lambda p, phi_BD: p * phi_BD,
        shrink=lambda p, v_BD: p,
        widen=lambda p, q: p + q,
    )


class Deferred(NamedTuple):
    """P = base - steps^T steps of each of S layers; places of `steps` from `waiting` on are 0."""

    base: Float[Array, "S D D"]
    steps: Float[Array, "S R D"]
    waiting: Int[Array, " S"]

    def variance(self, layer: Int[Array, ""]) -> Float[Array, ""]:
        """Mean of the diagonal of P."""
        index = jnp.arange(self.base.shape[1])
        return jnp.mean(self.base[layer, index, index] - jnp.sum(self.steps[layer] ** 2, axis=0))


def deferred(layer: Int[Array, ""], steps: int = 8) -> Covariance:
    """P of one `layer` (`init` makes one alone, without its axis), taken in after every `steps` rows that teach.

    Each row that teaches reads P once and stores one step beside it. Writing P at every row would double the time at a
    thousand inputs. Rows of P are read in pieces that stay in a cache.
    """

    def init(inputs: int, ridge: ArrayLike) -> Deferred:
        return Deferred(jnp.eye(inputs) / ridge, jnp.zeros((steps, inputs)), jnp.zeros((), int))

    def project(p: Deferred, phi_BD: Float[Array, "B D"]) -> Float[Array, "B D"]:
        inputs = phi_BD.shape[1]
        rows = max(n for n in range(1, min(inputs, PIECE) + 1) if inputs % n == 0)
        rows = rows if rows >= PIECE // 4 else inputs

        def piece(i: Int[Array, ""]) -> Float[Array, "K B"]:
            return jax.lax.dynamic_slice(p.base, (layer, i * rows, 0), (1, rows, inputs))[0] @ phi_BD.T

        based_BD = jax.lax.map(piece, jnp.arange(inputs // rows)).reshape(inputs, -1).T
        return based_BD - (phi_BD @ p.steps[layer].T) @ p.steps[layer]

    def shrink(p: Deferred, v_BD: Float[Array, "B D"]) -> Deferred:
        for v_D in v_BD:
            waiting = p.waiting[layer] + jnp.any(v_D != 0)
            p = p._replace(steps=p.steps.at[layer, p.waiting[layer]].add(v_D), waiting=p.waiting.at[layer].set(waiting))
            # A loop of one turn or none, which changes `base` in place.
            p = jax.lax.fori_loop(0, waiting // steps, lambda _, p: taken(p), p)
        return p

    def taken(p: Deferred) -> Deferred:
        return Deferred(
            base=p.base.at[layer].add(-p.steps[layer].T @ p.steps[layer]),
            steps=p.steps.at[layer].set(0.0),
            waiting=p.waiting.at[layer].set(0),
        )

    def widen(p: Deferred, q: ArrayLike) -> Deferred:
        index = jnp.arange(p.base.shape[1])
        return p._replace(base=p.base.at[layer, index, index].add(q))

    return Covariance(init, project, shrink, widen)
