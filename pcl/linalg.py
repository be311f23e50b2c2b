"""Factorisations and solves of one matrix, which are not batched on CPUs.

On CPUs a batched factorisation hands parts of its batch to the threads that it occupies itself: where every core is a
device, this is a deadlock. There `vmap` of these functions goes through its batch in turn (`lax.map`); on accelerators
it makes batched ones. Nothing else in `pcl` may call a factorisation or a solve of JAX (`tests/test_architecture.py`).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray


def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of matrices and vectors, mapped in turn by `vmap` on CPUs."""
    in_turn = jax.custom_batching.sequential_vmap(function)

    @functools.wraps(function)
    def of_one(*operands: Array) -> Any:
        assert all(x.ndim <= 2 for x in operands), "one matrix at a time; `jax.vmap` for several"
        return (in_turn if jax.default_backend() == "cpu" else function)(*operands)

    return of_one


@_one
def cholesky(a: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """Lower factor L of a positive definite A = L L^T; not a number where A is not positive definite."""
    return jnp.linalg.cholesky(a)


@_one
def triangular_solve(lower: Float[Array, "N N"], b: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """X = L^-1 b, for a lower triangular L."""
    return jax.scipy.linalg.solve_triangular(lower, b, lower=True)


@_one
def cholesky_solve(lower: Float[Array, "N N"], b: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """X = (L L^T)^-1 b, for a Cholesky factor L."""
    return jax.scipy.linalg.cho_solve((lower, True), b)


@_one
def solve(a: Float[Array, "N N"], b: Float[Array, "N ..."]) -> Float[Array, "N ..."]:
    """A^-1 b, by Gaussian elimination with pivots; b is a vector or a matrix."""
    return jnp.linalg.solve(a, b)


@_one
def inverse(a: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """A^-1, by Gaussian elimination with pivots."""
    return jnp.linalg.inv(a)


@_one
def qr(a: Float[Array, "N K"]) -> tuple[Float[Array, "N M"], Float[Array, "M K"]]:
    """Q and R of A = Q R; M is the smaller of N and K."""
    q, r = jnp.linalg.qr(a)
    return q, r


@_one
def whole_basis(a: Float[Array, "N K"]) -> Float[Array, "N N"]:
    """An orthonormal basis of all N dimensions whose first K columns span the columns of A."""
    return jnp.linalg.qr(a, mode="complete")[0]


@_one
def eigh(a: Float[Array, "N N"]) -> tuple[Float[Array, " N"], Float[Array, "N N"]]:
    """Eigenvalues of a symmetric matrix, smallest first, and its eigenvectors as columns."""
    values, vectors = jnp.linalg.eigh(a)
    return values, vectors


@_one
def eigenvalues(a: Float[Array, "N N"]) -> Float[Array, " N"]:
    """Eigenvalues of a symmetric matrix, smallest first."""
    return jnp.linalg.eigvalsh(a)


def orthonormal(key: PRNGKeyArray, rows: int, columns: int) -> Float[Array, "N K"]:
    """A uniformly drawn matrix with orthonormal columns (rows, if these are fewer), the same on every machine."""
    q, r = qr(jax.random.normal(key, (max(rows, columns), min(rows, columns))))
    q = q * jnp.sign(jnp.diagonal(r))
    return q if rows >= columns else q.T
