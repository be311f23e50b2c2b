"""Self-normalised resets: a unit that is silent for much longer than it recently was is reinitialised.

A unit fires at a sample if its activity is above 0; between two firings lies a pause, of so many samples. A unit whose
present pause is longer than all but the share `rejection` of its pauses in the last `window` samples gets fresh
incoming weights and outgoing weights of 0 (`rebirth`). If the pauses of a window give a longer limit than the
present one, or none, the present limit is doubled. The first limit is `window`.

Pauses are counted in bins of an eighth of an octave, where the authors count each length, up to 20,000 samples.
Source: Farias and Jozefiak (2025), arXiv:2410.20098; ajozefiak/SelfNormalizedResets.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.fields import Traced, static, traced
from pcl.learners import backprop, plasticity, rebirth
from pcl.learners.rule import Lesson
from pcl.loops import when
from pcl.network.layers import Network
from pcl.types import Spec

LONGEST = 20_000  # samples: no limit is longer
PER_OCTAVE = 8
BINS = 1 + int(PER_OCTAVE * 14.3)  # up to the longest


@struct.dataclass
class HParams(plasticity.HParams):
    """Hyper-parameters of the test for silent units."""

    rejection: Traced = traced(
        0.02,
        "rejection level: a pause longer than all but this share of a unit's pauses resets the unit",
        low=0,
        high=1,
    )
    window: int = static(5000, "samples after which the limits of pauses are computed again", low=1)


class Units(NamedTuple):
    """For each unit: samples since it fired, its pauses in this window by length, the longest pause allowed."""

    pause: Float[Array, " H"]
    pauses: Float[Array, "H bins"]
    limit: Float[Array, " H"]


class Memory(NamedTuple):
    """The units of each hidden layer, and the samples of this window."""

    units: tuple[Units, ...]
    samples: Int[Array, ""]


def start(network: Network, hp: Any) -> Memory:
    """Units without a pause yet."""
    units = tuple(
        Units(u, jnp.zeros((len(u), BINS)), jnp.full(len(u), min(hp.window, LONGEST), u.dtype))
        for u in rebirth.of_units(network)
    )
    return Memory(units, jnp.zeros((), jnp.int32))


def bin_of(pause: Float[Array, " H"]) -> Int[Array, " H"]:
    """The bin of a pause of at least one sample."""
    return jnp.clip(jnp.floor(PER_OCTAVE * jnp.log2(jnp.maximum(pause, 1.0))).astype(jnp.int32), 0, BINS - 1)


def heard(units: Units, fires_H: Bool[Array, " H"], samples: Array) -> tuple[Units, Bool[Array, " H"]]:
    """The units after some samples, and those whose pause is too long."""
    pause = jnp.where(fires_H, units.pause, units.pause + samples)
    late = ~fires_H & (pause >= units.limit)
    ended = (fires_H | late) & (pause > 0)
    pauses = units.pauses.at[jnp.arange(len(pause)), bin_of(pause)].add(ended.astype(units.pauses.dtype))
    return Units(jnp.where(fires_H | late, 0.0, pause), pauses, units.limit), late


def limited(units: Units, rejection: Traced) -> Units:
    """The units with limits from the pauses of a window, and a new window."""
    share = jnp.cumsum(units.pauses, axis=1) / jnp.maximum(units.pauses.sum(1, keepdims=True), 1.0)
    first = jnp.argmax(share >= 1 - rejection, axis=1)
    wanted = 2.0 ** ((first + 1) / PER_OCTAVE)  # the upper end of the bin
    limit = jnp.where((share[:, -1] > 0) & (wanted < units.limit), wanted, 2 * units.limit)
    return Units(units.pause, jnp.zeros_like(units.pauses), jnp.minimum(limit, LONGEST))


def method(spec: Spec) -> plasticity.Method:
    """Resets, for a stream that announces `spec`."""

    def after(memory: Memory, old: Any, new: Any, given: Lesson, key: PRNGKeyArray, hp: Any) -> tuple[Any, Memory]:
        teaches_B1, samples = given.teaches[:, None], given.teaches.sum()
        found = [
            heard(units, (teaches_B1 & (z_BH > 0)).any(0), samples)
            for units, z_BH in zip(memory.units, rebirth.activities(old.network, given.x), strict=True)
        ]
        chosen = tuple(late for _, late in found)
        some = jnp.stack([one.any() for one in chosen]).any() if chosen else jnp.zeros((), bool)
        renewed = when(some, lambda s: rebirth.begun_anew(s, chosen, key, spec, hp.rule), new)
        units, passed = tuple(one for one, _ in found), memory.samples + samples
        over = passed >= hp.window
        units = when(over, lambda u: tuple(limited(one, hp.rejection) for one in u), units)
        return renewed, Memory(units, jnp.where(over, 0, passed))

    return plasticity.Method(start=start, after=after, cost=2)


ENTRY = plasticity.entry(
    backprop.ENTRY,
    method,
    HParams(rule={"activation": "relu"}),
    summary="silent units are reinitialised (self-normalised resets), backpropagation",
    label="self-normalised resets",
)
