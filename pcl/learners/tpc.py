"""Temporal predictive-coding network: predicts the next observation of each of several sequences.

Row b of every batch continues sequence b, whose latent state is kept from step to step. The state settles between
its own prediction and the observation, then transition and observation weights learn by local rules. It learns from
inputs alone; the target, the next input, only scores the prediction. A row that is padding, or has no target, leaves
the weights and its sequence as they were.
Source: Millidge, Tang, Osanlouy, Harper and Bogacz (2024), doi:10.1371/journal.pcbi.1011183.
"""

import math
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.errors import UsageError
from pcl.fields import Traced, static, traced
from pcl.learners import steps
from pcl.learners.inputs import masked_vectors, mean_weights, targets, teaching_rows, vectors
from pcl.network import temporal
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Problem, feedforward
from pcl.network.inference import Settled, rose
from pcl.network.layers import Dense, Network
from pcl.network.rules import RULES, choose
from pcl.network.stability import Directions
from pcl.types import Batch, Info, Learner, LearnerEntry, Logged, Prediction, Spec


@struct.dataclass
class HParams(steps.InferenceHParams):
    """Hyper-parameters of a temporal predictive-coding network; its hidden layer is the latent state (precision 1)."""

    LATER: ClassVar[tuple[str, ...]] = steps.NEW
    width: int = static(32, "hidden units in each layer", low=1)
    sequences: int = static(10, "largest number of parallel sequences (rows of a batch)", low=1)
    activation: str = static("tanh", "activation function of the hidden layers", choices=tuple(ACTIVATIONS))
    lr: Traced = traced(0.03, "learning rate of the weights", low=0)
    decay: Traced = traced(0.1, "decay rate of the observation weights, relative to lr", low=0)
    observed_precision: Traced = traced(1.0, "precision of the observations", low=1e-6)


class TPCState(NamedTuple):
    """Weights, the state of each sequence (zero before its first observation), and the limit of steps."""

    dynamics: temporal.Dynamics
    z: Float[Array, "S H"]
    directions: Directions | None  # see `steps`


def make(spec: Spec) -> Learner:
    """A temporal predictive-coding network for observations as announced in `spec`.

    Raises:
      UsageError: the targets are not observations, or (in `update`) a batch has more rows than `hp.sequences`.
    """
    size = math.prod(spec.input_shape)
    if spec.num_targets != size:
        raise UsageError(f"tpc predicts the next input: it needs {size} real targets, not {spec.num_targets}")

    def init(key: PRNGKeyArray, hp: HParams) -> TPCState:
        choose(hp.inference, hp.halt)
        dynamics = temporal.init_dynamics(key, hp.width, size)
        directions = steps.start(_network(dynamics, hp), (hp.width,), hp)
        return TPCState(dynamics, jnp.zeros((hp.sequences, hp.width)), directions)

    def predict(state: TPCState, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        """Row b continues sequence b; rows beyond `hp.sequences` are sequences that begin."""
        rows = min(len(x), hp.sequences)
        before_BH = jnp.zeros((len(x), hp.width)).at[:rows].set(state.z[:rows])
        rate, _ = steps.limit(_network(state.dynamics, hp), state.directions, jnp.zeros((), bool), hp)
        return Prediction(mean=_infer(state.dynamics, before_BH, vectors(x), rate, hp)[-1])

    def update(state: TPCState, batch: Batch, hp: HParams) -> tuple[TPCState, Info]:
        rows = len(batch.x)
        if rows > hp.sequences:
            raise UsageError(f"sequences={hp.sequences}: tpc meets {rows} sequences side by side; set sequences={rows}")
        x_BD, weight_B, teaches_B = masked_vectors(batch), mean_weights(batch), teaching_rows(batch)
        before_BH = state.z[:rows]
        rate, directions = steps.limit(_network(state.dynamics, hp), state.directions, weight_B.any(), hp)
        now, settled, mean_BD = _infer(state.dynamics, before_BH, x_BD, rate, hp)
        start, end = (weight_B @ temporal.energy(now, z) for z in (feedforward(now), settled.z))
        surprise = weight_B @ (0.5 * jnp.sum((targets(batch, spec) - mean_BD) ** 2, axis=-1))
        info = Info(
            prediction=Prediction(mean=mean_BD),
            log={
                "surprise": Logged(surprise, "taught"),
                "energy": Logged(end, "taught"),
                "inference_steps": Logged(steps.mean_steps(settled, teaches_B), "taught"),
            },
            risen=rose(start, end),
        )
        direction = temporal.hebbian_update(now, settled.z, settled.errors, weight_B)
        dynamics = temporal.learn(state.dynamics, direction, hp.lr * weight_B.any(), hp.decay)
        z_BH = jnp.where(teaches_B[:, None], settled.z[0], before_BH)
        return TPCState(dynamics, state.z.at[:rows].set(z_BH), directions), info

    return Learner(init, predict, update)


def _infer(
    dynamics: temporal.Dynamics, before_BH: Float[Array, "B H"], x_BD: Float[Array, "B D"], rate: Traced, hp: HParams
) -> tuple[Problem, Settled, Float[Array, "B D"]]:
    """One step, where its state settled on `x_BD`, and the observation expected next."""
    precisions = _precisions(x_BD.shape[1], hp)
    now = temporal.problem(dynamics, precisions, before_BH, _controls(before_BH), x_BD, hp.activation)
    settled = RULES[hp.inference].settle(now, feedforward(now), steps.budget(hp), steps.numbers(hp, rate))
    next_BH = temporal.predict_state(dynamics, settled.z[0], _controls(before_BH), hp.activation)
    return now, settled, temporal.predict_observation(dynamics, next_BH, hp.activation)


def step_bound(spec: Spec, hp: HParams) -> float | None:
    """The largest `inference_lr` that is stable at fresh weights.

    None where the rule has no bound, and where the step is limited: then it is stable.
    """
    bound = RULES[hp.inference].bound
    if bound is None or hp.step_limit == "curvature":
        return None
    size = math.prod(spec.input_shape)
    dynamics = temporal.init_dynamics(jax.random.key(0), hp.width, size)
    return float(temporal.step_bound(dynamics, _precisions(size, hp), bound(steps.numbers(hp, hp.inference_lr))))


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations of a learned sample: as a chain of two layers, and the transition to the next state."""
    uses = hp.width**2, hp.width * math.prod(spec.input_shape)
    return RULES[hp.inference].flops(uses, inference_steps) + 2 * (uses[0] + uses[1])


def _network(dynamics: temporal.Dynamics, hp: HParams) -> Network:
    """The layers that predict the state, and from it the observation in units of its noise."""
    observation = jnp.sqrt(hp.observed_precision) * dynamics.observation
    return Dense(dynamics.transition, inner=hp.activation), Dense(observation, inner=hp.activation)


def _precisions(size: int, hp: HParams) -> temporal.Precisions:
    return temporal.Precisions(observed=jnp.full(size, hp.observed_precision))


def _controls(z_BH: Float[Array, "B H"]) -> Float[Array, "B U"]:
    """None: streams of sequences announce no controls."""
    return jnp.zeros((len(z_BH), 0), z_BH.dtype)


ENTRY = LearnerEntry(
    make=make,
    hparams=HParams(),
    summary="temporal predictive coding of parallel sequences, one per row of a batch",
    flops=flops,
    local=True,
    labels=False,
    targets=True,
    step_bound=step_bound,
)
