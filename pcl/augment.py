"""Augmentation of images as they arrive or are recalled: flips and crops, drawn first and applied on the device.

A flip mirrors an image from left to right with probability 1/2. A crop moves it by up to `PAD` pixels along each axis,
over a border of zeros, which is the mean of standardised pixels. Held-out images stay as they are.
Source: He et al. (2016), arXiv:1512.03385, section 4.2, on CIFAR.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.errors import UsageError

KINDS = ("none", "flip", "crop", "flip_crop")
PAD = 4  # pixels on each side


class Views(NamedTuple):
    """For each image: whether it is flipped, and the first row and column of the crop of the padded image."""

    flipped: Bool[Array, "..."]
    corner: Int[Array, "... 2"]


def views(key: PRNGKeyArray, kind: str, shape: tuple[int, ...]) -> Views | None:
    """Random views of `shape[0]` images; None: images stay as they are."""
    if kind == "none":
        return None
    flip_key, crop_key = jax.random.split(key)
    flipped = jax.random.bernoulli(flip_key, 0.5, shape) if "flip" in kind else jnp.zeros(shape, bool)
    still = jnp.full((*shape, 2), PAD)
    return Views(flipped, jax.random.randint(crop_key, still.shape, 0, 2 * PAD + 1) if "crop" in kind else still)


def viewed(x: Float[Array, "B ..."], seen: Views | None) -> Float[Array, "B ..."]:
    """Images [B, rows, columns] or [B, rows, columns, channels] under their views."""
    if seen is None:
        return x

    def one(x: Array, flipped: Array, corner: Array) -> Array:
        x = jnp.where(flipped, x[:, ::-1], x)
        padded = jnp.pad(x, [(PAD, PAD), (PAD, PAD), *[(0, 0)] * (x.ndim - 2)])
        return jax.lax.dynamic_slice(padded, [*corner, *[0] * (x.ndim - 2)], x.shape)

    return jax.vmap(one)(x, *seen)


def check(kind: str, shape: tuple[int, ...], source: str, setting: str = "augment") -> None:
    """Refuses augmentation, which `setting` asks for, of inputs that are no images.

    Raises:
      UsageError: inputs have fewer than two axes, or more than three.
    """
    if kind != "none" and len(shape) not in (2, 3):
        raise UsageError(
            f"{setting}={kind}: inputs of {source} are {shape}, not images [rows, columns]; set {setting}=none"
        )
