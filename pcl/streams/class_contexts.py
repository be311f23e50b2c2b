"""Class-incremental contexts: each context shows a few classes at a time; then contexts return with all classes.

Each context in turn stays until it has shown all its classes, in groups of `classes_per_task` whose order is drawn from
the key and is the same in all contexts. Then follow `revisits` visits with a mix of all classes, each to a context
drawn uniformly among those other than the current one. So surprise may be due to a new class or to a new context, and
the first samples of a context show only some of its classes. Contexts and probes are as in `pcl.streams.contexts`.

The samples of a group of classes are drawn again in each context, in random order and without replacement until all
came; so are the samples of a later visit.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import static
from pcl.streams.contexts import Arrivals, check_transform, in_contexts, visit_contexts
from pcl.streams.inputs import standardised_by
from pcl.streams.labels import LABELLING
from pcl.streams.sources import SOURCES, Source
from pcl.streams.transforms import TRANSFORMS
from pcl.types import Stream, StreamEntry


@struct.dataclass
class ClassContexts:
    """Settings of a stream of class-incremental contexts; all are static."""

    source: str = static("digits", "data set that the samples come from", choices=SOURCES)
    transform: str = static("permutation", "transformation that differs between contexts", choices=tuple(TRANSFORMS))
    contexts: int = static(3, "number of contexts", low=1)
    classes_per_task: int = static(2, "classes per task", low=1)
    samples_per_task: int = static(100, "samples of each group of classes, per context", low=1)
    revisits: int = static(12, "number of visits to known contexts, each with all classes", low=0)
    revisit_dwell: int = static(60, "samples of each visit to a known context", low=1)
    labelled: float = static(1.0, "share of the samples that are labelled", low=0, high=1)
    labelling: str = static(
        "random", "which samples are labelled: random ones, or those that the learner requests", choices=LABELLING
    )
    batch: int = static(10, "samples per step", low=1)
    train_samples: int = static(0, "number of training samples that arrive (0: all)", low=0)
    moments: str = standardised_by()

    LATER: ClassVar[tuple[str, ...]] = ("train_samples", "moments")


def make(config: ClassContexts, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; `probe_on` names the held-out split that probes look at.

    Raises:
      UsageError: settings contradict each other or do not fit the source.
    """
    contexts, classes, batch = config.contexts, source.num_classes, config.batch
    check_transform(config.transform, contexts, source.x_train.shape[1:])
    if classes % config.classes_per_task:
        raise UsageError(
            f"classes_per_task={config.classes_per_task}: must divide the {classes} classes of {config.source}"
        )
    groups = classes // config.classes_per_task
    first = np.tile(_rows(config.samples_per_task, batch), (contexts * groups, 1, 1))
    later = np.tile(_rows(config.revisit_dwell, batch), (config.revisits, 1, 1))
    valid = np.concatenate([block.reshape(-1, batch) for block in (first, later)])
    first_steps, later_steps = first.shape[1], later.shape[1]
    start = np.append(
        np.arange(contexts) * groups * first_steps,
        contexts * groups * first_steps + np.arange(config.revisits) * later_steps,
    )

    def arrivals(keys: Sequence[PRNGKeyArray], y: Int[Array, " N"]) -> Arrivals:
        visit_key, class_key, first_key, later_key = keys
        visit_context = visit_contexts(visit_key, contexts, contexts + config.revisits)
        group = jax.random.permutation(class_key, classes) // config.classes_per_task
        shown = jnp.tile(group[y] == jnp.arange(groups)[:, None], (contexts, 1))
        blocks = [
            _drawn(first_key, shown, first_steps * batch),
            _drawn(later_key, jnp.ones((config.revisits, len(y)), bool), later_steps * batch),
        ]
        sample = jnp.concatenate([block.reshape(-1, batch) for block in blocks])
        visit = np.searchsorted(start, np.arange(len(valid)), side="right") - 1
        context = jnp.broadcast_to(visit_context[visit][:, None], valid.shape)
        return Arrivals(sample, context, jnp.asarray(start), visit_context)

    return in_contexts(config, source, probe_on, valid, arrivals, ())


def _rows(samples: int, batch: int) -> np.ndarray:
    """Which rows of a block hold a sample [steps, B]."""
    steps = -(-samples // batch)
    return (np.arange(steps * batch) < samples).reshape(steps, batch)


def _drawn(key: PRNGKeyArray, shown: Bool[Array, "blocks N"], rows: int) -> Int[Array, "blocks rows"]:
    """Samples of each block: all of its samples in random order, repeated if there are too few."""

    def of_block(args: tuple[PRNGKeyArray, Bool[Array, " N"]]) -> Int[Array, " rows"]:
        key, shown = args
        order = jnp.argsort(jnp.where(shown, jax.random.uniform(key, shown.shape), 2.0))
        return order[jnp.arange(rows) % jnp.maximum(shown.sum(), 1)]

    return jax.lax.map(of_block, (jax.random.split(key, len(shown)), shown))


ENTRY = StreamEntry(
    make=make, config=ClassContexts(), summary="contexts that come a few classes at a time, then return", contexts=True
)
