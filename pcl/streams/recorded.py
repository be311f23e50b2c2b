"""Recorded streams: a source in time order, run once in the order of its file.

Nothing is held out, because a sample from the middle of a time series is predictable from its neighbours: a record
has no probes, and prequential accuracy is the measure (Gama, Sebastiao and Rodrigues (2013),
doi:10.1007/s10994-012-5320-9). The key draws nothing here; runs differ by their learners' states.

Features have units of their own. Each is standardised by the mean and standard deviation of its own values up to
and including the step, so that no value looks ahead; a feature that has never changed is 0. The first change of
one that was constant for n samples is therefore an outlier of sqrt(n) deviations.

A sample that is not finite is left out of these moments, and learners skip and count it.
"""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.inputs import Moments, exact, feature_moments, first_finite, standardise
from pcl.streams.sources import SOURCES, Source
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class Recorded:
    """Settings of a recorded stream; all are static."""

    source: str = static("electricity", "data set that the samples come from", choices=SOURCES)
    batch: int = static(1, "samples per step", low=1)
    train_samples: int = static(0, "number of training samples that arrive (0: all)", low=0)

    LATER: ClassVar[tuple[str, ...]] = ("train_samples",)


class Step(NamedTuple):
    """The rows of one step."""

    sample: Int[Array, " B"]  # index into the samples
    valid: Bool[Array, " B"]
    moments: Moments  # of each feature, over all samples up to and including this step


def make(config: Recorded, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; without held-out samples `probe_on` makes no difference.

    Raises:
      UsageError: the source has fewer samples than `train_samples`.
    """
    n = config.train_samples or len(source.y_train)
    if n > len(source.y_train):
        raise UsageError(f"train_samples={n}: {config.source} has {len(source.y_train)}; name at most as many")
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
    x = exact(source.x_train[:n], first_finite(source.x_train))
    return stream, {"x": jnp.asarray(x), "y": jnp.asarray(source.y_train[:n])}


ENTRY = StreamEntry(make=make, config=Recorded(), summary="a source in time order, once", tasks=False)
