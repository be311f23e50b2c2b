"""Synthetic concepts that drift: distributions from which samples can be drawn at any time.

  sea         three uniform features, of which the third is irrelevant; label 1 if the first two sum to at most a
              threshold, which jumps from 8 to 9, 7 and 9.5 on features of 0 .. 10, a quarter of the stream each.
              Street and Kim (2001), A streaming ensemble algorithm (SEA) for large-scale classification,
              doi:10.1145/502512.502568
  hyperplane  ten uniform features; label 1 on one side of a hyperplane through their centre, which rotates.
              After Hulten, Spencer and Domingos (2001), doi:10.1145/502512.502529. There weights move in steps
              whose signs now and then reverse; here the normal turns in one random plane at one rate, so that
              a speed means the same drift at every time and for every key.
  rbf         fifty centroids with labels, weights and widths, each wandering through the unit cube of ten
              dimensions along a straight line and back from its walls; a sample lies at a random distance from
              one of them, in a random direction. The generator RandomRBFDrift of MOA with its default sizes:
              Bifet, Holmes, Kirkby and Pfahringer (2010), MOA: Massive online analysis, JMLR 11, 1601-1604.

Inputs are given in standard deviations from the mean of their distribution, which does not drift (for rbf: of the
distribution over all keys).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl import linalg

THRESHOLDS = (8.0, 9.0, 7.0, 9.5)
DIMENSIONS, CENTROIDS = 10, 50
UNIFORM_STD = 1 / math.sqrt(12)  # of a uniform number in 0 .. 1
# Of a feature of an rbf sample: a uniform centre, and an offset of mean square width^2 = 1/3 over all dimensions.
RBF_STD = math.sqrt(1 / 12 + 1 / (3 * DIMENSIONS))


class Concept(NamedTuple):
    """A drifting distribution as three functions, so that the same draws can be shown under the concept of another
    time.

    world: (key) -> the constants of the stream
    draw:  (key, world, n) -> the random numbers of n samples; every leaf has a leading axis of n
    view:  (world, draws, part, moved) -> inputs [n, features] and labels [n], in one of the `parts` of the stream
           and where the concept has drifted by a distance or angle `moved`
    """

    features: int
    parts: int  # of equal length, with a jump between them
    world: Callable[[PRNGKeyArray], Any]
    draw: Callable[[PRNGKeyArray, Any, int], Any]
    view: Callable[[Any, Any, Array, Array], tuple[Float[Array, "n features"], Int[Array, " n"]]]


class Centroids(NamedTuple):
    """K centroids of an rbf stream."""

    start: Float[Array, "K D"]
    direction: Float[Array, "K D"]  # unit vectors
    width: Float[Array, " K"]
    weight: Float[Array, " K"]
    label: Int[Array, " K"]


def centres(world: Centroids, moved: Array) -> Float[Array, "K D"]:
    """Positions of the centroids: each coordinate moves at constant speed and is reflected at 0 and 1."""
    return 1 - jnp.abs(1 - (world.start + moved * world.direction) % 2)


def normal(world: Float[Array, "2 D"], moved: Array) -> Float[Array, " D"]:
    """The unit normal of the hyperplane after a turn by `moved` radians, from two orthonormal vectors."""
    return jnp.cos(moved) * world[0] + jnp.sin(moved) * world[1]


def _unit(x: Float[Array, "... D"]) -> Float[Array, "... D"]:
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def _uniform(features: int) -> Callable[[PRNGKeyArray, Any, int], Array]:
    def draw(key: PRNGKeyArray, world: Any, n: int) -> Float[Array, "n features"]:
        return jax.random.uniform(key, (n, features))

    return draw


def _sea(world: None, u: Float[Array, "n 3"], part: Array, moved: Array) -> tuple[Array, Array]:
    label = 10 * (u[:, 0] + u[:, 1]) <= jnp.asarray(THRESHOLDS)[part]
    return (u - 0.5) / UNIFORM_STD, label.astype(jnp.int32)


def _hyperplane(world: Float[Array, "2 D"], u: Float[Array, "n D"], part: Array, moved: Array) -> tuple[Array, Array]:
    x = (u - 0.5) / UNIFORM_STD
    return x, (x @ normal(world, moved) > 0).astype(jnp.int32)


def _rbf_world(key: PRNGKeyArray) -> Centroids:
    start, direction, width, weight, label = jax.random.split(key, 5)
    shape = (CENTROIDS, DIMENSIONS)
    return Centroids(
        start=jax.random.uniform(start, shape),
        direction=_unit(jax.random.normal(direction, shape)),
        width=jax.random.uniform(width, (CENTROIDS,)),
        weight=jax.random.uniform(weight, (CENTROIDS,)),
        label=jax.random.randint(label, (CENTROIDS,), 0, 2),
    )


def _rbf_draw(key: PRNGKeyArray, world: Centroids, n: int) -> tuple[Int[Array, " n"], Float[Array, "n D"]]:
    which, direction, distance = jax.random.split(key, 3)
    centroid = jax.random.categorical(which, jnp.log(world.weight), shape=(n,))
    length = world.width[centroid] * jax.random.normal(distance, (n,))
    return centroid, length[:, None] * _unit(jax.random.normal(direction, (n, DIMENSIONS)))


def _rbf(world: Centroids, draws: tuple[Array, Array], part: Array, moved: Array) -> tuple[Array, Array]:
    centroid, offset = draws
    return (centres(world, moved)[centroid] + offset - 0.5) / RBF_STD, world.label[centroid]


CONCEPTS = {
    "sea": Concept(3, len(THRESHOLDS), lambda key: None, _uniform(3), _sea),
    "hyperplane": Concept(
        DIMENSIONS,
        1,
        lambda key: linalg.qr(jax.random.normal(key, (DIMENSIONS, 2)))[0].T,
        _uniform(DIMENSIONS),
        _hyperplane,
    ),
    "rbf": Concept(DIMENSIONS, 1, _rbf_world, _rbf_draw, _rbf),
}
