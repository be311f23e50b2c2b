"""Noisy labels: every training sample of a source once, in random order, a share of them with a random label."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from pcl.fields import static
from pcl.streams.sources import SOURCES, Source, samples
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class Settings:
    """Settings of the stream; all are static."""

    source: str = static("digits", "data set that the samples come from", choices=SOURCES)
    noise: float = static(0.2, "share of samples that arrive with a random label", low=0, high=1)
    batch: int = static(10, "samples per step", low=1)


class Step(NamedTuple):
    """What arrives at one step."""

    sample: Array  # index into the samples [B]
    y: Array  # their labels, some replaced [B]


def make(config: Settings, source: Source, probe_on: str) -> tuple[Stream, dict[str, Array]]:
    """The stream and its device arrays."""
    found = samples(source, probe_on)  # found.probe_x is held out: from the test, or from the training samples
    steps, classes = len(found.y) // config.batch, source.num_classes

    def schedule(key: Array, data: dict[str, Array]) -> Schedule:
        order, replaced, drawn = jax.random.split(key, 3)
        sample = jax.random.permutation(order, len(data["y"]))[: steps * config.batch]
        random = jax.random.randint(drawn, sample.shape, 0, classes)
        y = jnp.where(jax.random.bernoulli(replaced, config.noise, sample.shape), random, data["y"][sample])
        one = jnp.zeros(1, jnp.int32)  # one group of probes, one task, which begins at step 0
        rows = (steps, config.batch)
        return Schedule(None, Step(sample.reshape(rows), y.reshape(rows)), Layout(one, one, one))

    def batch_of(x: Array, y: Array) -> Batch:
        true = jnp.ones(len(y), bool)
        return Batch(x * jnp.float32(source.scale), y, true, true, jnp.zeros(len(y), jnp.int32))

    def observe(world: None, step: Step, data: dict[str, Array]) -> Batch:
        return batch_of(data["x"][step.sample], step.y)

    def probe(world: None, step: Step, data: dict[str, Array], size: int | None) -> tuple[Batch, Array]:
        batch = batch_of(data["probe_x"][:size], data["probe_y"][:size])
        return batch, jnp.zeros(len(batch.y), jnp.int32)

    spec = Spec(found.x.shape[1:], classes)
    stream = Stream(spec, steps, (steps,), 1 / classes, schedule, observe, probe)
    return stream, {name: jnp.asarray(getattr(found, name)) for name in ("x", "y", "probe_x", "probe_y")}


ENTRY = StreamEntry(make, Settings(), "a shuffled source with noisy labels")
