"""Temporal predictive coding: a latent state predicts its own next value and, from there, the next observation.

For one step of one sequence, with the state z_{t-1} kept from the step before, controls u_t and observation x_t,

    F_t = 1/2 |x_t - f(z_t) C|^2_{Pi_x} + 1/2 |z_t - m_t|^2_{Pi_z},    m_t = f(z_{t-1}) A + u_t B

where |e|^2_Pi = e Pi e^T. z_t starts at its prediction m_t and descends F_t, then every weight moves by the
precision-weighted error after it times the activity before it. With f the identity and z_t settled, this is the
Kalman filter whose prior covariance is fixed at the transition noise Pi_z^-1: the uncertainty about z_{t-1} is
forgotten, so that the gain is constant and smaller than the optimal one, and the error somewhat larger.

F_t alone does not fix the scale of the state: it falls when C grows and z shrinks, until noise is followed as if
it were signal. A decay of C holds the scale.

Source: Millidge, Tang, Osanlouy, Harper and Bogacz (2024), doi:10.1371/journal.pcbi.1011183.
Letters: B sequences side by side, H latent units, D observed numbers, U controls (may be 0), T steps.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg
from pcl.errors import UsageError, one_of
from pcl.network import plasticity
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Errors, Problem, errors, feedforward
from pcl.network.halting import Budget
from pcl.network.inference import Numbers, Settled
from pcl.network.layers import Dense
from pcl.network.precision import Precision, check_precision, weigh
from pcl.network.rules import RULES
from pcl.network.samples import Activities


class Dynamics(NamedTuple):
    """Weights, the activity they start from first: A, C and B of the energy."""

    transition: Float[Array, "H H"]
    observation: Float[Array, "H D"]
    control: Float[Array, "U H"]


class Precisions(NamedTuple):
    """Precisions of transition and observation noise: None (identity), one per unit, or a matrix; see `precision`."""

    latent: Precision = None
    observed: Precision = None


class Trace(NamedTuple):
    """The results of filtering at each step; the prediction was made before x_t was seen."""

    prediction: Float[Array, "T B D"]
    z: Float[Array, "T B H"]
    energy: Float[Array, "T B"]


def init_dynamics(key: PRNGKeyArray, latent: int, observed: int, controls: int = 0) -> Dynamics:
    """Normal weights of variance 1/fan-in; a quarter of it for the transition, so that states fade at first.

    Raises:
      UsageError: fewer than one latent unit or observed number, or a negative number of controls.
    """
    if min(latent, observed, controls + 1) < 1:
        raise UsageError(f"latent={latent}, observed={observed}, controls={controls}: give at least 1, 1 and 0")
    transition_key, observation_key, control_key = jax.random.split(key, 3)
    return Dynamics(
        jax.random.normal(transition_key, (latent, latent)) / (2 * jnp.sqrt(latent)),
        jax.random.normal(observation_key, (latent, observed)) / jnp.sqrt(latent),
        jax.random.normal(control_key, (controls, latent)) / jnp.sqrt(max(controls, 1)),
    )


def check(dynamics: Dynamics, precisions: Precisions, z_BH: Array, x_BD: Array, u_BU: Array | None = None) -> None:
    """Refuses shapes that do not match, and, where values are known, indefinite precisions and values not finite.

    Observations and controls may have a leading axis of steps.

    Raises:
      UsageError: otherwise; the message says what would be right.
    """
    (latent, observed), controls = dynamics.observation.shape, len(dynamics.control)
    shapes = dynamics.transition.shape, dynamics.control.shape[1:]
    if shapes != ((latent, latent), (latent,)):
        raise UsageError(f"transition and control have shapes {shapes}; {latent} latent units need another one")
    wanted = {"state": (z_BH, latent), "observations": (x_BD, observed), "controls": (u_BU, controls)}
    for name, (value, size) in wanted.items():
        if value is None:
            continue
        if value.shape[-2:] != (len(z_BH), size):
            raise UsageError(f"{name} have shape {value.shape}; their last two axes must be {(len(z_BH), size)}")
        if not isinstance(value, jax.core.Tracer) and not np.isfinite(value).all():
            raise UsageError(f"{name} hold NaN or infinite values; they must be finite")
    check_precision(precisions.latent, (latent,), "the state")
    check_precision(precisions.observed, (observed,), "the observations")


def predict_state(
    dynamics: Dynamics, z_BH: Float[Array, "B H"], u_BU: Float[Array, "B U"], activation: str
) -> Float[Array, "B H"]:
    """The next state m that follows on state `z_BH` under controls `u_BU`."""
    return ACTIVATIONS[activation].f(z_BH) @ dynamics.transition + u_BU @ dynamics.control


def predict_observation(dynamics: Dynamics, z_BH: Float[Array, "B H"], activation: str) -> Float[Array, "B D"]:
    """The observation expected in state `z_BH`."""
    return ACTIVATIONS[activation].f(z_BH) @ dynamics.observation


def problem(
    dynamics: Dynamics,
    precisions: Precisions,
    before_BH: Float[Array, "B H"],
    u_BU: Float[Array, "B U"],
    x_BD: Float[Array, "B D"],
    activation: str,
) -> Problem:
    """One step as a chain of two layers: the bottom is [f(z_{t-1}), u_t], the free activity z_t, the top x_t.

    `before_BH` is z_{t-1}. The feed-forward pass gives m_t.

    Raises:
      UsageError: what `check` refuses.
    """
    check(dynamics, precisions, before_BH, x_BD, u_BU)
    bottom = jnp.concatenate([ACTIVATIONS[activation].f(before_BH), u_BU], 1)
    transition = Dense(jnp.concatenate([dynamics.transition, dynamics.control]))
    network = transition, Dense(dynamics.observation, inner=activation)
    return Problem(network, bottom, x_BD, precision=(precisions.latent, precisions.observed))


def energy(problem: Problem, z: Activities) -> Float[Array, " B"]:
    """F_t of each sequence in state `z`: without the logarithms of precisions, which do not change."""
    e = errors(problem, z)
    latent, observed = (jnp.sum(raw * gained, axis=-1) for raw, gained in zip(e.raw, e.gained, strict=True))
    return 0.5 * (latent + observed)


def step_bound(dynamics: Dynamics, precisions: Precisions, limit: ArrayLike = 2.0) -> Float[Array, ""]:
    """The largest stable step of a rule where no slope of f is above 1: by default that of gradient descent.

    `limit` / (largest eigenvalue of Pi_z + C Pi_x C^T), see `inference.Rule.bound`.
    """
    c_HD = dynamics.observation
    curvature_HH = weigh(precisions.latent, jnp.eye(len(c_HD))) + weigh(precisions.observed, c_HD) @ c_HD.T
    return limit / linalg.eigenvalues(curvature_HH)[-1]


def hebbian_update(problem: Problem, z: Activities, e: Errors, weight_B: Float[Array, " B"]) -> Dynamics:
    """The direction in which the weights learn, sequences weighted by `weight_B`.

    This is minus the gradient of the (weighted) F_t at the settled state.
    """
    transition, observation = plasticity.hebbian_update(problem, z, e, weight_B)
    latent = len(observation.w)
    return Dynamics(transition.w[:latent], observation.w, transition.w[latent:])


def learn(dynamics: Dynamics, direction: Dynamics, lr: ArrayLike, decay: ArrayLike) -> Dynamics:
    """Weights after a step of size `lr` in `direction`, the observation weights drawn to zero at rate `decay`."""
    direction = direction._replace(observation=direction.observation - decay * dynamics.observation)
    return jax.tree.map(lambda w, d: w + lr * d, dynamics, direction)


def filter_sequences(
    dynamics: Dynamics,
    precisions: Precisions,
    z_BH: Float[Array, "B H"],
    x_TBD: Float[Array, "T B D"],
    u_TBU: Float[Array, "T B U"],
    activation: str,
    settle: Callable[[Problem, Activities], Settled],
    lr: ArrayLike = 0.0,
    decay: ArrayLike = 0.0,
) -> tuple[Dynamics, Trace]:
    """Filters sequences from state `z_BH` on and learns from the mean over them at each step (`lr` 0: not at all).

    `settle(problem, start)` runs inference from the predicted state.

    Returns the weights after the last step and the trace.

    Raises:
      UsageError: what `check` refuses.
    """
    check(dynamics, precisions, z_BH, x_TBD, u_TBU)
    mean_B = jnp.full(z_BH.shape[0], 1 / z_BH.shape[0], z_BH.dtype)

    def step(carry: tuple[Dynamics, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Dynamics, Array], Trace]:
        dynamics, before_BH = carry
        x_BD, u_BU = inputs
        now = problem(dynamics, precisions, before_BH, u_BU, x_BD, activation)
        start = feedforward(now)
        settled = settle(now, start)
        trace = Trace(predict_observation(dynamics, start[0], activation), settled.z[0], energy(now, settled.z))
        direction = hebbian_update(now, settled.z, settled.errors, mean_B)
        return (learn(dynamics, direction, lr, decay), settled.z[0]), trace

    (dynamics, _), trace = jax.lax.scan(step, (dynamics, z_BH), (x_TBD, u_TBU))
    return dynamics, trace


@functools.partial(jax.jit, static_argnames=("activation", "rule", "steps"))
def learn_sequences(
    dynamics: Dynamics,
    x_TBD: Float[Array, "T B D"],
    *,
    precisions: Precisions | None = None,
    activation: str = "tanh",
    rule: str = "gd",
    steps: int = 20,
    lr: ArrayLike = 0.1,
    decay: ArrayLike = 0.01,
) -> tuple[Dynamics, Trace]:
    """`filter_sequences` from a state of zero, without controls, as one compiled program.

    precisions: None for 10 of every observation and 1 of the state. rule, steps: how each state settles, at the rule's
    own step. The numbers are those at which a sine and rotating digits are learned (`docs/network.md`).

    Raises:
      UsageError: dynamics with controls, an unknown rule or activation, and what `check` refuses.
    """
    if len(dynamics.control):
        raise UsageError(f"there are {len(dynamics.control)} controls: give them to filter_sequences")
    z_BH = jnp.zeros((x_TBD.shape[1], len(dynamics.transition)))
    given = precisions or Precisions(observed=jnp.full(x_TBD.shape[2], 10.0))
    return filter_sequences(
        dynamics,
        given,
        z_BH,
        x_TBD,
        jnp.zeros((*x_TBD.shape[:2], 0)),
        one_of("activation", activation, ACTIVATIONS),
        lambda now, z: RULES[rule].settle(now, z, Budget(steps), Numbers()),
        lr,
        decay,
    )


def rollout(
    dynamics: Dynamics, z_BH: Float[Array, "B H"], steps: int, activation: str = "tanh"
) -> Float[Array, "T B D"]:
    """The expected next `steps` observations after state `z_BH`, none of which is observed; without controls."""
    none_BU = jnp.zeros((len(z_BH), len(dynamics.control)), z_BH.dtype)

    def step(z_BH: Array, _: None) -> tuple[Array, Array]:
        z_BH = predict_state(dynamics, z_BH, none_BU, activation)
        return z_BH, predict_observation(dynamics, z_BH, activation)

    return jax.lax.scan(step, z_BH, None, steps)[1]
