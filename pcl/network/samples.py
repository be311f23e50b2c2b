"""Activities of a batch per sample: norms, flattening into one row, and selection of samples."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Shaped

Activities = tuple[Array, ...]  # the free activities, lowest first, each [B, ...]


def units(x: Float[Array, "B ..."]) -> tuple[int, ...]:
    """All axes of `x` except the first, that of the samples."""
    return tuple(range(1, x.ndim))


def norm(z: Activities, size: int) -> Float[Array, " B"]:
    """Euclidean norm of the activities of each of `size` samples; zero where there are none."""
    total_B = jnp.zeros(size)
    for z_l in z:
        total_B += jnp.sum(z_l.reshape(size, -1) ** 2, 1)
    return jnp.sqrt(total_B)


def flat(z: Sequence[Float[Array, "B ..."]]) -> Float[Array, "B N"]:
    """The activities of each sample, at least one layer of them, as one row."""
    return jnp.concatenate([z_l.reshape(z_l.shape[0], -1) for z_l in z], 1)


def unflat(rows: Float[Array, "B N"], like: Activities) -> Activities:
    """Rows of `flat` as activities of the shapes of `like`."""
    parts, start = [], 0
    for z_l in like:
        size = z_l[0].size
        parts.append(rows[:, start : start + size].reshape(z_l.shape))
        start += size
    return tuple(parts)


def dot(a: Float[Array, "B N"], b: Float[Array, "B N"]) -> Float[Array, " B"]:
    """The inner product of each sample's rows."""
    return jnp.sum(a * b, 1)


def per_sample(x_B: Shaped[Array, " B"], like: Shaped[Array, "B ..."]) -> Shaped[Array, "B ..."]:
    """`x_B` shaped to multiply or select the samples of `like`."""
    return x_B.reshape(-1, *(1,) * (like.ndim - 1))


def where(chosen_B: Bool[Array, " B"], new: Any, old: Any) -> Any:
    """`new` for chosen samples and `old` for others, in every array that leads with the samples; else `new`."""

    def choose(new: Array, old: Array) -> Array:
        if new.ndim == 0 or new.shape[0] != chosen_B.shape[0]:
            return new
        return jnp.where(per_sample(chosen_B, new), new, old)

    return jax.tree.map(choose, new, old)
