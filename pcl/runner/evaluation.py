"""Settings of the evaluation of a run."""

from typing import ClassVar

from flax import struct

from pcl.fields import static
from pcl.products import KINDS


@struct.dataclass
class Evaluation:
    """When and on what a run is probed; all static."""

    probe_every: int = static(50, "steps between probes of the held-out samples", low=1)
    probe_size: int = static(0, "held-out samples a probe looks at between ends of tasks (0: all)", low=0)
    log_bins: int = static(250, "most entries of each logged curve", low=1)
    revisit_steps: int = static(0, "steps in each context again, by a copy of the final state (0: none)", low=0)
    end_every: int = static(1, "ends of tasks from one probe of all held-out samples to the next (0: none)", low=0)
    probe_on: str = static("test", "held-out samples that are probed", choices=("test", "validation"))
    LATER: ClassVar[tuple[str, ...]] = ("products",)

    charge: str = static(
        "nothing",
        "cost of an update: nothing, or (flops) the samples that arrive meanwhile, one in the time of `backprop`",
        choices=("nothing", "flops"),
    )
    products: str = static("float32", "factors of the learner's products are rounded to those of", choices=KINDS)
