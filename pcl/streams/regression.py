"""Slowly changing regression: a real function of many bits, some of which rarely change.

The target is the output of a fixed random network of threshold units. Of its input bits, `slow` ones are constant
until one of them, drawn anew each time, flips; `fast` ones are drawn for every sample, and one is always on. A
learner smaller than that network can only fit the function of the fast bits given the present slow ones, and must
track its changes. No source: all is drawn from the key.

Source: Dohare, Sutton and Mahmood (2021), Continual backprop, arXiv:2108.06325, section 3: 15 slow bits of 20, one
flip in 10,000 samples, 100 threshold units whose thresholds lie where 70 % of the bits would bring them, weights of
-1 or 1. Here targets are divided by their standard deviation over all bits, so that a score is the share of variance
explained.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry

HELD_OUT, SCALED_ON = 1000, 4096  # samples of probes; samples for the mean and deviation of targets
BETA = 0.7  # position of thresholds between the least and the largest sum of bits


@struct.dataclass
class Regression:
    """Settings of a slowly changing regression; all are static."""

    samples: int = static(100_000, "length of the stream, in samples", low=1)
    slow: int = static(15, "number of slow bits, which seldom flip", low=1)
    fast: int = static(5, "number of fast bits, which are drawn for every sample", low=1)
    units: int = static(100, "hidden threshold units of the network that gives the targets", low=1)
    flip_every: int = static(10_000, "samples from one flip of a slow bit to the next", low=1)
    noise: float = static(0.0, "standard deviation of the noise on the targets, relative to that of the targets", low=0)
    batch: int = static(10, "samples per step", low=1)


class World(NamedTuple):
    """The function, and the slow bits after each flip."""

    w: Float[Array, "D units"]
    threshold: Float[Array, " units"]
    v: Float[Array, " units"]
    mean: Float[Array, ""]
    std: Float[Array, ""]
    slow: Float[Array, "V slow"]
    held_out: Float[Array, "N fast"]


class Step(NamedTuple):
    """The variables of one step, drawn in advance."""

    key: PRNGKeyArray
    flips: Int[Array, ""]


def make(config: Regression, source: None, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream; it has no arrays. `probe_on` makes no difference: held-out samples are generated and never arrive.

    A probe has held-out fast bits and targets of the present function, without noise. A visit lies between two flips.

    Raises:
      UsageError: samples or flips do not fill whole steps.
    """
    if config.samples % config.batch or config.flip_every % config.batch:
        raise UsageError(
            f"samples={config.samples}, flip_every={config.flip_every}: must be multiples of batch={config.batch}"
        )
    steps = config.samples // config.batch
    per_visit = config.flip_every // config.batch
    visits = -(-steps // per_visit)
    n_bits = config.slow + config.fast + 1

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        world_key, step_key = jax.random.split(key)
        step = Step(jax.random.split(step_key, steps), jnp.arange(steps) // per_visit)
        layout = Layout(
            group_task=jnp.zeros(1, jnp.int32),
            visit_start=jnp.arange(visits) * per_visit,
            visit_task=jnp.arange(visits),
        )
        return Schedule(_world(world_key, config, n_bits, visits), step, layout)

    def batch(world: World, flips: Array, fast: Float[Array, "B fast"], noise: Array | float) -> Batch:
        slow = jnp.broadcast_to(world.slow[flips], (len(fast), config.slow))
        bits = jnp.concatenate([slow, fast, jnp.ones((len(fast), 1))], axis=1)
        y = (_function(world, bits) - world.mean) / world.std
        true = jnp.ones(len(fast), bool)
        # Bits are shown as -1 and 1: their mean and deviation over all inputs are 0 and 1.
        return Batch(2 * bits - 1, (y + noise)[:, None], true, true, jnp.full(len(fast), flips))

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        bit_key, noise_key = jax.random.split(step.key)
        fast = jax.random.bernoulli(bit_key, 0.5, (config.batch, config.fast)).astype(jnp.float32)
        return batch(world, step.flips, fast, config.noise * jax.random.normal(noise_key, (config.batch,)))

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        rows = batch(world, step.flips, world.held_out[:size], 0.0)
        return rows, jnp.zeros(len(rows.x), jnp.int32)

    stream = Stream(
        spec=Spec((n_bits,), 0, 1),
        steps=steps,
        task_ends=(),
        chance=0.0,
        schedule=schedule,
        observe=observe,
        probe=probe,
    )
    return stream, {}


def _world(key: PRNGKeyArray, config: Regression, n_bits: int, visits: int) -> World:
    w_key, v_key, slow_key, flip_key, scale_key, probe_key = jax.random.split(key, 6)
    w = jax.random.rademacher(w_key, (n_bits, config.units), jnp.float32)
    v = jax.random.rademacher(v_key, (config.units,), jnp.float32)
    negative = (w < 0).sum(0)
    first = jax.random.bernoulli(slow_key, 0.5, (config.slow,))
    flipped = jax.nn.one_hot(jax.random.randint(flip_key, (visits - 1,), 0, config.slow), config.slow, dtype=jnp.int32)
    odd = jnp.cumsum(jnp.pad(flipped, ((1, 0), (0, 0))), axis=0) % 2  # integers: float32 stops counting at 2^24
    held_out = jax.random.bernoulli(probe_key, 0.5, (HELD_OUT, config.fast)).astype(jnp.float32)
    zero, one = jnp.zeros(()), jnp.ones(())
    world = World(w, BETA * n_bits - negative, v, zero, one, (first ^ (odd > 0)).astype(jnp.float32), held_out)
    of_any_bits = jax.random.bernoulli(scale_key, 0.5, (SCALED_ON, n_bits)).astype(jnp.float32).at[:, -1].set(1.0)
    y = _function(world, of_any_bits)
    return world._replace(mean=y.mean(), std=jnp.maximum(y.std(), 1e-3))


def _function(world: World, bits: Float[Array, "N D"]) -> Float[Array, " N"]:
    return (bits @ world.w > world.threshold).astype(jnp.float32) @ world.v


ENTRY = StreamEntry(
    make=make, config=Regression(), summary="slowly changing regression: a real function of bits, no source"
)
