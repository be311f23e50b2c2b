"""Settings of the evaluation of a run."""

from typing import ClassVar

from flax import struct

from pcl.fields import static
from pcl.products import KINDS


@struct.dataclass
class Evaluation:
    """When and on what a run is probed; all static."""

    probe_every: int = static(50, "steps between probes of the held-out samples", low=1)
    probe_size: int = static(0, "held-out samples per probe, except at the ends of tasks (0: all)", low=0)
    log_bins: int = static(250, "largest number of bins of each logged curve", low=1)
    revisit_steps: int = static(
        0, "steps that a copy of the final learner continues in each context after the stream (0: none)", low=0
    )
    end_every: int = static(1, "probe all held-out samples at every n-th end of a task (0: never)", low=0)
    probe_on: str = static(
        "test",
        "held-out samples that are probed: test samples, or a validation part of the training samples",
        choices=("test", "validation"),
    )
    LATER: ClassVar[tuple[str, ...]] = ("products",)

    charge: str = static(
        "nothing",
        "real-time evaluation; flops: samples arrive during an update, one in the time of an update of `backprop`",
        choices=("nothing", "flops"),
    )
    products: str = static(
        "float32", "precision to which the factors of the learner's matrix products are rounded", choices=KINDS
    )
