"""Recorded streams: a source in time order, lived once in the order of its file.

Nothing is held out, because a sample taken from the middle of a history is known from its neighbours: a record
has no probes, and prequential accuracy is the measure (Gama, Sebastiao and Rodrigues (2013),
doi:10.1007/s10994-012-5320-9). The key draws nothing here; runs differ by their learners' states.

Features have units of their own. Each is standardised by the mean and standard deviation of its own values up to
and including the step, so that no value looks ahead; a feature that has never changed is 0. The first change of
one that was constant for n samples is therefore an outlier of sqrt(n) deviations, as it is for anyone who does
not know what comes.

A sample that is not finite teaches nothing: these moments are without it, and learners skip and count it.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.fields import static
from pcl.streams.inputs import Moments, exact, first_finite, standardise
from pcl.streams.sources import SOURCES, Source
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class Recorded:
    """Settings of a recorded stream; all are static."""

    source: str = static("electricity", "where the samples come from", choices=SOURCES)
    batch: int = static(1, "samples a step", low=1)


class Step(NamedTuple):
    """What arrives at one step."""

    sample: Int[Array, " B"]  # index into the samples
    valid: Bool[Array, " B"]
    moments: Moments  # of each feature, over all samples up to and including this step


def make(config: Recorded, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; without held-out samples `probe_on` makes no difference."""
    n = len(source.y_train)
    steps = -(-n // config.batch)

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        row = jnp.arange(steps * config.batch).reshape(steps, config.batch)
        sample, valid = jnp.minimum(row, n - 1), row < n
        moments = feature_moments(data["x"][sample] * jnp.float32(source.scale), valid)
        layout = Layout(
            group_task=jnp.zeros(0, jnp.int32), visit_start=jnp.zeros(1, jnp.int32), visit_task=jnp.zeros(1, jnp.int32)
        )
        return Schedule(None, Step(sample, valid, moments), layout)

    def observe(world: None, step: Step, data: dict[str, Any]) -> Batch:
        return Batch(
            x=standardise(data["x"][step.sample], source.scale, step.moments),
            y=data["y"][step.sample],
            labelled=jnp.ones_like(step.valid),
            valid=step.valid,
            task=jnp.zeros_like(step.sample),
        )

    stream = Stream(
        spec=Spec(source.x_train.shape[1:], source.num_classes),
        steps=steps,
        task_ends=(),
        chance=1 / source.num_classes,
        schedule=schedule,
        observe=observe,
        probe=None,
    )
    x = exact(source.x_train, first_finite(source.x_train))
    return stream, {"x": jnp.asarray(x), "y": jnp.asarray(source.y_train)}


def feature_moments(x: Float[Array, "steps B ..."], valid: Bool[Array, "steps B"]) -> Moments:
    """Mean and standard deviation of every feature over the valid samples up to and including each step.

    Sums are taken of differences from the first sample: of values that are large beside their spread (an air
    pressure) the difference of squares would lose every digit in float32. A standard deviation below a
    thousandth of the root mean square of these differences is rounding, and is raised to it.

    Samples of which a value is not finite, or its square is not, leave no trace.
    """
    rows = x.reshape(-1, *x.shape[2:])
    finite = valid & jnp.isfinite(jnp.sum(rows**2, axis=range(1, rows.ndim))).reshape(valid.shape)
    offset = rows[jnp.argmax(finite)]
    mask = finite.reshape(valid.shape + (1,) * (x.ndim - 2))
    seen = jnp.maximum(jnp.cumsum(mask.sum(1), axis=0), 1)
    difference = jnp.where(mask, x - offset, 0)
    mean = jnp.cumsum(difference.sum(1), axis=0) / seen
    square = jnp.cumsum((difference**2).sum(1), axis=0) / seen
    variance = jnp.maximum(square - mean**2, 1e-6 * square)
    return Moments(offset + mean, jnp.sqrt(jnp.where(square > 0, variance, 1)))


ENTRY = StreamEntry(make=make, config=Recorded(), summary="a source once in the order of its file")
