"""Memory load: pairs of an input and a random label, in groups, to measure memory capacity and its cost.

Inputs are those of a source, or drawn from a Gaussian (`source=noise`). Labels are drawn from the key, independently
of them, so that they cannot be inferred and every bit recalled was stored. There are no held-out samples, because
recall is measured: a probe shows all pairs, those of later groups included (which are recalled by chance), and the
groups of a record are the groups of the load. Fitting random labels as a measure of capacity: Zhang et al. (2017),
arXiv:1611.03530; its metric is `pcl.evaluation.retention.absorption`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.registry import Names
from pcl.streams.inputs import Moments, exact, first_finite, pixel_moments, require_pixels, running_moments, standardise
from pcl.streams.sources import SOURCES, Source
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry

NOISE_SHAPE = (64,)  # of a Gaussian input


@struct.dataclass
class Load:
    """Settings of a load; all are static."""

    source: str = static("noise", "data set that the samples come from", choices=Names("noise", registry=SOURCES))
    groups: int = static(10, "number of groups of pairs; they come one after the other", low=1, high=100_000)
    pairs: int = static(20, "pairs in each group", low=1)
    labels: int = static(10, "number of labels", low=2)
    repeats: int = static(10, "presentations of each pair, before the next group", low=1)
    batch: int = static(10, "samples per step", low=1)


class World(NamedTuple):
    """The pairs. Pair p belongs to group p modulo the number of groups, so that the first pairs are of all groups."""

    x: Array  # [groups * pairs, ...], as the source has them
    y: Int[Array, " N"]


class Step(NamedTuple):
    """The variables of one step, drawn in advance."""

    pair: Int[Array, " B"]
    valid: Bool[Array, " B"]
    moments: Moments  # of every pixel that has arrived up to and including this step


def make(config: Load, source: Source | None, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; nothing is held out, so that `probe_on` makes no difference.

    Raises:
      UsageError: the source has fewer training samples than there are pairs, or features with units of their own.
    """
    groups, n_pairs = config.groups, config.groups * config.pairs
    require_pixels(config.source, source is not None and source.own_units)
    if source is not None and n_pairs > len(source.x_train):
        raise UsageError(
            f"groups={groups}, pairs={config.pairs}: take {n_pairs} samples and {config.source} has"
            f" {len(source.x_train)}; lower one of them"
        )
    shape, scale = (source.x_train.shape[1:], source.scale) if source else (NOISE_SHAPE, 1.0)
    steps_per_group = -(-config.pairs * config.repeats // config.batch)
    ends = [(i + 1) * steps_per_group for i in range(groups)]
    valid = np.arange(steps_per_group * config.batch) < config.pairs * config.repeats
    valid = np.tile(valid, groups).reshape(-1, config.batch)

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        input_key, label_key, order_key = jax.random.split(key, 3)
        if source is None:
            x = jax.random.normal(input_key, (n_pairs, *shape))
        else:
            x = data["x"][jax.random.permutation(input_key, len(data["x"]))[:n_pairs]]
        world = World(x, jax.random.randint(label_key, (n_pairs,), 0, config.labels))
        pair = jax.vmap(_turn, (0, 0, None, None))(
            jax.random.split(order_key, groups), jnp.arange(groups), config, valid.size // groups
        ).reshape(-1, config.batch)
        of_rows = jax.tree.map(lambda leaf: leaf[pair], pixel_moments(x, scale))
        moments = running_moments(of_rows, jnp.asarray(valid))
        layout = Layout(jnp.arange(groups), jnp.asarray([0, *ends[:-1]]), jnp.arange(groups))
        return Schedule(world, Step(pair, jnp.asarray(valid), moments), layout)

    def batch(world: World, step: Step, pair: Int[Array, " B"], valid: Bool[Array, " B"]) -> Batch:
        x = standardise(world.x[pair], scale, step.moments)
        return Batch(x, world.y[pair], jnp.ones_like(valid), valid, pair % groups)

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        return batch(world, step, step.pair, step.valid)

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        pair = jnp.arange(n_pairs)[:size]
        return batch(world, step, pair, jnp.ones(pair.shape, bool)), pair % groups

    stream = Stream(
        spec=Spec(shape, config.labels),
        steps=ends[-1],
        task_ends=tuple(ends),
        chance=1 / config.labels,
        schedule=schedule,
        observe=observe,
        probe=probe,
    )
    if source is None:
        return stream, {}
    return stream, {"x": jnp.asarray(exact(source.x_train, first_finite(source.x_train).mean()))}


def _turn(key: PRNGKeyArray, group: Int[Array, ""], config: Load, rows: int) -> Int[Array, " rows"]:
    """All pairs of a group, `repeats` times, reshuffled each time; the remaining rows are padding."""
    passes = jax.vmap(lambda key: jax.random.permutation(key, config.pairs))(jax.random.split(key, config.repeats))
    taught = passes.reshape(-1) * config.groups + group
    return jnp.pad(taught, (0, rows - len(taught)), mode="edge")


ENTRY = StreamEntry(
    make=make, config=Load(), summary="memory capacity: random labels in groups, to be recalled", recall=True
)
