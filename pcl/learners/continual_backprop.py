"""Continual backpropagation: at every step a few of the least useful units are reinitialised.

The utility of a hidden unit is the running mean of its contribution |activity| sum |outgoing weights|, corrected for
its start at zero. Each layer accumulates `replacement_rate` per step for each unit older than `maturity` steps; once
this reaches one, the mature unit of least utility gets fresh incoming weights, outgoing weights of 0 (`rebirth`), and
age 0. A layer replaces at most one unit per step.
Source: Dohare et al. (2024), doi:10.1038/s41586-024-07711-7, equation 1 and algorithm 1; shibhansh/loss-of-plasticity.
That code, unlike the algorithm, adds the mean contribution of a replaced unit to the biases above it, counts Adam's
steps for each weight anew, and on permuted MNIST divides a utility of centred activities by the mean |incoming weight|.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.fields import Traced, traced
from pcl.learners import backprop, plasticity, rebirth
from pcl.learners.rule import Lesson
from pcl.loops import when
from pcl.network.layers import Network
from pcl.types import Spec


@struct.dataclass
class HParams(plasticity.HParams):
    """Hyper-parameters of the replacement of units."""

    replacement_rate: Traced = traced(
        1e-4, "share of the mature units of each layer that are replaced at each step", low=0, high=1
    )
    utility_decay: Traced = traced(0.99, "decay of the running utility: share kept at each step", low=0, high=1)
    maturity: Traced = traced(100.0, "steps during which a new unit is protected from replacement", low=0)


class Units(NamedTuple):
    """Utility and age of the units of a layer, and its accumulated number of replacements."""

    utility: Float[Array, " H"]
    age: Int[Array, " H"]
    owed: Float[Array, ""]


def start(network: Network, hp: Any) -> tuple[Units, ...]:
    """Newborn units."""
    return tuple(Units(u, u.astype(jnp.int32), jnp.zeros(())) for u in rebirth.of_units(network))


def judged(units: Units, contribution_H: Float[Array, " H"], hp: Any) -> tuple[Units, Bool[Array, " H"]]:
    """The units one step older, and the one that is replaced, if any."""
    age = units.age + 1
    utility = hp.utility_decay * units.utility + (1 - hp.utility_decay) * contribution_H
    mature = age > hp.maturity
    owed = units.owed + hp.replacement_rate * mature.sum()
    corrected = utility / (1 - hp.utility_decay ** age.astype(jnp.float32))
    least = jnp.argmin(jnp.where(mature, corrected, jnp.inf))
    chosen = (jnp.arange(len(age)) == least) & (owed >= 1) & mature.any()
    return Units(jnp.where(chosen, 0.0, utility), jnp.where(chosen, 0, age), owed - chosen.any()), chosen


def method(spec: Spec) -> plasticity.Method:
    """Replacement, for a stream that announces `spec`."""

    def after(
        memory: tuple[Units, ...], old: Any, new: Any, given: Lesson, key: PRNGKeyArray, hp: Any
    ) -> tuple[Any, tuple[Units, ...]]:
        found = []
        activities = rebirth.activities(old.network, given.x)
        for units, z_BH, above in zip(memory, activities, new.network[1:], strict=True):
            contribution_H = given.weight @ jnp.abs(z_BH) * jnp.abs(above.w).sum(1)
            found.append(judged(units, contribution_H, hp))
        chosen = tuple(one for _, one in found)
        some = jnp.stack([one.any() for one in chosen]).any() if chosen else jnp.zeros((), bool)
        renewed = when(some, lambda s: rebirth.begun_anew(s, chosen, key, spec, hp.rule), new)
        return renewed, tuple(units for units, _ in found)

    return plasticity.Method(start=start, after=after, cost=2)


ENTRY = plasticity.entry(
    backprop.ENTRY,
    method,
    HParams(),
    summary="the least useful units are reinitialised (continual backprop)",
    label="continual backprop",
)
