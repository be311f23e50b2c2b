"""Sequences: the target of each observation is the next observation.

  dynamics   drawn from the key: a hidden state of `hidden` dimensions follows z' = r Q z + sqrt(1 - r^2) noise
             with an orthogonal Q, and its first `observed` dimensions are observed. Q differs between `contexts`,
             which come back unannounced; every state and observation has unit variance in all of them, so that
             contexts differ in their transitions alone. The best prediction from all observations explains more
             variance than the best from the last observation: memory helps.
  a recorded source   the rows of a file in time order, standardised as `recorded` does it.

With `batch` B rows arrive at a step: B sequences in parallel (of a file, its B consecutive parts), each row the next of
its own sequence. Nothing is held out; prequential scores, the share of variance explained, are the measure.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl import linalg
from pcl.errors import UsageError
from pcl.fields import Idles, static
from pcl.registry import Names
from pcl.streams.contexts import visit_contexts
from pcl.streams.inputs import Moments, exact, feature_moments, first_finite, standardise
from pcl.streams.sources import SOURCES, Source
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry

FADE = 0.98  # r of the dynamics


@struct.dataclass
class Sequence:
    """Settings of a sequence stream; all are static. All but `source` and `batch` are those of `dynamics`."""

    IDLE: ClassVar[Idles] = {
        name: {"source": SOURCES} for name in ("observed", "hidden", "contexts", "visits", "visit_steps")
    }
    source: str = static("dynamics", "data set that the samples come from", choices=Names("dynamics", registry=SOURCES))
    observed: int = static(4, "observed dimensions of the state", low=1)
    hidden: int = static(8, "dimensions of the hidden state", low=1)
    contexts: int = static(3, "number of contexts", low=1)
    visits: int = static(9, "number of visits; the first ones show each context once", low=1)
    visit_steps: int = static(1000, "steps per visit", low=1)
    batch: int = static(1, "samples per step", low=1)


class World(NamedTuple):
    """Observations of all steps and of one step after them, as they arrive."""

    x: Float[Array, "steps+1 B D"]
    valid: Bool[Array, "steps B"]
    context: Int[Array, " steps"]
    moments: Moments | None  # of every feature up to and including each step, where it is not known


class Step(NamedTuple):
    """The number of the step."""

    number: Int[Array, ""]


def make(config: Sequence, source: Source | None, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; without held-out samples `probe_on` makes no difference.

    Raises:
      UsageError: `observed` exceeds `hidden`, visits are fewer than contexts, or a file is too short.
    """
    _check(config, source)
    steps = config.visits * config.visit_steps if source is None else -(-(len(source.x_train) - 1) // config.batch)
    features = config.observed if source is None else source.x_train[0].size

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        if source is None:
            visit_key, law_key, state_key = jax.random.split(key, 3)
            visited = visit_contexts(visit_key, config.contexts, config.visits)
            start = jnp.arange(config.visits) * config.visit_steps
            context = jnp.repeat(visited, config.visit_steps)
            x = _dynamics(law_key, state_key, config, context)
            world = World(x, jnp.ones((steps, config.batch), bool), context, None)
        else:
            visited = start = jnp.zeros(1, jnp.int32)
            row = jnp.arange(steps + 1)[:, None] + steps * jnp.arange(config.batch)
            last = len(source.x_train) - 1
            x = (data["x"] * jnp.float32(source.scale)).reshape(-1, features)[jnp.minimum(row, last)]
            moments = feature_moments(x[:-1], row[:-1] < last)
            world = World(x, row[:-1] < last, jnp.zeros(steps, jnp.int32), moments)
        layout = Layout(jnp.zeros(0, jnp.int32), start, visited)
        return Schedule(world, Step(jnp.arange(steps)), layout)

    def observe(world: World, step: Step, data: dict[str, Any]) -> Batch:
        here = jax.lax.dynamic_slice_in_dim(world.x, step.number, 2)
        if world.moments is not None:
            here = standardise(here, 1.0, jax.tree.map(lambda leaf: leaf[step.number], world.moments))
        valid = world.valid[step.number]
        task = jnp.broadcast_to(world.context[step.number], valid.shape)
        return Batch(here[0], here[1], jnp.ones_like(valid), valid, task)

    stream = Stream(
        spec=Spec((features,), 0, features),
        steps=steps,
        task_ends=(),
        chance=0.0,
        schedule=schedule,
        observe=observe,
        probe=None,
    )
    return stream, {} if source is None else {"x": jnp.asarray(exact(source.x_train, first_finite(source.x_train)))}


def _check(config: Sequence, source: Source | None) -> None:
    if source is not None:
        if len(source.x_train) <= config.batch:
            raise UsageError(f"batch={config.batch}: {config.source} has only {len(source.x_train)} rows; lower batch")
    elif config.observed > config.hidden:
        raise UsageError(
            f"observed={config.observed}: must be at most hidden={config.hidden}; lower it or raise hidden"
        )
    elif config.visits < config.contexts:
        raise UsageError(
            f"visits={config.visits}: every context is visited, so give at least contexts={config.contexts}"
        )


def _dynamics(
    law_key: PRNGKeyArray, state_key: PRNGKeyArray, config: Sequence, context: Int[Array, " steps"]
) -> Float[Array, "steps+1 B D"]:
    """The observed part of the hidden state before each step, and after the last."""
    first_key, noise_key = jax.random.split(state_key)
    law = jax.vmap(linalg.qr)(jax.random.normal(law_key, (config.contexts, config.hidden, config.hidden)))[0]
    first = jax.random.normal(first_key, (config.batch, config.hidden))

    def turn(z: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        at, key = inputs
        noise = jax.random.normal(key, z.shape)
        z = FADE * z @ law[at].T + jnp.sqrt(1 - FADE**2) * noise
        return z, z[:, : config.observed]

    later = jax.lax.scan(turn, first, (context, jax.random.split(noise_key, len(context))))[1]
    return jnp.concatenate([first[None, :, : config.observed], later])


ENTRY = StreamEntry(
    make=make,
    config=Sequence(),
    summary="prediction of the next observation: recurring linear dynamics, or a file",
    contexts=True,
)
