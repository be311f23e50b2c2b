"""Settings of parallax: one value of each for all streams. Numbers that are no settings are in `numbers`.

Thresholds were tried on digits and MNIST, seeds below 10. Only for `lag` is another value on record: 80 opened a second
map in one of two lives of Split-Fashion-MNIST; 40 misses new sensors on rotated MNIST.
"""

from flax import struct

from pcl.code.code import CodeHParams
from pcl.fields import Traced, static, traced

FEATURES = ("raw", "random", "code")
WITHOUT = (
    "nothing", "persistence", "gating", "bound", "lag", "settling", "maturity", "synapses", "past", "drift", "sleep",
    "decomposition", "replay", "retention",
)  # fmt: skip


@struct.dataclass
class HParams(CodeHParams):
    """Settings of contexts and their inference, of sensors, and of a sensory code; evidence is in nats."""

    features: str = static(
        "random",
        "representation of an input: all of it, random features of it, or a sensory code",
        choices=FEATURES,
    )
    max_contexts: int = static(6, "largest number of contexts; 1: a single context", low=1)
    code: int = static(
        64,
        "number of random projections of the input, at most as many as it has entries",
        low=1,
        idle={"features": ("raw", "code")},
    )
    random_features: int = static(256, "number of random features", low=1, idle={"features": ("code",)})
    lag: int = static(
        40, "largest number of samples in the window; four times as many if a new sensor is likely", low=1
    )
    inference_steps: int = static(20, "largest number of inference steps", low=1)
    context: str = static(
        "inferred", "whether the context of a sample is inferred, or told (an oracle)", choices=("inferred",)
    )
    without: str = static("nothing", "ablation: mechanism that is removed", choices=WITHOUT)
    rate: Traced = traced(0.5, "step size of inference, as a share of the way to the log posterior", low=0, high=1)
    inference_momentum: Traced = traced(0.2, "momentum of inference", low=0, high=0.9)
    leap: Traced = traced(1.5, "largest change of a log probability by one step, in nats", low=1e-3)
    energy_tolerance: Traced = traced(
        0.01, "distance of the free energy of contexts from its minimum at which inference stops, in nats", low=0
    )
    hazard: Traced = traced(0.01, "prior probability of a change of context, per sample", low=1e-6, high=0.5)
    bound: Traced = traced(6.0, "largest evidence of one input for or against a context, in nats", low=0)
    recall: Traced = traced(
        10.0, "price of a known context: evidence at which it takes over the window, in nats", low=0
    )
    allocation: Traced = traced(
        20.0, "price of a new context: evidence at which it takes over the window, in nats", low=0
    )
    ridge: Traced = traced(0.1, "prior precision of the weights", low=1e-6)
    sharpness: Traced = traced(5.0, "weight of the synapses in a vote: nats for an output of 1", low=0)
