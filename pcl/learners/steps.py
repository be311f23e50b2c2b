"""Parts that the learners with inference share: its settings, and the step size of the activities.

The step size is `inference_lr`, limited to a share of the largest stable one. A fixed step does not stay stable,
because weights grow as they are learned, and the curvature of the energy with them.
"""

import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from pcl.fields import Traced, static, traced
from pcl.network import stability
from pcl.network.halting import HALTS, Budget, Halt
from pcl.network.inference import Numbers, Settled
from pcl.network.layers import Network
from pcl.network.rules import RULES
from pcl.network.stability import Directions

NEW = ("inference", "inference_momentum", "halt", "tolerance")  # to learners with one rule (`fields.identity`)
UNBOUNDED = tuple(name for name, rule in RULES.items() if rule.bound is None)
UNLIMITED = {"step_limit": ("nothing",), "inference": UNBOUNDED}  # with which steps are not limited


@struct.dataclass
class InferenceHParams:
    """Hyper-parameters of inference."""

    inference: str = static(
        "gd", "inference rule, which moves the activities (ipc: weights too); --list says which are local",
        choices=RULES,
    )  # fmt: skip
    inference_steps: int = static(20, "largest number of inference steps", low=0)
    inference_lr: Traced = traced(
        0.1, "largest step size of inference", low=0, idle={"inference": ("conjugate", "gauss_newton")}
    )
    step_limit: str = static(
        "curvature",
        "what limits the step size of inference: the largest curvature of the energy, or nothing",
        choices=("curvature", "nothing"),
        idle={"inference": UNBOUNDED},
    )
    step_share: Traced = traced(
        0.9, "step size of inference, as a share of the largest stable one", low=0, high=1, idle=UNLIMITED
    )
    inference_momentum: Traced = traced(
        0.5,
        "momentum of inference",
        low=0,
        high=1,
        idle={"inference": tuple(name for name in RULES if name != "momentum")},
    )
    halt: str = static("fixed", "criterion that stops the inference of a sample early", choices=HALTS)
    tolerance: Traced = traced(
        1e-3, "relative gradient (or change of activities) at which inference stops", low=0, idle={"halt": ("fixed",)}
    )


def start(network: Network, input_shape: tuple[int, ...], hp: InferenceHParams) -> Directions | None:
    """The state of a limited step size; None: it is not limited."""
    limited = hp.step_limit == "curvature" and RULES[hp.inference].bound is not None
    return stability.directions(network, input_shape) if limited and len(network) > 1 else None


def limit(
    network: Network,
    directions: Directions | None,
    teaches: Bool[Array, ""],
    hp: InferenceHParams,
    output: str = "gaussian",
) -> tuple[Traced, Directions | None]:
    """The step size for the present weights, at identity precision, and the next directions (kept if none teach)."""
    bound = RULES[hp.inference].bound
    if directions is None or bound is None:
        return hp.inference_lr, None
    s, moved = stability.stretch(network, directions)
    stable = bound(numbers(hp, hp.inference_lr)) / stability.curvature(s, output)
    kept = tuple(jnp.where(teaches, new, old) for new, old in zip(moved, directions, strict=True))
    return jnp.minimum(hp.inference_lr, hp.step_share * stable), kept


def numbers(hp: InferenceHParams, rate: Traced, gain: ArrayLike = 1.0) -> Numbers:
    """The numbers of the rule, at a step of `rate` and precisions of largest `gain`."""
    return Numbers(rate, gain, hp.inference_momentum)


def budget(hp: InferenceHParams) -> Budget:
    """The budget of one sample's inference."""
    return Budget(hp.inference_steps, None if hp.halt == "fixed" else Halt(hp.halt, hp.tolerance))


def mean_steps(settled: Settled, teaches_B: Bool[Array, " B"]) -> Float[Array, ""]:
    """Steps that rows which teach took, on average; 0 where there are none."""
    return (teaches_B * settled.steps).sum() / jnp.maximum(teaches_B.sum(), 1)
