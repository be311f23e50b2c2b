"""A dictionary of patches: whitening from running sums, then atoms that compete to predict the patches.

For a patch p with the sums' mean m and covariance C, and atoms d_j of length 1,

    z = C^-1/2 (p - m)                      whitened: the equilibrium of decorrelating lateral inhibition
    h_j = d_j z for the j of the largest |d_j z|, 0 for all others
    n_j <- n_j + h_j^2,   d_j <- d_j + (h_j / n_j) (z - h_j d_j),   then scaled to length 1

The winner alone predicts the patch and learns from its own error, at a rate that falls with its use as 1/n: an atom
approximates the least-squares fit to all patches that it has won, and there is no rate to tune.
Sources: Olshausen and Field (1996), doi:10.1038/381607a0, with one active unit; two-sided winners as in Coates and Ng
(ICML 2011); rates as in MacQueen's k-means (1967).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg

FLOOR = 0.1  # added to each principal variance before whitening, relative to their mean


class Dictionary(NamedTuple):
    """Sums over patches, and the whitening and atoms from them."""

    number: Float[Array, ""]  # patches in the sums
    total: Float[Array, " P"]  # sum of patches
    outer: Float[Array, "P P"]  # sum of their outer products
    mean: Float[Array, " P"]
    whiten: Float[Array, "P P"]  # symmetric
    atoms: Float[Array, "K P"]  # in whitened coordinates, of length 1
    usage: Float[Array, " K"]  # n_j, summed squared activity


def init_dictionary(pixels: int, atoms: int) -> Dictionary:
    """A dictionary without patches: all its atoms are zero."""
    zeros = jnp.zeros
    square = zeros((pixels, pixels))
    return Dictionary(zeros(()), zeros(pixels), square, zeros(pixels), square, zeros((atoms, pixels)), zeros(atoms))


def add_patches(d: Dictionary, p_NP: Float[Array, "N P"], weight_N: Float[Array, " N"]) -> Dictionary:
    """The sums with patches of the given weights (a weight of 0 changes nothing)."""
    weighted_NP = weight_N[:, None] * p_NP
    return d._replace(
        number=d.number + weight_N.sum(), total=d.total + weighted_NP.sum(0), outer=d.outer + weighted_NP.T @ p_NP
    )


def imprint(key: PRNGKeyArray, d: Dictionary, p_NP: Float[Array, "N P"]) -> Dictionary:
    """Fixes the whitening by the sums and draws atoms from N >= K patches, in proportion to their squared norm."""
    mean = d.total / d.number
    variance, axes = linalg.eigh(d.outer / d.number - jnp.outer(mean, mean))
    gain = 1 / jnp.sqrt(jnp.maximum(variance, 0) + FLOOR * variance.mean() + 1e-9)
    whiten = (axes * gain) @ axes.T
    salience_N = jnp.sum(p_NP**2, axis=1) + 1e-9
    chosen = jax.random.choice(key, len(p_NP), d.usage.shape, replace=False, p=salience_N / salience_N.sum())
    z_KP = (p_NP[chosen] - mean) @ whiten
    usage = jnp.sum(z_KP**2, axis=1)
    return d._replace(mean=mean, whiten=whiten, atoms=_unit(z_KP), usage=usage)


def compete(d: Dictionary, p_NP: Float[Array, "N P"], weight_N: Float[Array, " N"]) -> Dictionary:
    """Atoms after patches of the given weights, all predicted by the atoms as they were."""
    z_NP = (p_NP - d.mean) @ d.whiten
    match_NK = z_NP @ d.atoms.T
    winner_N = jnp.abs(match_NK).argmax(1)
    h_N = jnp.take_along_axis(match_NK, winner_N[:, None], axis=1)[:, 0]
    error_NP = z_NP - h_N[:, None] * d.atoms[winner_N]
    won_NK = weight_N[:, None] * jax.nn.one_hot(winner_N, len(d.usage))
    usage = d.usage + won_NK.T @ h_N**2
    moved = d.atoms + (won_NK.T @ (h_N[:, None] * error_NP)) / jnp.maximum(usage, 1e-9)[:, None]
    return d._replace(atoms=jnp.where((usage > d.usage)[:, None], _unit(moved), d.atoms), usage=usage)


def misfit(d: Dictionary, p_NP: Float[Array, "N P"]) -> Float[Array, " N"]:
    """Squared error of whitened patches after their winners' predictions."""
    z_NP = (p_NP - d.mean) @ d.whiten
    explained_N = jnp.max((z_NP @ d.atoms.T) ** 2, axis=1)
    return jnp.maximum(jnp.sum(z_NP**2, axis=1) - explained_N, 0)


def filters(d: Dictionary) -> tuple[Float[Array, "P K"], Float[Array, " K"]]:
    """F and c such that F^T p - c are the matches d_j z of all atoms with a patch."""
    f_PK = d.whiten @ d.atoms.T
    return f_PK, d.mean @ f_PK


def _unit(a_KP: Float[Array, "K P"]) -> Float[Array, "K P"]:
    return a_KP / jnp.maximum(jnp.linalg.norm(a_KP, axis=1, keepdims=True), 1e-9)
