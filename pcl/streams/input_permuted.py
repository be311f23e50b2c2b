"""Input-permuted images: a new permutation of the pixels for every visit, the first one included.

The protocol of online loss of plasticity: `dwell` samples of each permutation, one at a time, and the score is the
prequential accuracy over the whole stream. The samples of a visit come in fresh random order, without replacement until
all came. Nothing is held out, so that a record has no probes.

Pixels are standardised by constants, as published, where other streams use running moments. By default they lie
between -1 and 1, so that the dark background of MNIST is -1; networks without normalisation learn worse from it than
from the moments of MNIST (`pixel_mean=0.1307`, `pixel_std=0.3081`). An image of one visit is that of another with its
pixels permuted.

Sources: input-permuted MNIST, Elsayed and Mahmood (2024), arXiv:2404.00781 (UPGD): 1,000,000 samples, one at a time,
5,000 of each permutation, which this file's defaults are on `source=mnist` (samples and standardisation as in their
code, mohmdelsayed/upgd, core/task/input_permuted_mnist.py). Online permuted MNIST, Dohare et al. (2024),
doi:10.1038/s41586-024-07711-7: 800 visits of all 60,000 images; there pixels are between 0 and 1 (`pixel_mean=0`,
`pixel_std=1`).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from pcl.fields import static
from pcl.streams.inputs import Moments, exact, require_pixels, standardise
from pcl.streams.sources import SOURCES, Source
from pcl.streams.transforms import n_pixels
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class InputPermuted:
    """Settings of a stream of input-permuted images; all are static."""

    source: str = static("digits", "data set that the samples come from", choices=SOURCES)
    contexts: int = static(200, "number of contexts", low=1)
    dwell: int = static(5000, "samples per visit (on average, where visits vary)", low=1)
    pixel_mean: float = static(0.5, "constant subtracted from every pixel in [0, 1]")
    pixel_std: float = static(0.5, "constant by which every pixel is then divided", low=1e-6)
    batch: int = static(1, "samples per step", low=1)


class Step(NamedTuple):
    """The rows of one step."""

    sample: Int[Array, " B"]  # index into the training samples
    context: Int[Array, ""]
    valid: Bool[Array, " B"]


def make(config: InputPermuted, source: Source, probe_on: str) -> tuple[Stream, dict[str, Any]]:
    """The stream and its device arrays; without held-out samples `probe_on` makes no difference.

    Raises:
      UsageError: the features of the source have units of their own.
    """
    require_pixels(config.source, source.own_units)
    contexts, batch, shape = config.contexts, config.batch, source.x_train.shape[1:]
    per_visit = -(-config.dwell // batch)
    moments = Moments(jnp.float32(config.pixel_mean), jnp.float32(config.pixel_std))

    def schedule(key: PRNGKeyArray, data: dict[str, Any]) -> Schedule:
        map_key, sample_key = jax.random.split(key)
        world = permuted(map_key, contexts, n_pixels(shape))
        of_visit = jax.lax.map(
            lambda k: drawn(k, len(data["y"]), per_visit * batch), jax.random.split(sample_key, contexts)
        )
        visit = jnp.arange(contexts)
        valid = np.tile((np.arange(per_visit * batch) < config.dwell).reshape(per_visit, batch), (contexts, 1))
        layout = Layout(jnp.zeros(0, jnp.int32), visit_start=per_visit * visit, visit_task=visit)
        step = Step(of_visit.reshape(-1, batch), jnp.repeat(visit, per_visit), jnp.asarray(valid))
        return Schedule(world, step, layout)

    def observe(world: Int[Array, "contexts P"], step: Step, data: dict[str, Any]) -> Batch:
        x = data["x"][step.sample]
        pixels = x.reshape(batch, n_pixels(shape), -1)[:, world[step.context]]
        return Batch(
            x=standardise(pixels.reshape(x.shape), source.scale, moments),
            y=data["y"][step.sample],
            labelled=jnp.ones_like(step.valid),
            valid=step.valid,
            task=jnp.full_like(step.sample, step.context),
        )

    stream = Stream(
        spec=Spec(shape, source.num_classes),
        steps=contexts * per_visit,
        task_ends=(),
        chance=1 / source.num_classes,
        schedule=schedule,
        observe=observe,
        probe=None,
    )
    return stream, {"x": jnp.asarray(exact(source.x_train)), "y": jnp.asarray(source.y_train)}


def permuted(key: PRNGKeyArray, contexts: int, size: int) -> Int[Array, "contexts size"]:
    """One random permutation of `size` entries per context, including context 0."""
    return jax.vmap(lambda key: jax.random.permutation(key, size))(jax.random.split(key, contexts))


def drawn(key: PRNGKeyArray, n_samples: int, rows: int) -> Int[Array, " rows"]:
    """Samples in passes over all of them, each shuffled anew."""
    keys = jax.random.split(key, -(-rows // n_samples))
    return jax.vmap(lambda key: jax.random.permutation(key, n_samples))(keys).reshape(-1)[:rows]


ENTRY = StreamEntry(
    make=make, config=InputPermuted(), summary="a new permutation of the pixels for every visit", contexts=True
)
