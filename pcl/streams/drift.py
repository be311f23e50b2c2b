"""Synthetic streams with concept drift, abrupt or gradual: unlimited samples, generated on the device.

No source: every sample is drawn from the key when it arrives, and none comes twice. Held-out samples are drawn once
from the same distribution; each probe shows them under the concept of that step and without label noise, so that it
measures accuracy on the present concept. With `sea` and `hyperplane` their inputs are constant and labels change, with
`rbf` they move with the centroids. Accuracy on earlier concepts is not measured.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.concepts import CONCEPTS
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry

HELD_OUT = 1000  # samples that probes look at


@struct.dataclass
class Drift:
    """Settings of a drifting stream; all are static."""

    concept: str = static("sea", "distribution of the samples", choices=tuple(CONCEPTS))
    samples: int = static(50_000, "length of the stream, in samples", low=1)
    label_noise: float = static(0.1, "label noise: share of the labels that are flipped", low=0, high=0.5)
    speed: float = static(
        0.001, "drift per sample: an angle (hyperplane), a distance (rbf)", low=0, idle={"concept": ("sea",)}
    )
    batch: int = static(10, "samples per step", low=1)


class World(NamedTuple):
    """The constants of the stream."""

    concept: Any
    held_out: Any  # draws of the concept


class Step(NamedTuple):
    """The variables of one step, drawn in advance."""

    key: PRNGKeyArray
    part: Int[Array, ""]
    moved: Float[Array, ""]  # by how much the concept has drifted


def make(config: Drift, source: None, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream; it has no arrays. `probe_on` makes no difference: held-out samples are generated and never arrive.

    Raises:
      UsageError: the samples do not fill whole steps.
    """
    concept, whole = CONCEPTS[config.concept], CONCEPTS[config.concept].parts * config.batch
    if config.samples % whole:
        raise UsageError(
            f"samples={config.samples}: must be a multiple of {whole}, {concept.parts} part(s) of whole batches"
        )
    steps = config.samples // config.batch

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        world_key, probe_key, step_key = jax.random.split(key, 3)
        world = concept.world(world_key)
        number = jnp.arange(steps)
        layout = Layout(
            group_task=jnp.zeros(1, jnp.int32),
            visit_start=jnp.arange(concept.parts) * (steps // concept.parts),
            visit_task=jnp.arange(concept.parts),
        )
        drifted = config.speed * config.batch * number
        step = Step(jax.random.split(step_key, steps), number // (steps // concept.parts), drifted)
        return Schedule(World(world, concept.draw(probe_key, world, HELD_OUT)), step, layout)

    def batch(world: World, step: Step, draws: Any, flipped: Array) -> Batch:
        x, y = concept.view(world.concept, draws, step.part, step.moved)
        true = jnp.ones(y.shape, bool)
        return Batch(x, jnp.where(flipped, 1 - y, y), true, true, jnp.full_like(y, step.part))

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        draw_key, noise_key = jax.random.split(step.key)
        flipped = jax.random.bernoulli(noise_key, config.label_noise, (config.batch,))
        return batch(world, step, concept.draw(draw_key, world.concept, config.batch), flipped)

    def probe(world: World, step: Step, data: dict[str, Any], size: int | None) -> tuple[Batch, Int[Array, " B"]]:
        rows = batch(world, step, jax.tree.map(lambda leaf: leaf[:size], world.held_out), jnp.asarray(False))
        return rows, jnp.zeros_like(rows.y)

    stream = Stream(
        spec=Spec((concept.features,), 2),
        steps=steps,
        task_ends=(),
        chance=0.5,
        schedule=schedule,
        observe=observe,
        probe=probe,
    )
    return stream, {}


ENTRY = StreamEntry(
    make=make,
    config=Drift(),
    summary="synthetic concept drift: SEA, rotating hyperplane or moving centroids, no source",
)
