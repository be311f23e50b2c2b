"""Settings of parallax: one value of each for all streams. Numbers that are no settings are in `numbers`.

Thresholds were tried on digits and MNIST, seeds below 10; another value is on record of `lag` alone: with 80 a second
map won in one of two lives of Split-Fashion-MNIST, while 40 costs new sensors on rotated MNIST.
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
    """Numbers of the workspace and of its specialists, and of a sensory code; evidence is in nats."""

    features: str = static(
        "random",
        "what of an input is learned from: all of it, random features of it, or a sensory code",
        choices=FEATURES,
    )
    max_contexts: int = static(6, "most contexts that are told apart; 1: everything is one", low=1)
    code: int = static(
        64,
        "random directions of the input, at most as many as it has entries",
        low=1,
        idle={"features": ("raw", "code")},
    )
    random_features: int = static(256, "random features that the synapses see", low=1, idle={"features": ("code",)})
    lag: int = static(40, "unresolved samples that are held back, or four times as many in suspicion", low=1)
    inference_steps: int = static(20, "most steps of inference", low=1)
    context: str = static(
        "inferred", "whether the context of a sample is inferred or, to an oracle, told", choices=("inferred",)
    )
    without: str = static("nothing", "an ablation: the mechanism that is taken away", choices=WITHOUT)
    rate: Traced = traced(0.5, "share of the way to what the evidence says that a step goes", low=0, high=1)
    inference_momentum: Traced = traced(0.2, "share of the last step of inference that is kept", low=0, high=0.9)
    leap: Traced = traced(1.5, "most nats by which a step changes a log probability", low=1e-3)
    energy_tolerance: Traced = traced(0.01, "free energy of the contexts, in nats, that inference may leave", low=0)
    hazard: Traced = traced(0.01, "expected switches a sample before any was seen", low=1e-6, high=0.5)
    bound: Traced = traced(6.0, "most that one input says for or against a context", low=0)
    recall: Traced = traced(10.0, "evidence at which a known context takes over the window", low=0)
    allocation: Traced = traced(20.0, "evidence at which a new context does", low=0)
    ridge: Traced = traced(0.1, "precision of the weights before anything is seen", low=1e-6)
    sharpness: Traced = traced(5.0, "nats that an output of 1 of the synapses is worth beside the densities", low=0)
